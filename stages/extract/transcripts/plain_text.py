"""Read plain text, with or without ``NAME:`` and stamps of time before the turns."""

import re

from hilbert.stages.extract.transcripts.speaker_labels import find_labels, split_label
from hilbert.stages.extract.transcripts.stamped_lines import read_stamped
from hilbert.store.types import Turn

_BLANK_LINES = re.compile(r"\n\s*\n")


def parse_plain_text(text: str) -> list[Turn]:
    """Turns of plain text, without times unless its lines are stamped (`stamped_lines`).

    Where labels name speakers (`speaker_labels`), a turn lasts from one to the next; what comes
    before the first has no speaker. Otherwise each paragraph is a turn, and a text without
    blank lines is one paragraph: lines may be broken anywhere.
    """
    text = re.sub(r"\r\n?", "\n", text)
    paragraphs = [part for part in _BLANK_LINES.split(text) if part.strip()]
    lines = [" ".join(line.split()) for line in text.split("\n") if line.strip()]
    if (stamped := read_stamped(lines)) is not None:
        return stamped
    labels = find_labels(lines, n_paragraphs=len(paragraphs) if len(paragraphs) > 1 else len(lines))
    if not labels:
        return [Turn(" ".join(paragraph.split())) for paragraph in paragraphs]
    return _labelled_turns(lines, labels)


def _labelled_turns(lines: list[str], labels: frozenset[str]) -> list[Turn]:
    said: list[tuple[str | None, list[str]]] = [(None, [])]
    for line in lines:
        speaker, text = split_label(line, labels)
        if speaker is not None:
            said.append((speaker, [text]))
        else:
            said[-1][1].append(text)
    return [Turn(" ".join(texts).strip(), speaker) for speaker, texts in said]
