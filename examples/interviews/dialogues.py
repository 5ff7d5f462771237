"""Who says what, and how, in each interview: everything but the sound."""

from dataclasses import dataclass
from pathlib import Path

SPEAKERS = {"I": "Interviewer", "P": "Participant"}
STATES = {  # what the participant reports, and how it is delivered
    ("satisfied", "lively"): "engaged",
    ("satisfied", "flat"): "reserved",
    ("burdened", "lively"): "strained",
    ("burdened", "flat"): "withdrawn",
}


@dataclass(frozen=True)
class Turn:
    """One speaker's uninterrupted words."""

    speaker: str
    text: str


@dataclass(frozen=True)
class Interview:
    """One document before it is voiced."""

    id: str
    voice: str
    interviewer_voice: str
    content: str  # "satisfied" or "burdened"
    delivery: str  # "lively" or "flat"
    turns: list[Turn]

    @property
    def group(self) -> str:
        return self.id.split("-")[0]

    @property
    def state(self) -> str:
        return STATES[self.content, self.delivery]


def read_interviews(path: Path) -> list[Interview]:
    """Read blocks of a head, ``[id voice interviewer-voice content delivery]``, and turns."""
    return [read_block(block) for block in path.read_text(encoding="utf-8").split("\n\n")]


def read_block(block: str) -> Interview:
    head, *lines = block.strip().splitlines()
    turns = [Turn(SPEAKERS[line[0]], line[3:]) for line in lines]
    return Interview(*head.strip("[]").split(), turns)
