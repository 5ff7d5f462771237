"""Read plain text, with or without ``NAME:`` and stamps of time before the turns."""

import re

from hilbert.stages.extract.transcripts.label_search import find_labels
from hilbert.stages.extract.transcripts.label_track import read_label_track
from hilbert.stages.extract.transcripts.speaker_labels import Labels, openings
from hilbert.stages.extract.transcripts.stamped_lines import (
    read_stamped,
    without_columns,
    without_stamps,
)
from hilbert.store.types import Turn

_BLANK_LINES = re.compile(r"\n\s*\n")


def parse_plain_text(text: str) -> list[Turn]:
    """Turns of plain text, without times unless its lines have some.

    As `stamped_lines` and `label_track` read them.
    Where labels name speakers (`speaker_labels`), a turn lasts from one to the next, or to what
    may be one; what comes before the first, or below such a line, has no speaker. Otherwise each
    paragraph is a turn, and a text without blank lines is one paragraph: lines may be broken
    anywhere.
    """
    text = re.sub(r"\r\n?", "\n", text)
    if (track := read_label_track([x for x in text.split("\n") if x.strip()])) is not None:
        return track
    if (stamped := read_stamped(_lines(without_columns(text)))) is not None:
        return stamped
    text = without_stamps(text)
    paragraphs = [_lines(part) for part in _BLANK_LINES.split(text) if part.strip()]
    lines = _lines(text)
    blocks = paragraphs if len(paragraphs) > 1 else [[line] for line in lines]
    labels = find_labels(lines, n_paragraphs=len(blocks))
    if not labels:
        return [Turn(" ".join(paragraph)) for paragraph in paragraphs]
    return _labelled_turns(blocks, labels)


def _lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.split("\n") if line.strip()]


def _labelled_turns(blocks: list[list[str]], labels: Labels) -> list[Turn]:
    said: list[tuple[str | None, list[str]]] = [(None, [])]
    opened = openings([line for block in blocks for line in block], labels)
    for block in blocks:
        if not labels.hold_on and any(said[-1][1]):
            said.append((None, []))
        for _, parts in zip(block, opened, strict=False):
            for part in parts:
                if part.is_new:
                    said.append((part.speaker, [part.said]))
                else:
                    said[-1][1].append(part.said)
    return [Turn(" ".join(texts).strip(), speaker) for speaker, texts in said]
