"""Turns whose speaker is not known although somebody may be named."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from hilbert.stages.extract.checks.problem import Problem
from hilbert.stages.extract.transcripts.label_forms import is_role
from hilbert.stages.extract.transcripts.speaker_labels import n_doubtful
from hilbert.store.types import Turn

_NAME = r"[^\W\d_][^\s:：.,;?!]{0,20}(?: [^\s:：.,;?!]{1,20}){0,2}"
_LABEL = re.compile(
    rf"(?:^|(?<=[.?!…] ))(?:[\[(【［]?(?P<name>{_NAME})[\])】］]?(?P<sign>[:：]|\s?[-–—>|]\s)"
    rf"|(?P<letter>[A-Z]{{1,2}}\d{{0,3}})\.\s"
    rf"|[【［](?P<inner>{_NAME})[】］])",
    re.MULTILINE,
)
_DIGITS = re.compile(r"\d+|\s")


def speaker_problems(turns: Sequence[Turn]) -> Iterator[Problem]:
    """Turns without a speaker that begin with what may be a label; labels, where nobody has one."""
    if all(turn.speaker is None for turn in turns):
        n_labels = _n_alike("\n".join(turn.text for turn in turns))
        if n_labels:
            yield Problem(
                "warning",
                "unknown speakers",
                f"nobody is known to speak, but {n_labels} sentences begin with what may be a"
                " speaker's name, again and again",
                "write NAME: before every turn, each on its own line, or see docs/transcripts.md if"
                " it is prose",
            )
        return
    n_unknown = n_doubtful(turns)
    if n_unknown:
        yield Problem(
            "warning",
            "unknown speakers",
            f"{n_unknown} of {len(turns)} turns begin with what may be a speaker's name and is"
            " not taken for one, so nobody is known to say them",
            "name each speaker alike before every turn, or see docs/transcripts.md if it is prose",
        )


def _n_alike(text: str) -> int:
    """How many sentences begin with labels that repeat, but for numbers, or with roles.

    0 if there are no two of these labels; what stands before a dash has to be a role.
    """
    counts = Counter(
        _DIGITS.sub("", found["name"] or found["letter"] or found["inner"]).casefold()
        for found in _LABEL.finditer(text)
        if found["sign"] in (None, ":", "：") or is_role(found["name"])
    )
    again = [n for label, n in counts.items() if n > 1 or is_role(label)]
    return sum(again) if len(again) > 1 else 0
