"""Transcripts of the field's other formats that are not as they should be, see `bad_transcripts`.

The same turns in every format: sound, with times that are none, negative, backwards, out of order
or over one another; in another encoding; with a mark of byte order; without words; with tags.
"""

from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

DONE = None
NO_WORDS = "the transcript holds no words; remove it, or mend it"
NOT_UTF_8 = "not UTF-8 at byte"


class Turn(NamedTuple):
    """Times as they stand in the file, in seconds, and a text."""

    start: str
    end: str
    text: str = "something is said"


Turns = Sequence[Turn]


def csv(turns: Turns) -> str:
    return "start,end,speaker,text\n" + "".join(f"{t.start},{t.end},A,{t.text}\n" for t in turns)


def daic(turns: Turns) -> str:
    head = "start_time\tstop_time\tspeaker\tvalue\n"
    return head + "".join(f"{t.start}\t{t.end}\tParticipant\t{t.text}\n" for t in turns)


def textgrid(turns: Turns) -> str:
    cells = "".join(f'{t.start}\n{t.end}\n"{t.text}"\n' for t in turns)
    head = '"ooTextFile"\n"TextGrid"\n0\n12\n<exists>\n1\n"IntervalTier"\n"A"\n0\n12\n'
    return f"{head}{len(turns)}\n{cells}"


def elan(turns: Turns) -> str:
    slots = "".join(
        f'<TIME_SLOT TIME_SLOT_ID="s{i}" TIME_VALUE="{_ms(t.start)}"/>'
        f'<TIME_SLOT TIME_SLOT_ID="e{i}" TIME_VALUE="{_ms(t.end)}"/>'
        for i, t in enumerate(turns)
    )
    spoken = "".join(
        f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{i}" TIME_SLOT_REF1="s{i}"'
        f' TIME_SLOT_REF2="e{i}"><ANNOTATION_VALUE>{t.text}</ANNOTATION_VALUE>'
        "</ALIGNABLE_ANNOTATION></ANNOTATION>"
        for i, t in enumerate(turns)
    )
    return (
        f"<ANNOTATION_DOCUMENT><TIME_ORDER>{slots}</TIME_ORDER>"
        f'<TIER TIER_ID="A" LINGUISTIC_TYPE_REF="t">{spoken}</TIER></ANNOTATION_DOCUMENT>'
    )


def chat(turns: Turns) -> str:
    spoken = "".join(f"*PAR:\t{t.text} . \x15{_ms(t.start)}_{_ms(t.end)}\x15\n" for t in turns)
    return f"@UTF8\n@Begin\n@Participants:\tPAR Participant\n{spoken}@End\n"


def ctm(turns: Turns) -> str:
    return "".join(
        f"r 1 {t.start} {_less(t.end, t.start)} {word}\n" for t in turns for word in t.text.split()
    )


def rttm(turns: Turns) -> str:
    return "".join(
        f"SPEAKER r 1 {t.start} {_less(t.end, t.start)} <NA> <NA> A <NA> <NA>\n" for t in turns
    )


def _ms(seconds: str) -> str:
    try:
        return str(round(1000 * float(seconds)))
    except ValueError:
        return seconds


def _less(end: str, start: str) -> str:
    try:
        return f"{float(end) - float(start):g}"
    except ValueError:
        return end


FORMATS: dict[str, Callable[[Turns], str]] = {
    "csv": csv, "tsv": daic, "TextGrid": textgrid, "eaf": elan, "cha": chat, "ctm": ctm,
    "rttm": rttm,
}  # fmt: skip

FIRST, SECOND = Turn("1", "4"), Turn("5", "8", "and more of it")
GERMAN = Turn("5", "8", "gar schön")
BOMB = '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;">]><a>&c;</a>'

CASES: dict[str, tuple[Turns, str | None]] = {
    "sound": ((FIRST, SECOND), DONE),
    "no-time": ((FIRST, Turn("five", "8")), "no number"),
    "negative": ((Turn("-1", "4"), SECOND), "starts before 0 (-1 s)"),
    "backwards": ((FIRST, Turn("8", "5")), "ends (5 s) before it starts (8 s)"),
    "out-of-order": ((SECOND, FIRST), DONE),
    "overlaps": ((Turn("1", "6"), Turn("2", "8")), DONE),
    "behind-the-end": ((Turn("61", "64"), Turn("65", "68")), "lie outside the audio"),
    "empty-turns": ((Turn("1", "4", ""), Turn("5", "8", "")), NO_WORDS),
    "tags": ((Turn("1", "4", "&lt;b&gt;something&lt;/b&gt; is said"), SECOND), DONE),
}
"""What is said of the same turns in every format."""

OTHERWISE = {
    "no-time.TextGrid": "interval 2 of tier 1 of the transcript lacks a number",
    "no-time.cha": "a bullet without two times",
    "empty-turns.ctm": "is empty (0 bytes)",
    "empty-turns.rttm": DONE,  # it has no texts anyway
    "latin-1.rttm": DONE,
}
"""What is said of some files instead."""


def layouts() -> Iterator[tuple[str, bytes, str | None]]:
    """File names, contents, and what is said of them."""
    for ending, written in FORMATS.items():
        sound = written((FIRST, SECOND))
        found = {name: (written(turns).encode(), said) for name, (turns, said) in CASES.items()}
        found["bom"] = (BOM_UTF8 + sound.encode(), DONE)
        found["utf-16"] = (sound.encode("utf-16"), DONE)
        found["latin-1"] = (written((FIRST, GERMAN)).encode("latin1"), NOT_UTF_8)
        for name, (content, said) in found.items():
            file = f"{name}.{ending}"
            yield file, content, OTHERWISE.get(file, said)
    yield "bomb.eaf", BOMB.encode(), "declares a document type"
