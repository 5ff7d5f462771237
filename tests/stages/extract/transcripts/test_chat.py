"""CHAT: roles, bullets and words; what is said stays, what is about it goes."""

import time
from contextlib import suppress

import pylangacq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilbert.stages.extract.transcripts.chat_words import spoken_words
from hilbert.stages.extract.transcripts.transcript import parse_transcript
from hilbert.store.errors import DocumentError
from hilbert.store.types import Turn

HEAD = (
    "@UTF8\n@Begin\n@Languages:\teng\n@Participants:\tPAR Participant, INV Ann Investigator\n"
    "@ID:\teng|x|PAR|||||Participant|||\n@ID:\teng|x|INV|||||Investigator|||\n@Media:\tx, audio\n"
)


def cha(*lines: str, head: str = HEAD) -> str:
    """Main lines in which ``{`` and ``}`` stand for the marks of a bullet."""
    body = "\n".join(line.replace("{", "\x15").replace("}", "\x15") for line in lines)
    return f"{head}{body}\n@End\n"


def turns(text: str, name: str = "") -> tuple[Turn, ...]:
    return parse_transcript(text.encode(), name=name)


def test_turns() -> None:
    text = cha(
        "*INV:\thow are\n\tyou today ? {0_1500}",
        "%mor:\tsecret",
        "@Comment:\tsecret\n\tmore of it",
        "*PAR:\t&-uh I [/] I am fine . {1500_2000} {2000_3250}",
        '*INV:\tgood . {%snd:"x"_3300_4000}',
        "*PAR:\t&=laughs . {4000_5000}",
        "*OTH:\tbye . {5000_6000-}",
    )
    expected = (
        Turn("how are you today?", "Investigator", 0.0, 1.5),
        Turn("uh I I am fine.", "Participant", 1.5, 3.25),
        Turn("good.", "Investigator", 3.3, 4.0),
        Turn("bye.", "OTH", 5.0, 6.0),
    )
    for newline in ("\n", "\r\n", "\r"):
        for encoding in ("utf-8", "utf-8-sig", "utf-16"):
            assert parse_transcript(text.replace("\n", newline).encode(encoding)) == expected


def test_two_of_one_role_keep_their_codes() -> None:
    head = "@UTF8\n@Begin\n@Participants:\tSI1 Tim Sibling , SI2 Sibling, CHI Target_Child, X\n"
    said = turns(cha("*SI1:\ta .", "*SI2:\tb .", "*CHI:\tc .", "*X:\td .", head=head))
    assert [turn.speaker for turn in said] == ["Sibling SI1", "Sibling SI2", "Target_Child", "X"]


def test_bullets_as_they_are_shown() -> None:
    text = cha("*INV:\thow are\n\tyou ? •100_1500•", "*PAR:\tI am . • 1500_2000 • •2000_3250•")
    assert turns(text) == (
        Turn("how are you?", "Investigator", 0.1, 1.5),
        Turn("I am.", "Participant", 1.5, 3.25),
    )


def test_old_bullets_without_their_control_characters() -> None:
    text = cha(
        '*INV:\thow are you ? [+ x] %snd:"boys85"_500_3000', '*PAR:\tI am . {%snd:"b"_3000_9000}'
    )
    assert turns(text) == (
        Turn("how are you?", "Investigator", 0.5, 3.0),
        Turn("I am.", "Participant", 3.0, 9.0),
    )


def test_times_of_words_where_the_line_has_none() -> None:
    text = cha(
        "*PAR:\thello there .", "%mor:\tsecret", "%wor:\thello {500_900} there {1000_1300} .",
        "*INV:\tyes . {2000_3000}", "%wor:\tyes {2100_broken}",
        "*PAR:\tbye .", "%wor:\tbye •4000_4500• .",
    )  # fmt: skip
    assert [(turn.start_s, turn.end_s) for turn in turns(text)] == [
        (0.5, 1.3), (2.0, 3.0), (4.0, 4.5),
    ]  # fmt: skip


def test_numbers_that_are_said_are_no_times() -> None:
    text = cha("*PAR:\tin 19 40 .", "*PAR:\tNew_York 2 .", "*PAR:\tat 5_pm we . met 3 4 .")
    assert [turn.text for turn in turns(text)][:2] == ["in 19 40.", "New York 2."]


def test_times_between_bullets_are_shares() -> None:
    text = cha("*INV:\ta b . {0_1000}", "*PAR:\tc .", "*INV:\td .", "*PAR:\te . {3000_4000}")
    assert [(turn.start_s, turn.end_s, turn.is_shared) for turn in turns(text)] == [
        (0.0, 1.0, False),
        (1.0, 2.0, True),
        (2.0, 3.0, True),
        (3.0, 4.0, False),
    ]
    alone = cha("*INV:\ta b . {0_1000}", "*PAR:\tc .", "*PAR:\td .", "*INV:\te . {3000_4000}")
    assert not any(turn.is_shared for turn in turns(alone))


def test_without_times() -> None:
    assert turns(cha("*PAR:\tyes .", '*INV:\tno . {%pic:"x.jpg"}')) == (
        Turn("yes.", "Participant"),
        Turn("no.", "Investigator"),
    )


def test_some_without_times_lie_between_the_others() -> None:
    text = cha(
        "*INV:\tone .", "*PAR:\ta b . {1000_2000}", "*INV:\tc .", "*PAR:\td e f .",
        "*PAR:\tg . {4000_5000}", "*INV:\th i .",
    )  # fmt: skip
    assert [(turn.start_s, turn.end_s) for turn in turns(text)] == [
        (0, 1), (1, 2), (2, 2.5), (2.5, 4), (4, 5), (5, 5.8),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("he goed [: went] to [*] a piece [:: peace] .", "he went to a piece."),
        ("<he goed> [: had gone] [*] now .", "had gone now."),
        ("<the <the> [/] the> [//] a dog [///] cat .", "the the the a dog cat."),
        ("&-uh &-you_know &+fr &~ga &=laughs &*INV:mhm well .", "uh you know well."),
        ("&{l=laugh so &}l=laugh .", "so."),
        ("oh (.) my (..) god (...) now (1.5) then (2:03.5) .", "oh my god now then."),
        ("0is xxx yyy www (be)cause hel:lo to^gether .", "because hello together."),
        ("wug@c la@u amigo@s:spa choo+choo New_York .", "wug la amigo choo-choo New York."),
        ("[- spa] hola [= hello] [% secret] [+ gram] [!] [>] [<1] [x 3] [?] .", "hola."),
        ('+" he said , "yes" +...', 'he said, "yes"…'),
        ("+< well ‡ you know „ right +..?", "well, you know, right?"),
        ("+^ quick +, again ++ done +/.", "quick again done."),
        ("⌈ yes ⌉ ∆fast∆ °soft° ˈstress ↑ .", "yes fast soft stress."),
        ("r ↫r-r↫rabbit it's John's o'clock !", "r rabbit it's John's o'clock!"),
        ("‹hello› ‹he goed› [: had gone] ʔ ʔima .", "hello had gone ʔima."),
        ("<b>hello</b> there .", "hello there."),
        ("hello [// there <you .", "hello there you."),
        ("hello> there] .", "hello there."),
        (". , .", ""),
        ("0 .", ""),
        ("", ""),
    ],
)
def test_words(line: str, words: str) -> None:
    assert spoken_words(line) == words


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("*PAR:\tsecret . {0_x}", "line 9 .* bullet without two times"),
        ("*PAR:\tsecret . {0-5}", "line 9 .* bullet without two times"),
        ("*PAR:\tsecret . {}", "line 9 .* bullet without two times"),
        ("*PAR:\tsecret . {0_1500", "line 9 .* bullet without two times"),
        ("*PAR:\tsecret . {-5_1500}", "line 9 .* starts before 0"),
        ("*PAR:\tsecret . {1500_5}", "line 9 .* ends .* before it starts"),
        ("*PAR:\tsecret . {0_5} more . {9_8}", "line 9 .* ends .* before it starts"),
        ("*PAR:\tsecret . 100_1500", "line 9 .* without the bullets"),
        ("*PAR:\tsecret . 100_1500 {5_9}", "line 9 .* without the bullets"),
        ("*PAR:\tsecret ? 100 1500 ", "line 9 .* without the bullets"),
        ("*PAR:\tsecret +...\n\t100 1500", "line 9 .* without the bullets"),
        ('*PAR:\tsecret . %snd: "secret" 100 1500', "line 9 .* without the bullets"),
        ('*PAR:\tsecret . %pic:"secret.jpg"', "line 9 .* without the bullets"),
        ("*PAR:\tsecret . □100_1500□", "line 9 .* without the bullets"),
        ("*PAR:\tsecret . •1500_5•", "line 9 .* ends .* before it starts"),
        ("*PAR secret .", "line 9 .* no speaker's code"),
        ("secret words", "line 9 .* begins with none of @"),
    ],
)
def test_bad_lines(line: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message) as error:
        turns(cha("*INV:\tsecret . {0_1}", line))
    assert "secret" not in str(error.value)


def test_bad_files() -> None:
    with pytest.raises(DocumentError, match="no words"):
        turns(cha())
    with pytest.raises(DocumentError, match=r"line 1 .* begins with none"):
        turns("secret\n*PAR:\tsecret .\n", "a.cha")
    assert turns("*PAR:\thello .\n", "a.cha") == (Turn("hello.", "PAR"),)


@pytest.mark.parametrize(
    "part",
    [
        "<",
        ">",
        "[",
        "[: ",
        "(",
        "&",
        "@a",
        "↫",
        "+",
        "0",
        "\x15",
        "a\n\t",
        "•",
        "•1_2",
        ". 1 ",
        '•snd:"',
        "1_",
        '%snd:"',
    ],
)
def test_hostile_lines_take_linear_time(part: str) -> None:
    start = time.process_time()
    for line in (
        part * (200_000 // len(part)),
        part + part[-1] * 200_000 + "!",
        part + "a" * 99_999,
    ):
        with suppress(DocumentError):
            turns(cha(f"*PAR:\t{line} words ."))
    assert time.process_time() - start < 3


plain_words = st.from_regex(r"[a-z]{1,6}('[a-z]{1,2})?", fullmatch=True).filter(
    lambda word: word not in {"xxx", "xx", "yyy", "yy", "www"}
)
dropped = st.sampled_from(["&=laughs", "&+fr", "xxx", "(.)", "[*]", "[!]", "&~ga"])
utterances = st.lists(
    st.tuples(
        st.sampled_from(["PAR", "INV"]),
        plain_words,
        st.lists(st.one_of(plain_words, dropped)),
        st.sampled_from([".", "?", "!", "+..."]),
        st.integers(0, 10**6),
        st.integers(1, 10**5),
    ),
    min_size=1,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # long, not wrong
@given(utterances)
def test_agrees_with_pylangacq(said: list[tuple[str, str, list[str], str, int, int]]) -> None:
    text = cha(*(f"*{code}:\t{first} {' '.join(rest)} {end} {{{start}_{start + length}}}"
                 for code, first, rest, end, start, length in said))  # fmt: skip
    roles = {"PAR": "Participant", "INV": "Investigator"}
    theirs = [
        (
            roles[u.participant],
            [token.word for token in u.tokens or [] if token.word not in {".", "?", "!", "+..."}],
            u.time_marks,
        )
        for u in pylangacq.CHAT.from_strs([text]).utterances()
    ]
    ours = [
        (
            turn.speaker,
            turn.text.rstrip(".?!…").split(),
            (round(1000 * (turn.start_s or 0)), round(1000 * (turn.end_s or 0))),
        )
        for turn in turns(text)
    ]
    assert sorted(ours, key=str) == sorted(theirs, key=str)
