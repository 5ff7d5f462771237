"""Transcripts that are not as they should be: a row for each, easily added to.

A row is a file's name, whose ending a reader may take for a hint, its bytes, and a part of what is
said of it, or `DONE`. Each stands beside a sound recording of twelve seconds.
"""

import json
from codecs import BOM_UTF8
from typing import NamedTuple

from support.bad_layouts import DONE, NO_WORDS, layouts


class Bad(NamedTuple):
    """One transcript, and a part of the message it gets."""

    name: str
    content: bytes
    said: str | None


def vtt(*cues: str, head: str = "WEBVTT") -> bytes:
    """Cues are a timing line and a text, parted by a bar."""
    return "\n\n".join([head, *(cue.replace("|", "\n") for cue in cues)]).encode()


def srt(*cues: str) -> bytes:
    return "\n\n".join(f"{i}\n{cue}" for i, cue in enumerate(cues, 1)).replace("|", "\n").encode()


def whisper(*parts: object) -> bytes:
    return json.dumps({"segments": parts}).encode()


def part(start: object, end: object, text: object = "well then", **more: object) -> object:
    return {"start": start, "end": end, "text": text, **more}


GOOD = "00:01.000 --> 00:04.000|Something is said."
LATER = "00:05.000 --> 00:08.000|And more of it."
COMMAS = "00:00:01,000 --> 00:00:04,000|Something is said."

TRANSCRIPTS = [
    Bad("sound.vtt", vtt(GOOD, LATER), DONE),
    Bad("no-time.vtt", vtt(GOOD, "never --> ever|Nothing."), "line 6 of the transcript is no pair"),
    Bad("half-a-time.vtt", vtt("00:01.000 -->|Nothing."), "line 3 of the transcript is no pair"),
    Bad("61-minutes.vtt", vtt("00:61:00.000 --> 00:62:00.000|No."), "is no pair of times"),
    Bad("negative.vtt", vtt("-00:01.000 --> 00:04.000|Early."), "starts before 0 (-1 s)"),
    Bad("backwards.vtt", vtt("00:04.000 --> 00:01.000|Back."), "ends (1 s) before it starts (4 s)"),
    Bad("out-of-order.vtt", vtt(LATER, GOOD), DONE),
    Bad("overlaps.vtt", vtt(GOOD, "00:02.000 --> 00:06.000|At once."), DONE),
    Bad("no-duration.vtt", vtt("00:01.000 --> 00:01.000|Nothing."), "spans 0.02 s or more"),
    Bad("behind-the-end.vtt", vtt("01:01.000 --> 01:04.000|Late."), "lie outside the audio"),
    Bad("9999-hours.vtt", vtt("9999:01:00.000 --> 9999:02:00.000|Late."), "lie outside the audio"),
    Bad("long-voice.vtt", vtt(f"{GOOD[:24]}|<v {'who knows ' * 9}>So."), "names a speaker of 18"),
    Bad("header-alone.vtt", vtt(), NO_WORDS),
    Bad("empty-turns.vtt", vtt("00:01.000 --> 00:02.000|", "00:02.000 --> 00:03.000|"), NO_WORDS),
    Bad("one-empty-turn.vtt", vtt("00:01.000 --> 00:02.000|", LATER), DONE),
    Bad("html.vtt", vtt(f"{GOOD[:24]}|<b>One</b> &amp; <script>alert(1)</script> two"), DONE),
    Bad("html-alone.vtt", vtt(f"{GOOD[:24]}|<b></b><i></i>"), NO_WORDS),
    Bad("bom.vtt", BOM_UTF8 + vtt(GOOD), DONE),
    Bad("utf-16.vtt", vtt(GOOD).decode().encode("utf-16"), DONE),
    Bad("utf-16-without-bom.vtt", vtt(GOOD).decode().encode("utf-16-le"), "holds a NUL"),
    Bad("latin-1.vtt", vtt(GOOD) + "é".encode("latin1"), "not UTF-8 at byte"),
    Bad("cr-alone.vtt", vtt(GOOD).replace(b"\n", b"\r"), DONE),
    Bad("sound.srt", srt(COMMAS), DONE),
    Bad("no-time.srt", srt("1 --> 2|Nothing."), "is no pair of times"),
    Bad("backwards.srt", srt("00:00:04,000 --> 00:00:01,000|Back."), "before it starts"),
    Bad("negative.srt", srt("-00:00:01,000 --> 00:00:02,000|Early."), "starts before 0"),
    Bad("html.srt", srt(f'{COMMAS[:29]}|<font color="red">Red.</font> {{\\an8}}'), DONE),
    Bad("latin-1.srt", srt(COMMAS) + b"\xe9", "not UTF-8 at byte"),
    Bad("empty.srt", b"", "the transcript file empty.srt is empty (0 bytes)"),
    Bad("sound.json", whisper(part(1.0, 4.0)), DONE),
    Bad("truncated.json", whisper(part(1.0, 4.0))[:-9], "is not JSON at line 1"),
    Bad("no-segments.json", b'{"result": []}', "JSON without a list of segments"),
    Bad("no-text.json", whisper({"start": 1.0, "end": 2.0}), "segment 1 of the transcript has no"),
    Bad("text-times.json", whisper(part("one", "two")), "transcript has no readable times"),
    Bad("no-times.json", whisper(part(None, None)), "transcript has no readable times"),
    Bad("true-times.json", whisper(part(True, True)), "transcript has no readable times"),
    Bad("nan.json", whisper(part(float("nan"), 2.0)), "has a time that is not finite"),
    Bad("infinite.json", whisper(part(1.0, float("inf"))), "has a time that is not finite"),
    Bad("huge.json", b'{"segments": [{"start": 1, "end": 1' + b"0" * 400 + b', "text": "x"}]}',
        "has a time that is not finite"),
    Bad("negative.json", whisper(part(-1.0, 2.0)), "segment 1 of the transcript starts before 0"),
    Bad("backwards.json", whisper(part(3.0, 2.0)), "ends (2 s) before it starts (3 s)"),
    Bad("out-of-order.json", whisper(part(5.0, 8.0), part(1.0, 4.0)), DONE),
    Bad("overlaps.json", whisper(part(1.0, 6.0), part(2.0, 4.0)), DONE),
    Bad("list-speaker.json", whisper(part(1.0, 4.0, speaker=["A"])), "that is not a string"),
    Bad("empty-texts.json", whisper(part(1.0, 4.0, "")), NO_WORDS),
    Bad("no-parts.json", whisper(), NO_WORDS),
    Bad("deep.json", b"[" * 100_000, "is not JSON at line 1"),
    Bad("numbers.json", b"[1, 2, 3]", "segment 1 of the transcript has no text"),
    Bad("bom.json", BOM_UTF8 + whisper(part(1.0, 4.0)), DONE),
    Bad("sound.txt", b"A: Something is said.\nB: And more of it.\n", DONE),
    Bad("latin-1.txt", "Er sagte schön.".encode("latin1"), "not UTF-8 at byte 12"),
    Bad("bom.txt", BOM_UTF8 + b"Something is said.", DONE),
    Bad("utf-16.txt", "Something is said.".encode("utf-16"), DONE),
    Bad("blank.txt", b" \n\t\n", NO_WORDS),
    Bad("dots.txt", b"... --- ...", NO_WORDS),
    Bad("empty-turns.txt", b"A:\nB:\nA:\n", NO_WORDS),
    Bad("binary.txt", bytes(range(1, 256)), "not UTF-8 at byte 127"),
    Bad("nul.txt", b"Something\0is said.", "holds a NUL at character 9"),
    Bad("100000-characters.txt", b"Something is said. " * 5_264, DONE),
    Bad("100000-letters.txt", b"a" * 100_000, DONE),
    Bad("100000-brackets.txt", b"<" * 100_000 + b" so", DONE),
    *(Bad(*row) for row in layouts()),
]  # fmt: skip
