"""Read the stamps that exports of plain text put at a turn: when it starts, and who speaks.

Four layouts, where a stamp is ``[00:00:01]``, ``(0:01)``, ``00:01.5`` or ``[0:01 - 0:04]``:

- ``[00:00:01] Interviewer: text``; in brackets, it may stand without a label, or alone;
- ``Interviewer [00:00:01]: text`` and ``Interviewer: [00:00:01] text``;
- ``Interviewer 00:01`` or ``Interviewer (00:01):`` with the text below (Otter, Rev);
- ``[Interviewer] 00:00:01``, the same (Zoom).

The rule. Labels are told by that of `speaker_labels`, once the stamps are off. A line is *stamped*
if it has a stamp and such a label, or a stamp in brackets at its start; "10:30 we met." is prose.
A text is of this kind where two lines, and a tenth of them, are stamped.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from hilbert.stages.extract.transcripts.speaker_labels import find_labels, split_label
from hilbert.stages.extract.transcripts.timing import (
    clock_seconds,
    share_turns,
    timed_turn,
    until_the_next,
)
from hilbert.store.types import Seconds, Span, Turn

_CLOCK = r"(?:\d{1,2}:)?\d{1,3}:[0-5]\d(?:[.,]\d{1,6})?"
_STAMP = rf"(?P<open>[\[(] ?)?(?P<start>{_CLOCK})(?: ?[-–—] ?(?P<end>{_CLOCK}))?(?P<close> ?[\])])?"
_BEFORE = re.compile(rf"{_STAMP}(?::|(?: ?[-–—|])?(?= |$)|(?<=[\])])) ?(?P<said>.*)")
_AFTER = re.compile(
    rf"(?P<name>[^\W\d_][^:：]{{0,60}}?|\[[^\[\]]{{1,60}}\])(?P<colon>:)?(?: ?[-–—|,])? "
    rf"{_STAMP}(?P<after>:)?(?: |$)(?P<said>.*)"
)
_WITHIN = re.compile(rf" ?(?:\[ ?{_CLOCK} ?\]|\( ?{_CLOCK} ?\))")


class _Line(NamedTuple):
    """A line without its stamp; `start_s` is None where it has none."""

    where: str
    text: str
    start_s: Seconds | None = None
    end_s: Seconds | None = None
    is_sure: bool = False
    """Whether the stamp is one whatever follows."""
    raw: str = ""


class _Said(NamedTuple):
    """What a speaker says from a line to the next that has a stamp or a label."""

    first: _Line
    speaker: str | None
    texts: list[str]

    @property
    def text(self) -> str:
        return " ".join(_WITHIN.sub("", " ".join(self.texts)).split())


def read_stamped(lines: Sequence[str]) -> list[Turn] | None:
    """Turns with times, of lines in single blanks and none of them blank; None if prose.

    A turn lasts to the next stamp, the last one as long as its words take to say. Turns without
    a stamp share the time up to the next stamp with that before them, and what comes before the
    first the time up to it, by the number of words. Without a label, a stamped line is by the
    speaker before.

    Raises
    ------
    DocumentError
        If a stamp ends before it starts; names the line, of those that are not blank.
    """
    split = [
        _without_stamp(line, f"line {n} (blank ones aside)") for n, line in enumerate(lines, 1)
    ]
    n_candidates = sum(line.start_s is not None for line in split)
    if n_candidates < 2:
        return None
    labels = find_labels([line.text for line in split if line.text], n_candidates)
    split = [_checked(line, labels) for line in split]
    n_stamped = sum(line.start_s is not None for line in split)
    if n_stamped < 2 or 10 * n_stamped < len(lines):
        return None
    return _timed(_said(split, labels))


def _without_stamp(line: str, where: str) -> _Line:
    """The line as ``NAME: what is said``, as far as it may have a stamp."""
    if match := _BEFORE.fullmatch(line):
        if bool(match["open"]) == bool(match["close"]):
            return _stamped(where, match["said"], match, line, is_sure=bool(match["open"]))
    elif (match := _AFTER.fullmatch(line)) and bool(match["open"]) == bool(match["close"]):
        if match["said"] and not (match["after"] or (match["colon"] and match["open"])):
            return _Line(where, line)
        name = match["name"].strip("[] ")
        return _stamped(where, f"{name}: {match['said']}", match, line)
    return _Line(where, line)


def _stamped(
    where: str, text: str, match: re.Match[str], raw: str, *, is_sure: bool = False
) -> _Line:
    end_s = None if match["end"] is None else clock_seconds(match["end"])
    return _Line(where, text, clock_seconds(match["start"]), end_s, is_sure, raw)


def _checked(line: _Line, labels: frozenset[str]) -> _Line:
    """The line as it was, where its stamp is none after all."""
    if line.start_s is None or line.is_sure or split_label(line.text, labels)[0] is not None:
        return line
    return _Line(line.where, line.raw)


def _said(lines: Sequence[_Line], labels: frozenset[str]) -> list[_Said]:
    said = [_Said(_Line("", ""), None, [])]
    for line in lines:
        speaker, text = split_label(line.text, labels)
        if speaker is None and line.start_s is None:
            said[-1].texts.append(text)
        else:
            said.append(_Said(line, speaker or said[-1].speaker, [text]))
    return said


def _timed(said: Sequence[_Said]) -> list[Turn]:
    """Each stamped turn and those up to the next stamp share the time until then."""
    groups: list[list[_Said]] = [[]]
    for one in said:
        if one.first.start_s is not None:
            groups.append([])
        groups[-1].append(one)
    before, *stamped = groups
    starts = [
        Turn(" ".join(one.text for one in group), None, group[0].first.start_s, None)
        for group in stamped
    ]
    order = sorted(range(len(stamped)), key=lambda i: starts[i].start_s or 0.0)
    spans = [Span(t.start_s or 0.0, t.end_s or 0.0) for t in until_the_next(starts)]
    turns = _shared(before, Span(0.0, spans[0].start_s))
    for i, span in zip(order, spans, strict=True):
        end_s = stamped[i][0].first.end_s
        turns += _shared(stamped[i], span if end_s is None else Span(span.start_s, end_s))
    return turns


def _shared(group: Sequence[_Said], span: Span) -> list[Turn]:
    for one in group:
        timed_turn("", None, span, one.first.where)  # that it ends after it starts
    return share_turns([Turn(one.text, one.speaker) for one in group if one.text], span)
