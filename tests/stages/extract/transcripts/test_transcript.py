"""Every format into the same turns; every fault named by its line, without any text."""

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
import webvtt
from hypothesis import given
from hypothesis import strategies as st

from hilbert.stages.extract.transcripts.plain_text import parse_plain_text
from hilbert.stages.extract.transcripts.timing import SECONDS_PER_WORD
from hilbert.stages.extract.transcripts.transcript import parse_transcript, read_transcript
from hilbert.store.errors import DocumentError
from hilbert.store.types import Turn

Said = tuple[str | None, str]
TIMED = {"start": 1, "end": 2, "text": "secret"}


def said(text: str, name: str = "") -> list[Said]:
    return [(turn.speaker, turn.text) for turn in parse_transcript(text.encode(), name=name)]


def vtt(*payloads: str) -> str:
    """One cue a second."""
    cues = (f"00:{i:02d}.000 --> 00:{i + 1:02d}.000\n{text}" for i, text in enumerate(payloads))
    return "\n\n".join(["WEBVTT", *cues])


class TestCues:
    def test_webvtt(self) -> None:
        text = (
            "WEBVTT - a title\nKind: captions\n\nSTYLE\n::cue { color: red }\n\n"
            "NOTE not this\nnor this\n\nREGION\nid:r\n\nintro\n"
            "00:01.500 --> 00:00:03.250 align:start line:0%\n"
            "<v.loud Ann Lee>Hello <i>there</i>,\n<c.x>you &amp; me</c>.</v>\n\n"
            "01:00:00.000 --> 01:00:01.000\nBP < 120 &lt; 140\n"
        )
        assert parse_transcript(text.encode()) == (
            Turn("Hello there, you & me.", "Ann Lee", 1.5, 3.25),
            Turn("BP < 120 < 140", None, 3600.0, 3601.0),
        )

    def test_srt(self) -> None:
        text = (
            "\n1\n00:00:01,000 --> 00:00:02,000\n{\\an8}<i>One</i>\n\n"
            "2\n00:00:03,000 --> 00:00:04,500 X1:0\ntwo\n\nthree\n"
            "3\n00:00:05,000 --> 00:00:06,000\n1984\n\n4\n\n00:00:07,000 --> 00:00:08,000\nlast"
        )
        assert parse_transcript(text.encode()) == (
            Turn("One", None, 1.0, 2.0),
            Turn("two three", None, 3.0, 4.5),
            Turn("1984", None, 5.0, 6.0),
            Turn("last", None, 7.0, 8.0),
        )

    def test_several_voices_share_a_cue(self) -> None:
        text = vtt("<v Ann>One two three.</v>\n<v Bob>Four.")
        assert parse_transcript(text.encode()) == (
            Turn("One two three.", "Ann", 0.0, 0.75, is_shared=True),
            Turn("Four.", "Bob", 0.75, 1.0, is_shared=True),
        )

    def test_labels(self) -> None:
        text = vtt(
            "ANN: Hello.", "And more.", ">> BOB: Yes.\nANN: No.", "BOB: O.", "<v Cid>Note: well."
        )
        assert said(text) == [
            ("ANN", "Hello."),
            ("ANN", "And more."),
            ("BOB", "Yes."),
            ("ANN", "No."),
            ("BOB", "O."),
            ("Cid", "Note: well."),
        ]

    def test_colons_are_no_labels(self) -> None:
        payloads = ["Note: it is late.", "10:30 we met,", "see https://x.org: there", "and left."]
        assert said(vtt(*payloads)) == [(None, payload) for payload in payloads]

    def test_sorted_by_start(self) -> None:
        text = "WEBVTT\n\n" + "\n\n".join(
            f"00:{at:02d}.000 --> 00:59.000\n{word}"
            for at, word in [(5, "c"), (1, "a"), (5, "d"), (1, "b")]
        )
        assert [turn.text for turn in parse_transcript(text.encode())] == ["a", "b", "c", "d"]

    @pytest.mark.parametrize(
        ("timing", "message"),
        [
            ("00:0x.000 --> 00:02.000", "line 7 .* no pair of times"),
            ("00:01.000 --> ", "line 7 .* no pair of times"),
            ("00:61.000 --> 00:62.000", "line 7 .* no pair of times"),
            ("00:03.000 --> 00:02.000", r"line 7 .* ends \(2 s\) before it starts \(3 s\)"),
            ("-00:03.000 --> 00:02.000", r"line 7 .* starts before 0 \(-3 s\)"),
        ],
    )
    @pytest.mark.parametrize("header", ["WEBVTT\n\n", "1\n00:00:00,000 --> 00:00:01,000\n"])
    def test_bad_times(self, header: str, timing: str, message: str) -> None:
        first = (
            "00:00.000 --> 00:01.000\nsecret\n\n" if header.startswith("WEB") else "secret\n\n\n"
        )
        with pytest.raises(DocumentError, match=message) as error:
            said(f"{header}{first}7\n{timing}\nsecret\n")
        assert "secret" not in str(error.value)

    @pytest.mark.parametrize("name", ["a.srt", ""])
    def test_broken_first_time_is_no_prose(self, name: str) -> None:
        with pytest.raises(DocumentError, match="line 2"):
            said("1\n00:00:xx --> 00:00:02,000\nsecret", name)

    @pytest.mark.parametrize(
        "timing",
        ["00:00:01,000 -> 00:00:02,000", "00:01.000 -- > 00:02.000", "00:01.000 —> 00:02.000",
         "00:00:01,000 – 00:00:02,000", "00:01.000 → 00:02.000 align:start line:0%",
         "00:01 -> 00:02", "00:00:01.5,00:00:02.5", "00:00:01,000 00:00:02,000",
         "00:01:02 — 00:02:03 ", "00:00:01:12 - 00:00:03:10"],
    )  # fmt: skip
    @pytest.mark.parametrize("header", ["WEBVTT\n\n", "1\n00:00:00,000 --> 00:00:01,000\n", ""])
    def test_two_times_without_their_arrow(self, header: str, timing: str) -> None:
        first = "00:00.000 --> 00:01.000\n" if header.startswith("WEB") else ""
        before = f"{header}{first}secret\n\n" if header else ""
        line = before.count("\n") + 2
        for name in ("a.srt", "a.vtt", ""):
            with pytest.raises(DocumentError, match=f"^line {line} .* no pair of times") as error:
                said(f"{before}7\n{timing}\nsecret\n\n8\n00:00:04,000 --> 00:00:05,000\nb", name)
            assert "secret" not in str(error.value)

    @pytest.mark.parametrize(
        "line", ["10:30 - 11:45", "From 00:00:01 -> 00:00:02.", "00:00:01.5 - 00:00:02.5 it was",
                 "A: 0:01", "0:01", "1 -> 2", "10:30, 11:45"],
    )  # fmt: skip
    def test_times_that_are_said(self, line: str) -> None:
        assert said(vtt(line))[0][1] == line
        assert said(vtt("So.") + "\n\nNOTE was\n00:00:01 -> 00:00:02\n")[0][1] == "So."

    @pytest.mark.parametrize("name", ["a.srt", "a.vtt", "A.VTT"])
    def test_what_is_none_is_refused_by_its_name(self, name: str) -> None:
        for text in ("Some secret prose.", "1\n00:00:01\nsecret\n"):
            with pytest.raises(DocumentError, match="has no pair of times such as") as error:
                said(text, name)
            assert "secret" not in str(error.value)
            assert said(text)

    def test_a_sentence_is_no_voice(self) -> None:
        secret = "my name is secret and I live at the end of this road"
        for name in (secret, "S" * 41, "one two three four five"):
            with pytest.raises(DocumentError, match=r"line 6 .* names a speaker.*at most") as error:
                said(vtt("Hi.", f"<v {name}>Hello."))
            assert not any(word in str(error.value) for word in ("secret", "SS", "three"))
        assert said(vtt(f"<v  Dr. Ann  van {'L' * 28}>Hi."))[0][0] == f"Dr. Ann van {'L' * 28}"

    @pytest.mark.parametrize(
        "part", ["<v ", "<v.", "<v", "</v ", "<v\u2003", "<", "{\\", "<b ", "<1", "&", "A: "]
    )
    def test_hostile_lines_take_linear_time(self, part: str) -> None:
        for line in (part * (200_000 // len(part)), "<v" + part[-1] * 200_000):
            start = time.process_time()
            with suppress(DocumentError):
                parse_transcript(vtt(f"{line}\nwords").encode())
            assert time.process_time() - start < 1  # it took minutes

    @given(
        st.lists(
            st.tuples(
                st.integers(0, 35_999_999),
                st.integers(0, 60_000),
                st.from_regex(r"[A-Z][a-z]{0,8}( [a-z]{1,8}){0,5}[.?!]", fullmatch=True),
            ),
            min_size=1,
        ),
        st.booleans(),
    )
    def test_agrees_with_webvtt_py(self, cues: list[tuple[int, int, str]], srt: bool) -> None:
        captions = [
            webvtt.Caption(stamp(start), stamp(start + length), text)
            for start, length, text in sorted(cues)
        ]
        text = srt_text(captions) if srt else webvtt.WebVTT(captions=captions).content
        assert parse_transcript(text.encode()) == tuple(
            Turn(cue.text, None, *map(seconds, (cue.start, cue.end))) for cue in captions
        )


def stamp(ms: int) -> str:
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"


def seconds(time: str) -> float:
    hours, minutes, rest = time.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def srt_text(captions: Sequence[webvtt.Caption]) -> str:
    return "\n\n".join(
        f"{i}\n{cue.start.replace('.', ',')} --> {cue.end.replace('.', ',')}\n{cue.text}"
        for i, cue in enumerate(captions, start=1)
    )


class TestWhisperJson:
    def parse(self, value: object, name: str = "") -> tuple[Turn, ...]:
        return parse_transcript(json.dumps(value).encode(), name=name)

    def test_segments(self) -> None:
        segments = [
            {"id": 0, "start": 0.0, "end": 2, "text": " Hello  there.", "speaker": "SPEAKER_00"},
            {"id": 1, "start": 2.0, "end": 3.5, "text": " Hi."},
            {"id": 2, "start": 4.0, "end": 4.0, "text": "  "},
        ]
        expected = (Turn("Hello there.", "SPEAKER_00", 0.0, 2.0), Turn("Hi.", None, 2.0, 3.5))
        assert self.parse({"text": "all", "segments": segments, "language": "en"}) == expected
        assert self.parse(segments) == expected

    @pytest.mark.parametrize("speaker", [None, "", "  "])
    def test_no_speaker(self, speaker: str | None) -> None:
        turns = self.parse([{"start": 0, "end": 1, "text": "Hi.", "speaker": speaker}])
        assert turns == (Turn("Hi.", None, 0.0, 1.0),)

    def test_chunks(self) -> None:
        chunks = [
            {"timestamp": [0.0, 1.0], "text": " One."},
            {"timestamp": [1.5, None], "text": " Two."},
            {"timestamp": [2.0, None], "text": " Three four five."},
        ]
        turns = self.parse({"text": "all", "chunks": chunks})
        assert turns == (
            Turn("One.", None, 0.0, 1.0),
            Turn("Two.", None, 1.5, 2.0),
            Turn("Three four five.", None, 2.0, 2.0 + 3 * SECONDS_PER_WORD),
        )

    def test_chunks_and_who_says_them(self) -> None:
        """insanely-fast-whisper names nobody behind the end of its diarisation."""
        chunks = [
            {"timestamp": [0.5, 1.2], "text": " One."},
            {"timestamp": [2.0, 3.9], "text": " Two."},
            {"timestamp": [4.0, None], "text": " Three."},
        ]
        named = [{"speaker": f"SPEAKER_0{i}", **chunk} for i, chunk in enumerate(chunks[:2])]
        value = {"speakers": named, "chunks": chunks, "text": " One. Two. Three."}
        last = Turn("Three.", None, 4.0, 4.0 + SECONDS_PER_WORD)
        assert self.parse(value) == (
            Turn("One.", "SPEAKER_00", 0.5, 1.2), Turn("Two.", "SPEAKER_01", 2.0, 3.9), last,
        )  # fmt: skip
        joined = [{"speaker": "A", "timestamp": [0.5, 5], "text": "One. Two. Three."}]
        assert self.parse(value | {"speakers": joined}) == (
            Turn("One. Two. Three.", "A", 0.5, 5.0),
        )
        joined = [{"speaker": "A", "timestamp": [0.5, 4], "text": "One. Two."}]
        assert [turn.speaker for turn in self.parse(value | {"speakers": joined})] == [None] * 3
        assert len(self.parse(value | {"speakers": []})) == 3

    @pytest.mark.parametrize("words", [None, [], [{"text": "Hi.", "start": 500, "end": 900}]])
    @pytest.mark.parametrize("unit_s", [1, 0.001])
    def test_utterances(self, words: object, unit_s: float) -> None:
        said = [("A", 2, 4, "Hello there."), ("B", 5, 7, "I am well.")]
        utterances = [
            {"speaker": who, "start": int(start / unit_s), "end": int(end / unit_s), "text": text}
            for who, start, end, text in said
        ]
        value = {"text": "Hello there. I am well.", "words": words, "utterances": utterances}
        assert self.parse(value) == tuple(
            Turn(text, who, float(start), float(end)) for who, start, end, text in said
        )

    def test_text_alone(self) -> None:
        assert self.parse({"text": " Hello there. "}) == (Turn("Hello there."),)

    def test_words_alone(self) -> None:
        words = [("Hello", 0, 0.5), ("there", 0.5, 1), ("I", 1.2, 1.3), ("am", 1.3, 1.5),
                 ("Ann", 2.6, 3.0), ("Yes", 3, 3.5)]  # fmt: skip
        value = {
            "text": " Hello  there! I am … Ann. Yes",
            "segments": None,
            "words": [{"word": word, "start": start, "end": end} for word, start, end in words],
        }
        assert self.parse(value) == (
            Turn("Hello there!", None, 0.0, 1.0),
            Turn("I am …", None, 1.2, 1.5),
            Turn("Ann.", None, 2.6, 3.0),
            Turn("Yes", None, 3.0, 3.5),
        )
        assert self.parse(value | {"text": "Hallo there I am Ann Yes"}) == (
            Turn("Hello there I am", None, 0.0, 1.5),
            Turn("Ann Yes", None, 2.6, 3.5),
        )

    def test_words_of_assemblyai_are_in_milliseconds(self) -> None:
        words = [
            {"text": text, "start": start, "end": end, "confidence": 0.9, "speaker": who}
            for text, start, end, who in [("Hi", 0, 500, "A"), ("there", 600, 1100, "A"),
                                          ("yes.", 1500, 1900, "B")]
        ]  # fmt: skip
        value = {"id": "x", "text": "Hi there yes.", "words": words, "utterances": []}
        assert self.parse(value) == (Turn("Hi there", "A", 0.0, 1.1), Turn("yes.", "B", 1.5, 1.9))
        for word in words:
            word["start"] /= 100  # type: ignore[operator]
            word["end"] /= 100  # type: ignore[operator]
        assert self.parse(value)[0].end_s == 11.0
        words = [{"text": "secret", "start": 0, "end": 10**400}]
        with pytest.raises(DocumentError, match="not finite"):
            self.parse({"text": "secret", "words": words})

    def test_words_with_speakers_and_without_times(self) -> None:
        words = [
            {"word": "One", "start": 0, "end": 1, "speaker": "A"},
            {"word": "2"},
            {"word": "Yes.", "start": 1.5, "end": 2, "speaker": "B"},
            {"word": "3.", "speaker": "A"},
            {"word": "No.", "start": 4, "end": 5, "speaker": "B"},
        ]
        assert self.parse({"text": "One 2 Yes. 3. No.", "words": words}) == (
            Turn("One 2", "A", 0.0, 1.0),
            Turn("Yes.", "B", 1.5, 2.0),
            Turn("3.", "A", 2.0, 4.0),
            Turn("No.", "B", 4.0, 5.0),
        )

    @pytest.mark.parametrize("words", [[], None, [{"word": "Hi."}]])
    def test_words_without_any_times(self, words: object) -> None:
        assert self.parse({"text": "Hi.", "words": words}) == (Turn("Hi."),)

    @pytest.mark.parametrize(
        ("word", "message"),
        [
            ({"word": "secret", "start": 2, "end": 1}, "word 2 .* before it starts"),
            ({"word": "secret", "start": "1", "end": 2}, "word 2 .* no readable times"),
            ({"start": 1, "end": 2}, "word 2 .* no text"),
        ],
    )
    def test_bad_words(self, word: object, message: str) -> None:
        words = [{"word": "secret", "start": 0, "end": 1}, word]
        with pytest.raises(DocumentError, match=message) as error:
            self.parse({"text": "secret secret", "words": words})
        assert "secret" not in str(error.value)

    @pytest.mark.parametrize(
        ("segment", "message"),
        [
            ({"start": 1, "end": 2}, "segment 2 .* no text"),
            ({"start": "1", "end": 2, "text": "secret"}, "segment 2 .* no readable times"),
            ({"start": 1, "text": "secret"}, "segment 2 .* no readable times"),
            ({"start": True, "end": 2, "text": "secret"}, "segment 2 .* no readable times"),
            ({"timestamp": [None, 2], "text": "secret"}, "segment 2 .* no readable times"),
            ({"start": 1, "end": float("nan"), "text": "secret"}, "segment 2 .* not finite"),
            ({"start": 10**400, "end": 10**401, "text": "secret"}, "segment 2 .* not finite"),
            ({"start": 3, "end": 2, "text": "secret"}, "segment 2 .* before it starts"),
            ({"start": -1, "end": 2, "text": "secret"}, "segment 2 .* starts before 0"),
            (5, "segment 2 .* no text"),
            ({**TIMED, "speaker": {"secret": 1}}, "segment 2 .* speaker that is not a string"),
            ({**TIMED, "speaker": 0.5}, "segment 2 .* speaker that is not a string"),
            ({**TIMED, "speaker": "secret " * 5}, "segment 2 .* names a speaker of 5 words"),
            ({**TIMED, "speaker": "secret" * 7}, "segment 2 .* 42 characters; shorten it"),
        ],
    )
    def test_bad_segments(self, segment: object, message: str) -> None:
        with pytest.raises(DocumentError, match=message) as error:
            self.parse({"segments": [{"start": 0, "end": 1, "text": "secret"}, segment]})
        assert "secret" not in str(error.value)

    @pytest.mark.parametrize("value", [{"words": []}, {"segments": 5}])
    def test_other_json(self, value: object) -> None:
        with pytest.raises(DocumentError, match="without a list of segments"):
            self.parse(value)

    def test_broken_json(self) -> None:
        with pytest.raises(DocumentError, match="not JSON at line 2"):
            said('{"segments":\n oops', "a.json")

    @pytest.mark.parametrize("text", ["[laughs] Well.", "{sighs} Well.", "[1] Well.", "[1]"])
    def test_brackets_are_no_json(self, text: str) -> None:
        assert said(text) == [(None, text)]


class TestPlainText:
    def test_turns(self) -> None:
        text = "D: What brings you\r\nhere?\r\n\r\nP: Pain: here.\r\n\r\nD:\r\nSince\r\nwhen?"
        expected = [("D", "What brings you here?"), ("P", "Pain: here."), ("D", "Since when?")]
        assert said(text) == expected

    def test_names(self) -> None:
        text = "Interview 3\n\nDr. Smith-Lee: Hello.\n\nSpeaker 1 (F): Hi.\n\nJosé： Bye."
        text += "".join(f"\n\n{name}: Oh." for name in ("Dr. Smith-Lee", "Speaker 1 (F)", "José"))
        assert said(text) == [
            (None, "Interview 3"),
            ("Dr. Smith-Lee", "Hello."),
            ("Speaker 1 (F)", "Hi."),
            ("José", "Bye."),
            *((name, "Oh.") for name in ("Dr. Smith-Lee", "Speaker 1 (F)", "José")),
        ]

    def test_lower_case_labels_have_to_repeat(self) -> None:
        text = "the nurse: Yes.\nDoctor: No.\nand I said: no.\nthe nurse: Bye.\nDoctor: Bye."
        assert said(text) == [
            ("the nurse", "Yes."),
            ("Doctor", "No."),
            (None, "and I said: no."),
            ("the nurse", "Bye."),
            ("Doctor", "Bye."),
        ]

    def test_long_turns_broken_into_lines(self) -> None:
        turn = "of many words\nin many lines\n" * 4
        text = f"A: one {turn}B: two {turn}A: three {turn}B: four {turn}"
        assert [speaker for speaker, _ in said(text)] == ["A", "B", "A", "B"]

    @pytest.mark.parametrize(
        "text",
        [
            "Note: she was late.",
            "10:30 we met.\n11:00 we left.",
            "See https://x.org/a: it is there.\nhttp://y.org is not.",
            "She came. Then she said: no.\nWell, I said: yes.\nWe left.",
            "One. " * 50 + "\n\nNote: this.\n\n" + "Two.\n\n" * 10 + "Note: that.\n\nThree.",
        ],
    )
    def test_prose_has_no_speakers(self, text: str) -> None:
        assert {speaker for speaker, _ in said(text)} == {None}

    def test_paragraphs(self) -> None:
        assert said("One\ntwo.\n \n\nThree.") == [(None, "One two."), (None, "Three.")]

    @given(st.lists(st.from_regex(r"[a-z ]{0,9}[:.\n -]{0,3}", fullmatch=True)))
    def test_no_letter_is_lost(self, parts: list[str]) -> None:
        text = "".join(parts)
        read = "".join((turn.speaker or "") + turn.text for turn in parse_plain_text(text))
        assert [c for c in read if c.isalpha()] == [c for c in text if c.isalpha()]


class TestBytes:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    @pytest.mark.parametrize("text", [vtt("<v Zoë>Grüße"), "Zoë: Grüße\nZoë: Grüße"])
    def test_encodings(self, encoding: str, text: str) -> None:
        assert parse_transcript(text.encode(encoding))[0].text == "Grüße"

    def test_not_utf8(self) -> None:
        with pytest.raises(DocumentError, match=r"not UTF-8 at byte 9; .*iconv") as error:
            parse_transcript("secret Zoë".encode("latin1") + b" secret")
        assert "secret" not in str(error.value)
        assert error.value.__cause__ is None

    def test_not_utf16(self) -> None:
        with pytest.raises(DocumentError, match="not UTF-16 at byte"):
            parse_transcript(b"\xff\xfea\0b")

    def test_utf16_without_mark(self) -> None:
        with pytest.raises(DocumentError, match="NUL"):
            parse_transcript("secret".encode("utf-16-le"))

    @pytest.mark.parametrize(
        "text", ["", " \n", "WEBVTT\n\n", vtt("..."), '{"segments": []}', "- -"]
    )
    def test_no_words(self, text: str) -> None:
        with pytest.raises(DocumentError, match="no words"):
            parse_transcript(text.encode())

    @given(st.binary(max_size=200))
    def test_anything_parses_or_is_refused(self, data: bytes) -> None:
        with suppress(DocumentError):
            assert parse_transcript(data)

    @given(st.text(alphabet="AB :\n-><v/.019,{}[]", max_size=80), st.booleans())
    def test_anything_like_cues_parses_or_is_refused(self, text: str, is_vtt: bool) -> None:
        with suppress(DocumentError):
            assert parse_transcript(("WEBVTT\n\n" * is_vtt + text).encode(), name="a.srt")


class TestFiles:
    def test_content_decides(self, tmp_path: Path) -> None:
        path = tmp_path / "a.txt"
        path.write_text(vtt("<v Ann>Hi."))
        assert read_transcript(path) == (Turn("Hi.", "Ann", 0.0, 1.0),)

    def test_missing_and_empty(self, tmp_path: Path) -> None:
        path = tmp_path / "a.vtt"
        with pytest.raises(DocumentError, match=r"the transcript file a\.vtt is missing"):
            read_transcript(path)
        path.touch()
        with pytest.raises(DocumentError, match="empty"):
            read_transcript(path)
        with pytest.raises(DocumentError, match="a directory"):
            read_transcript(tmp_path)

    def test_real_webvtt(self, test_data: Path) -> None:
        for path in (test_data / "speechocean762" / "transcripts").glob("*.vtt"):
            turns = read_transcript(path)
            assert len(turns) == 20
            assert {turn.speaker for turn in turns} == {"speaker"}

    def test_real_plain_text(self, test_data: Path) -> None:
        for path in (test_data / "osce-sample" / "transcripts").glob("*.txt"):
            turns = read_transcript(path)
            assert {turn.speaker for turn in turns} == {"D", "P"}
            assert len(turns) > 50


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.jsonl", '{"start": 0, "end": 1, "text": "secret"}\n{"start": 1, "end": 2}\n'),
        ("a.ASS", "[Script Info]\n\n[Events]\nDialogue: 0,0:00:01.00,0:00:02.00,secret\n"),
        ("a.stm", "rec 1 anna 0.5 1.2 <o,f0> secret words\n"),
        ("a.rtf", "{\\rtf1\\ansi secret}"),
    ],
)
def test_formats_that_are_not_read_are_no_prose(name: str, text: str) -> None:
    with pytest.raises(DocumentError, match="file, which is not read; convert it") as error:
        parse_transcript(text.encode(), name=name)
    assert "secret" not in str(error.value)
    assert parse_transcript(text.encode(), name=name, format="plain")
    assert parse_transcript(b"WEBVTT\n\n00:01.000 --> 00:02.000\nWell.\n", name=name)
