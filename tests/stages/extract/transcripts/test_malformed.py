"""Every format with every fault: read as well as can be, or refused in one line.

What is refused says where; what is said in the transcript ("secret") is never repeated.
"""

import re
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilbert.stages.extract.transcripts.formats import TranscriptFormat
from hilbert.stages.extract.transcripts.transcript import detect_format, parse_transcript
from hilbert.store.errors import DocumentError

Times = tuple[object, object]


def clock(seconds: object, point: str) -> object:
    """``hh:mm:ss.mmm``; what is no number stays as it is."""
    if not isinstance(seconds, int | float):
        return seconds
    ms = round(abs(seconds) * 1000)
    sign = "-" if seconds < 0 else ""
    minutes, rest = divmod(ms, 60_000)
    return (
        f"{sign}{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}{point}{rest % 1000:03d}"
    )


def ms(seconds: object) -> object:
    return round(seconds * 1000) if isinstance(seconds, int | float) else seconds


def webvtt(text: str, *spans: Times) -> str:
    cues = [f"{clock(a, '.')} --> {clock(b, '.')}\n<v Ann>{text}\n" for a, b in spans]
    return "\n".join(["WEBVTT\n", *cues])


def srt(text: str, *spans: Times) -> str:
    cues = [f"{clock(a, ',')} --> {clock(b, ',')}\n{text}\n" for a, b in spans]
    return "\n".join(f"{i}\n{cue}" for i, cue in enumerate(cues, start=1))


def json_time(value: object) -> object:
    return value if isinstance(value, int | float) else f'"{value}"'


def whisper(text: str, *spans: Times) -> str:
    said = text.replace("\\", "\\\\").replace('"', '\\"')
    parts = [
        f'{{"start": {json_time(a)}, "end": {json_time(b)}, "text": "{said}"}}' for a, b in spans
    ]
    return '{"segments": [' + ",\n".join(parts) + "]}"


def whisperx(text: str, *spans: Times) -> str:
    return whisper(text, *spans)[:-1] + ', "word_segments": []}'


def textgrid(text: str, *spans: Times) -> str:
    said = text.replace('"', '""')
    head = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n99\n<exists>\n1\n'
    head += f'"IntervalTier"\n"Ann"\n0\n99\n{len(spans)}\n'
    return head + "".join(f'{a}\n{b}\n"{said}"\n' for a, b in spans)


def eaf(text: str, *spans: Times) -> str:
    said = text.replace("&", "&amp;").replace("<", "&lt;")
    slots, annotations = "", ""
    for i, (a, b) in enumerate(spans):
        slots += f'<TIME_SLOT TIME_SLOT_ID="a{i}" TIME_VALUE="{ms(a)}"/>'
        slots += f'<TIME_SLOT TIME_SLOT_ID="b{i}" TIME_VALUE="{ms(b)}"/>\n'
        annotations += (
            f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="n{i}" TIME_SLOT_REF1="a{i}" '
            f'TIME_SLOT_REF2="b{i}"><ANNOTATION_VALUE>{said}</ANNOTATION_VALUE>'
            f"</ALIGNABLE_ANNOTATION></ANNOTATION>\n"
        )
    return (
        f"<?xml version='1.0'?>\n<ANNOTATION_DOCUMENT><TIME_ORDER>{slots}</TIME_ORDER>"
        f"<TIER TIER_ID='Ann'>{annotations}</TIER></ANNOTATION_DOCUMENT>"
    )


def chat(text: str, *spans: Times) -> str:
    lines = [f"*PAR:\t{text} . \x15{ms(a)}_{ms(b)}\x15\n" for a, b in spans]
    return "@UTF8\n@Begin\n@Participants:\tPAR Participant\n" + "".join(lines) + "@End\n"


def length(a: object, b: object) -> object:
    both = isinstance(a, int | float) and isinstance(b, int | float)
    return round(b - a, 3) if both else b  # type: ignore[operator]


def ctm(text: str, *spans: Times) -> str:
    words = text.split() or [""]
    lines = [f"rec A {a} {length(a, b)} {word} 0.9\n" for a, b in spans for word in words]
    return ";; made by hand, 0.1\n" + "".join(lines)


def rttm(text: str, *spans: Times) -> str:
    lines = [f"SPEAKER rec 1 {a} {length(a, b)} <NA> <NA> Ann <NA> <NA>\n" for a, b in spans]
    return f";; {text}\n" + "".join(lines)


def table(text: str, *spans: Times) -> str:
    cell = '"' + text.replace('"', '""') + '"'
    return "start,stop,speaker,value\n" + "".join(f"{a},{b},Ann,{cell}\n" for a, b in spans)


MAKERS = {
    "webvtt": webvtt, "srt": srt, "whisper": whisper, "whisperx": whisperx, "textgrid": textgrid,
    "eaf": eaf, "chat": chat, "ctm": ctm, "rttm": rttm, "csv": table,
}  # fmt: skip
NAMES = pytest.mark.parametrize("name", MAKERS)
PLACES = {
    "webvtt": r"line \d+ ", "srt": r"line \d+ ", "whisper": "segment 2 ", "whisperx": "segment 2 ",
    "textgrid": "interval 2 of tier 1 ", "eaf": "annotation 2 of tier 1 ", "chat": r"line \d+ ",
    "ctm": r"line \d+ ", "rttm": r"line \d+ ", "csv": r"line \d+ ",
}  # fmt: skip
"""What an error says of the second of the turns."""
GOOD, LAST = (1.5, 2.5), (7.0, 8.25)


def refused(data: bytes | str, format: TranscriptFormat = "auto") -> str:
    """The message of a transcript that is not read: one line, quick, without its text."""
    start = time.process_time()
    with pytest.raises(DocumentError) as error:
        parse_transcript(data.encode() if isinstance(data, str) else data, format=format)
    message = str(error.value)
    assert "secret" not in message
    assert "\n" not in message
    assert len(message) < 250
    assert time.process_time() - start < 2
    return message


def spans_of(text: str) -> list[tuple[float | None, float | None]]:
    return [(turn.start_s, turn.end_s) for turn in parse_transcript(text.encode())]


@NAMES
def test_what_is_sound_is_read(name: str) -> None:
    text = MAKERS[name]("secret words", GOOD, LAST)
    assert detect_format(text) == name
    if name != "ctm":
        assert spans_of(text) == [GOOD, LAST]
    words = {turn.text.rstrip(".") for turn in parse_transcript(text.encode())}
    assert words == ({""} if name == "rttm" else {"secret words"})


@NAMES
def test_extension_decides_where_the_content_does_not(name: str) -> None:
    endings = {"textgrid": "TextGrid", "eaf": "eaf", "chat": "cha", "ctm": "ctm", "rttm": "rttm",
               "csv": "tsv"}  # fmt: skip
    if name in endings:
        assert detect_format("nothing of it", f"a.{endings[name]}".lower()) == name
        other = MAKERS[name]("secret words", GOOD, LAST)
        assert {detect_format(other, f"a.{ending}".lower()) for ending in endings.values()} == {
            name
        }


@NAMES
def test_broken_time(name: str) -> None:
    where = "time slot 3 " if name == "eaf" else PLACES[name]
    text = MAKERS[name]("secret", GOOD, ("secret", 3.5), LAST)
    assert re.match(f"{where}.*(time|number|pair)", refused(text))


@NAMES
@pytest.mark.parametrize(
    ("span", "reason"),
    [((-2.0, 3.5), r"starts before 0 \(-2 s\)"), ((4.0, 3.5), r"ends \(3.5 s\) before it starts")],
)
def test_negative_and_backward_times(name: str, span: Times, reason: str) -> None:
    text = MAKERS[name]("secret", GOOD, span, LAST)
    assert re.match(f"{PLACES[name]}of the transcript {reason}", refused(text))


@NAMES
def test_overlaps_and_disorder_are_read_in_order(name: str) -> None:
    spans = [LAST, (2.0, 7.5), GOOD, (0.0, 0.5)]
    found = spans_of(MAKERS[name]("secret", *spans))
    assert found == ([(0.0, 0.5), (1.5, 8.25)] if name == "ctm" else sorted(spans))


@NAMES
def test_encodings(name: str) -> None:
    text = MAKERS[name]("Grüße", GOOD, LAST)
    expected = parse_transcript(text.encode())
    assert name == "rttm" or "Grüße" in expected[0].text
    for encoding in ("utf-8-sig", "utf-16"):
        assert parse_transcript(text.encode(encoding)) == expected
    for newline in ("\r\n", "\r"):
        assert parse_transcript(text.replace("\n", newline).encode()) == expected
    assert re.match(
        r"the transcript is not UTF-8 at byte \d+; .*iconv", refused(text.encode("latin1"))
    )
    assert re.match(
        "the transcript holds a NUL",
        refused(text.encode("utf-16-le").replace(b"\xfc", b"u").replace(b"\xdf", b"s")),
    )
    assert re.match("the transcript is not UTF-16", refused(text.encode("utf-16")[:-1]))


@pytest.mark.parametrize("name", [n for n in MAKERS if n not in {"rttm", "ctm"}])
@pytest.mark.parametrize("text", ["", " ", "...", "- -"])
def test_empty_turns(name: str, text: str) -> None:
    assert refused(MAKERS[name](text, GOOD, LAST)).startswith("the transcript holds no words")


@NAMES
def test_no_turns(name: str) -> None:
    forced: TranscriptFormat = name  # type: ignore[assignment]
    message = refused(MAKERS[name]("secret"), forced)
    assert re.match("the transcript holds no (words|turns); remove it, or mend it", message)


@pytest.mark.parametrize("name", [n for n in MAKERS if n not in {"rttm", "whisper", "whisperx"}])
def test_html_inside(name: str) -> None:
    text = MAKERS[name]("<b>so</b> it is", GOOD)
    (turn,) = parse_transcript(text.encode())
    assert turn.text.rstrip(".") == "so it is"


@pytest.mark.parametrize("name", [n for n in MAKERS if n != "rttm"])
@pytest.mark.parametrize(
    "text", ["secret " * 14_000, "s" * 100_000, "<" * 99_000 + " s", '"' * 99_999 + "s"]
)
def test_long_texts(name: str, text: str) -> None:
    start = time.process_time()
    if name == "ctm":
        text = text.replace(" ", "_")
    (turn,) = parse_transcript(MAKERS[name](text, GOOD).encode())
    is_marks = name == "chat" and text.startswith("<")  # where brackets are no words
    assert turn.text.rstrip(".") == ("s" if is_marks else text.strip())
    assert time.process_time() - start < 2


@pytest.mark.parametrize("name", ["textgrid", "eaf", "whisper", "whisperx"])
def test_cut_off(name: str) -> None:
    """A format with an end tells that it is missing."""
    text = MAKERS[name]("secret", GOOD, LAST).rstrip()
    forced: TranscriptFormat = name  # type: ignore[assignment]
    for length in range(len(text) - 8, len(text)):
        refused(text[:length], forced)


@pytest.mark.parametrize("forced", [*MAKERS, "plain"])
@pytest.mark.parametrize("name", MAKERS)
def test_a_forced_format_is_that_or_refused(name: str, forced: TranscriptFormat) -> None:
    text = MAKERS[name]("secret words", GOOD, LAST)
    if name == forced:
        assert parse_transcript(text.encode(), format=forced) == parse_transcript(text.encode())
    elif (
        forced == "plain"
        or {name, forced} <= {"webvtt", "srt"}
        or {name, forced} <= {"whisper", "whisperx"}
    ):
        assert parse_transcript(text.encode(), format=forced)
    else:
        refused(text, forced)


@given(st.binary(max_size=200), st.sampled_from([*MAKERS, "plain"]))
def test_anything_is_read_or_refused(data: bytes, forced: TranscriptFormat) -> None:
    with suppress(DocumentError):
        assert parse_transcript(data, format=forced)


@given(st.sampled_from(list(MAKERS)), st.data())
def test_any_damage_is_read_or_refused(name: str, data: st.DataObject) -> None:
    text = MAKERS[name]("secret words", GOOD, LAST)
    at = data.draw(st.integers(0, len(text) - 1))
    stop = data.draw(st.integers(at, min(len(text), at + 30)))
    filling = data.draw(st.text("\t\n\r \"'<>&;:,.-+019eE@*%[]\x15{}aSx", max_size=5))
    with suppress(DocumentError):
        parse_transcript((text[:at] + filling + text[stop:]).encode(), format=name)  # type: ignore[arg-type]


@NAMES
def test_many_turns_take_linear_time(name: str) -> None:
    text = MAKERS[name]("so it is", *((float(i), i + 1.0) for i in range(20_000)))
    start = time.process_time()
    assert parse_transcript(text.encode())
    assert time.process_time() - start < 5  # one took 13 s
