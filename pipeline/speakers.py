"""Who is kept in a fit: speakers by name, or by the role that a name has in an interview.

Names are compared without regard to case and blanks. A segment whose speaker is not known is
kept only where everyone is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from hilbert.store.errors import FitError, ProjectError

EVERYONE = "everyone"
"""Stands for all speakers, where a choice of the project's file is to be undone."""


@dataclass(frozen=True, slots=True)
class SpeakerRoles:
    """The names that speakers have in the transcripts, by role; in any case.

    A role always has its own name, too.
    """

    participant: tuple[str, ...] = (
        "PAR", "P", "Patient", "Pt", "Client", "Interviewee", "Respondent", "Subject",
    )  # fmt: skip
    """Names of those whom the study is about."""
    interviewer: tuple[str, ...] = (
        "INV", "INT", "I", "Ellie", "D", "Doctor", "Dr", "Clinician", "Physician", "Therapist",
        "Counselor", "Counsellor", "Examiner", "Investigator", "Researcher",
    )  # fmt: skip
    """Names of those who ask."""

    def __post_init__(self) -> None:
        taken: dict[str, str] = {}
        for role in ROLES:
            for name in self.names_of(role):
                if taken.setdefault(name, role) != role:
                    raise ProjectError(
                        f"speakers.{taken[name]} and speakers.{role} both have the name {name!r};"
                        " drop it from one"
                    )

    def names_of(self, entry: str) -> frozenset[str]:
        """The names, folded, that a name or a role stands for."""
        own = folded(entry)
        return frozenset({own, *map(folded, getattr(self, own) if own in ROLES else ())})

    def role_of(self, speaker: str) -> str | None:
        """The role that a speaker has; None if in neither."""
        return next((role for role in ROLES if folded(speaker) in self.names_of(role)), None)


ROLES = tuple(f.name for f in fields(SpeakerRoles))


@dataclass(frozen=True, slots=True)
class SpeakerChoice:
    """Whose segments a fit sees; by default everyone's.

    Raises
    ------
    FitError
        If a name is blank, or stands among those kept and those dropped.
    """

    keep: tuple[str, ...] = ()
    """Names or roles that are kept; none means everyone's."""
    drop: tuple[str, ...] = ()
    """Names or roles that are not kept, even if `keep` would."""
    roles: SpeakerRoles = field(default_factory=SpeakerRoles)
    """Which names have which role."""

    def __post_init__(self) -> None:
        for flag, entries in (("--speakers", self.keep), ("--drop-speakers", self.drop)):
            if not all(map(folded, entries)):
                raise FitError(f"{flag} is blank; give a speaker's name or a role")
            if EVERYONE in map(folded, entries):
                raise FitError(f"{flag}: {EVERYONE!r} stands for no choice, so it stands alone")
        if both := {*map(folded, self.keep)} & {*map(folded, self.drop)}:
            raise FitError(f"{min(both)!r} is in both --speakers and --drop-speakers; drop one")

    @property
    def is_everyone(self) -> bool:
        """Whether all segments are kept, those of unknown speakers included."""
        return not (self.keep or self.drop)

    def keeps(self, speaker: str | None) -> bool:
        """Whether the segments of a speaker are kept; None stands for an unknown one."""
        if speaker is None or self.is_everyone:
            return self.is_everyone
        name = folded(speaker)
        kept = not self.keep or name in self._names(self.keep)
        return kept and name not in self._names(self.drop)

    def components(self) -> dict[str, list[str]]:
        """What of the choice decides the numbers of a fit, and of its predictions."""
        return {"keep": sorted(self._names(self.keep)), "drop": sorted(self._names(self.drop))}

    def as_json(self) -> dict[str, Any] | None:
        """The choice as a run keeps it; None for everyone."""
        return None if self.is_everyone else asdict(self)

    def __str__(self) -> str:
        """As in a sentence: ``participant and Anna``, ``everyone but interviewer``."""
        kept = " and ".join(self.keep) or EVERYONE
        return f"{kept} but {' and '.join(self.drop)}" if self.drop else kept

    def _names(self, entries: Iterable[str]) -> frozenset[str]:
        return frozenset(name for entry in entries for name in self.roles.names_of(entry))


def choice_from_json(value: Mapping[str, Any] | None) -> SpeakerChoice:
    """The choice that `SpeakerChoice.as_json` wrote; runs of before had none."""
    if value is None:
        return SpeakerChoice()
    roles = SpeakerRoles(**{role: tuple(names) for role, names in value["roles"].items()})
    return SpeakerChoice(tuple(value["keep"]), tuple(value["drop"]), roles)


def folded(name: str) -> str:
    """A name as it is compared: single blanks, no case."""
    return " ".join(name.split()).casefold()
