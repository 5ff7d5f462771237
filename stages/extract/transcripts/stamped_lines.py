"""Read the stamps that exports of plain text put at a turn: when it starts, and who speaks.

Seven layouts, where a stamp is ``[00:00:01]``, ``(0:01)``, ``00:01.5`` or ``[0:01 - 0:04]``:

- ``[00:00:01] Interviewer: text``; in brackets, it may stand without a label, or alone;
- ``Interviewer [00:00:01]: text`` and ``Interviewer: [00:00:01] text``;
- ``Interviewer 00:01`` or ``Interviewer (00:01):`` with the text below (Otter, Rev);
- ``[Interviewer] 00:00:01``, the same (Zoom);
- ``[00:00:01] Interviewer`` with the text below (Trint, Happy Scribe);
- ``Interviewer   00:00:01   text`` with tabs or several blanks between (Rev); or the stamp first;
- the stamp on a line of its own, the name on the next one or the one before, the text below.

The rule. Labels are told by that of `speaker_labels`, once the stamps are off. A line is *stamped*
if it has a stamp and such a label, or a stamp in brackets at its start, or nothing but a stamp,
where such lines ascend; "10:30 we met." is prose. A text is of this kind where two lines, and a
tenth of them, are stamped. A line with a stamp and what may be a label, but is not taken for one,
ends the turn before it. Names stand behind the stamps, on lines of their own, where half of the
stamps have one and some repeat, or all have one and a sentence below.

Stamps in fewer lines are too far apart to tell when a turn is said; `without_stamps` leaves them
out.
"""

import re
from collections import Counter
from collections.abc import Container, Sequence
from itertools import pairwise
from typing import NamedTuple

from hilbert.stages.extract.transcripts.label_forms import may_be_header
from hilbert.stages.extract.transcripts.label_search import find_labels
from hilbert.stages.extract.transcripts.speaker_labels import (
    Labels,
    openings,
    split_label,
)
from hilbert.stages.extract.transcripts.timing import (
    clock_seconds,
    share_turns,
    timed_turn,
    until_the_next,
)
from hilbert.store.types import Seconds, Span, Turn

_CLOCK = r"(?:\d{1,2}:)?\d{1,3}:[0-5]\d(?:[.,]\d{1,6})?(?! ?[aApP]\.? ?[mM]\b| ?min\b)"
_STAMP = rf"(?P<open>[\[(] ?)?(?P<start>{_CLOCK})(?: ?[-–—] ?(?P<end>{_CLOCK}))?(?P<close> ?[\])])?"
_BEFORE = re.compile(rf"{_STAMP}(?::|(?: ?\|)?(?= |$)|(?<=[\])])) ?(?P<said>.*)")
_AFTER = re.compile(
    rf"(?P<name>[^\s\[\](){{}}:：][^:：]{{0,60}}?|\[[^\[\]]{{1,60}}\])(?P<colon>:)?(?: ?[-–—|,])? "
    rf"{_STAMP}(?P<after>:)?(?: |$)(?P<said>.*)"
)
_BRACKETED = rf"(?:\[ ?{_CLOCK} ?\]|\( ?{_CLOCK} ?\))"
_F4 = r"#\d{1,2}:\d\d:\d\d-\d{1,3}#"  # as f4 and MAXQDA put it behind a turn
_WITHIN = re.compile(rf" ?(?:{_BRACKETED}|{_F4})")
_ALONE = re.compile(rf"\s*(?:{_CLOCK}|{_BRACKETED})\s*")
_GAP = r"(?:[ \t]*\t[ \t]*| {2,})"
_COLUMNS = re.compile(
    rf"[ \t]*(?:(?P<name>[^\s:][^\t:]{{0,60}}?){_GAP}(?P<start>{_CLOCK})"
    rf"|(?P<first>{_CLOCK}){_GAP}(?P<second>[^\s:][^\t:]{{0,60}}?)){_GAP}(?P<said>\S[^\t]*)"
)
_DASH = re.compile(r"^(?:[-–—] ?)+")
_NOTES = {"KEYWORDS", "SPEAKERS", "SUMMARY KEYWORDS"}
"""Headings of what Otter writes above the first turn."""
_SIGNED = re.compile(r"Transcribed by https?://\S+")


class _Line(NamedTuple):
    """A line without its stamp; `start_s` is None where it has none."""

    where: str
    text: str
    start_s: Seconds | None = None
    end_s: Seconds | None = None
    is_sure: bool = False
    """Whether the stamp is one whatever follows."""
    raw: str = ""
    is_before: bool = False
    """Whether it begins with the stamp."""
    is_header: bool = False
    """Whether it has a label alone, what is said is below."""
    ends: bool = False
    """Whether the turn before ends here, and nothing tells who speaks."""


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
    if lines and _SIGNED.fullmatch(lines[-1]):
        lines = lines[:-1]
    split = _headed(
        [_without_stamp(line, f"line {n} (blank ones aside)") for n, line in enumerate(lines, 1)]
    )
    n_candidates = sum(line.start_s is not None for line in split)
    if n_candidates < 2:
        return None
    headers = frozenset(line.text.rstrip(": ") for line in split if line.is_header)
    labels = find_labels([line.text for line in split if line.text], n_candidates, headers)
    split = [_checked(line, labels) for line in split]
    n_stamped = sum(line.start_s is not None for line in split)
    if n_stamped < 2 or 10 * n_stamped < len(lines):
        return None
    return _timed(_said(_without_notes(split), labels))


def without_columns(text: str) -> str:
    """A text whose lines of name, stamp and what is said are as others write them."""
    lines = text.split("\n")
    rows = [_COLUMNS.fullmatch(line) for line in lines]
    if 2 * sum(row is not None for row in rows) < sum(bool(line.strip()) for line in lines):
        return text
    return "\n".join(
        line
        if row is None
        else f"{row['name'] or row['second']} [{row['start'] or row['first']}]: {row['said']}"
        for line, row in zip(lines, rows, strict=True)
    )


def without_stamps(text: str) -> str:
    """A text without stamps in brackets, or alone on a line; one stamp proves nothing."""
    lines = text.split("\n")
    n_stamps = sum(1 if _ALONE.fullmatch(x) else len(_WITHIN.findall(x)) for x in lines)
    if n_stamps < 2:
        return text
    return "\n".join("" if _ALONE.fullmatch(line) else _WITHIN.sub("", line) for line in lines)


def _without_stamp(line: str, where: str) -> _Line:
    """The line as ``NAME: what is said``, as far as it may have a stamp."""
    if match := _BEFORE.fullmatch(line):
        if bool(match["open"]) == bool(match["close"]):
            found = _stamped(where, match["said"], match, line, is_sure=bool(match["open"]))
            return found._replace(is_before=True)
    elif (match := _AFTER.fullmatch(line)) and bool(match["open"]) == bool(match["close"]):
        if match["said"] and not (match["after"] or (match["colon"] and match["open"])):
            return _Line(where, line)
        name = match["name"].strip("[] ")
        found = _stamped(where, f"{name}: {match['said']}", match, line)
        return found._replace(is_header=not match["said"])
    return _Line(where, line)


def _headed(lines: Sequence[_Line]) -> list[_Line]:
    """The lines, those sure that ascend alone, and those behind whose stamps names stand."""
    lines = _apart(_apart(_alone(lines), 1), -1)
    n_stamps = sum(line.is_before for line in lines)
    above = [
        (_name(line), below.text)
        for line, below in pairwise(lines)
        if line.is_before and below.start_s is None and may_be_header(_name(line))
    ]
    names = Counter(name for name, _ in above)
    begin = all(not text[0].islower() for _, text in above)  # a sentence, which does not go on
    is_all = begin and len(above) == n_stamps == sum(line.is_sure for line in lines)
    if 2 * len(above) < n_stamps or not (is_all or any(n > 1 for n in names.values())):
        return list(lines)
    return [_with_name(line, names) if line.is_before else line for line in lines]


def _name(line: _Line) -> str:
    """What may be one behind a stamp, and a dash."""
    return _DASH.sub("", line.text)


def _with_name(line: _Line, names: Container[str]) -> _Line:
    """A stamped line with its name as a label; with none of `names`, nobody's."""
    if _name(line) in names:
        return line._replace(text=f"{_name(line)}:", is_header=True)
    return line._replace(ends=True)


def _alone(lines: Sequence[_Line]) -> list[_Line]:
    """The lines; those of a stamp alone, without brackets, are sure where they ascend."""
    bare = [line for line in lines if line.start_s is not None and not line.text]
    starts = [line.start_s or 0.0 for line in bare]
    if len(starts) < 2 or starts != sorted(starts):
        return list(lines)
    return [
        line._replace(is_sure=True) if line.start_s is not None and not line.text else line
        for line in lines
    ]


def _apart(lines: Sequence[_Line], step: int) -> Sequence[_Line]:
    """The lines; those of a stamp alone with the name beside them, where most have and some repeat.

    `step` is 1 for names below the stamps, -1 for those above.
    """
    stamps = [i for i, line in enumerate(lines) if line.is_sure and not line.text]
    stops = [*stamps[1:], len(lines) + (step < 0)]
    beside = {
        i: lines[i + step].text.rstrip(": ")
        for i, stop in zip(stamps, stops, strict=False)
        if i + step >= 0 and stop - i > 2 and lines[i + step].start_s is None
    }
    names = Counter(name for name in beside.values() if may_be_header(name))
    if 2 * names.total() <= len(stamps) or not any(n > 1 for n in names.values()):
        return lines
    changed = list(lines)
    for i in stamps:
        if beside.get(i) in names:
            changed[i] = lines[i]._replace(text=f"{beside[i]}:", is_header=True)
        else:
            for at in {i, max(i + min(step, 0), 0)}:
                changed[at] = changed[at]._replace(ends=True)
    dropped = {i + step for i, name in beside.items() if name in names}
    return [line for i, line in enumerate(changed) if i not in dropped]


def _without_notes(lines: Sequence[_Line]) -> Sequence[_Line]:
    """The lines from the first stamp on, where what is above is Otter's summary."""
    first = next(i for i, line in enumerate(lines) if line.start_s is not None)
    return lines[first:] if any(line.text in _NOTES for line in lines[:first]) else lines


def _stamped(
    where: str, text: str, match: re.Match[str], raw: str, *, is_sure: bool = False
) -> _Line:
    end_s = None if match["end"] is None else clock_seconds(match["end"])
    return _Line(where, text, clock_seconds(match["start"]), end_s, is_sure, raw)


def _checked(line: _Line, labels: Labels) -> _Line:
    """The line as it was, where its stamp is none after all."""
    if line.start_s is None or line.is_sure:
        return line
    opening = split_label(line.text, labels)
    if opening.speaker is not None:
        return line
    return _Line(line.where, line.raw, ends=opening.is_new or line.ends)


def _said(lines: Sequence[_Line], labels: Labels) -> list[_Said]:
    said = [_Said(_Line("", ""), None, [])]
    stamped = {i for i, line in enumerate(lines) if line.start_s is not None}
    opened = openings([line.text for line in lines], labels, on_their_own=stamped)
    for line, (first, *others) in zip(lines, opened, strict=True):
        ends = line.ends or first.is_new
        if not ends and line.start_s is None:
            said[-1].texts.append(first.said)
        else:
            speaker = first.speaker if ends or not labels.hold_on else said[-1].speaker
            text = first.said if labels else _DASH.sub("", first.said)
            said.append(_Said(line, speaker, [text]))
        unstamped = _Line(line.where, line.text)
        said += [_Said(unstamped, part.speaker, [part.said]) for part in others]
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
