"""Who is kept in a fit: speakers by name, or by the role that a name has in an interview.

Names are compared without regard to case and blanks; a role's names cover their numbered forms
and those with a code, too. A segment whose speaker is not known is kept only where everyone is.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from hilbert.store.errors import FitError, ProjectError

EVERYONE = "everyone"
"""Stands for all speakers, where a choice of the project's file is to be undone."""


_NUMBERED = re.compile(r"[\s_.#(-]*\d{1,6}[.)]*")
"""After a role's name: ``Interviewer 1``, ``Interviewer_2``, ``INV1``, ``P (3)``."""
_CODED = re.compile(r"(?P<role>.+?)[ _-]+(?P<code>[A-Za-z0-9]{1,7})\.?")
"""``Investigator IN1``, as CHAT's reader calls one of several who have a role; ``Patient A``."""
_LEAST_CODED = 3
"""Letters of a role's name that a code may follow: ``D-P`` is two people."""


@dataclass(frozen=True, slots=True)
class SpeakerRoles:
    """The names that speakers have in the transcripts, by role; in any case.

    A role always has its own name, too, and each name covers others (`covers`).
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
        """The role whose name covers a speaker's; None if none does.

        Where names of both do, the longest decides: ``Speaker 1`` may be the participant though
        ``Speaker`` is the interviewer.
        """
        lengths = {
            role: max((len(n) for n in self.names_of(role) if covers(n, speaker)), default=0)
            for role in ROLES
        }
        role = max(lengths, key=lambda role: lengths[role])
        return role if lengths[role] else None

    def stands_for(self, entry: str, speaker: str) -> bool:
        """Whether a role is the speaker's, or a name the same."""
        own = folded(entry)
        return self.role_of(speaker) == own if own in ROLES else folded(speaker) == own

    def components(self, role: str) -> dict[str, list[str]]:
        """What decides whom a role stands for: its names, and others' that take some from it."""
        names = self.names_of(role)
        others = {name for other in ROLES if other != role for name in self.names_of(other)}
        lost = {name for name in others if any(_goes_on(own, name) for own in names)}
        return {"names": sorted(names)} | ({"but": sorted(lost)} if lost else {})


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
        kept = not self.keep or self._have(self.keep, speaker)
        return kept and not self._have(self.drop, speaker)

    def components(self) -> dict[str, Any]:
        """What of the choice decides the numbers of a fit, and of its predictions.

        A role is more than the names it has, since they cover others; so it stands there, too.
        """
        chosen = {*map(folded, (*self.keep, *self.drop))}
        covered = {role: self.roles.components(role) for role in ROLES if role in chosen}
        names = {"keep": sorted(self._names(self.keep)), "drop": sorted(self._names(self.drop))}
        return {**names, **({"roles": covered} if covered else {})}

    def as_json(self) -> dict[str, Any] | None:
        """The choice as a run keeps it; None for everyone."""
        return None if self.is_everyone else asdict(self)

    def __str__(self) -> str:
        """As in a sentence: ``participant and Anna``, ``everyone but interviewer``."""
        kept = " and ".join(self.keep) or EVERYONE
        return f"{kept} but {' and '.join(self.drop)}" if self.drop else kept

    def _have(self, entries: Iterable[str], speaker: str) -> bool:
        return any(self.roles.stands_for(entry, speaker) for entry in entries)

    def _names(self, entries: Iterable[str]) -> frozenset[str]:
        return frozenset(name for entry in entries for name in self.roles.names_of(entry))


def choice_from_json(value: Mapping[str, Any] | None) -> SpeakerChoice:
    """The choice that `SpeakerChoice.as_json` wrote; runs of before had none."""
    if value is None:
        return SpeakerChoice()
    roles = SpeakerRoles(**{role: tuple(names) for role, names in value["roles"].items()})
    return SpeakerChoice(tuple(value["keep"]), tuple(value["drop"]), roles)


def covers(name: str, speaker: str) -> bool:
    """Whether the name of a role stands for a speaker's, too.

    It does for itself, with a dot (``D.``), with a number (``Interviewer 1``, ``INV1``) and with
    a code (``Investigator IN1``); ``Dan`` is not ``D``, and ``Patient Advocate`` no ``Patient``.
    A name that ends in a number is whole: ``SPEAKER_1`` is not ``SPEAKER_10``.
    """
    own, other = folded(name), " ".join(speaker.split())
    if not other.casefold().startswith(own):
        return False
    rest = other.casefold()[len(own) :]
    if rest in ("", "."):
        return True
    if own[-1:].isdigit():
        return False
    return _NUMBERED.fullmatch(rest) is not None or _has_code(own, other)


def _has_code(name: str, speaker: str) -> bool:
    """Whether `speaker` is `name` and a code: one letter, capitals, or something with a digit.

    Where the name is in capitals, too, capitals alone may be a word.
    """
    match = _CODED.fullmatch(speaker)
    if match is None or folded(match["role"]) != name or len(name) < _LEAST_CODED:
        return False
    code, role = match["code"], match["role"]
    is_code = any(map(str.isdigit, code)) or (code == code.upper() and role != role.upper())
    return is_code or len(code) == 1


def _goes_on(name: str, other: str) -> bool:
    """Whether `other` is `name` and more that is no word of its own, as what `name` covers is."""
    rest = folded(other).removeprefix(folded(name))
    return folded(other).startswith(folded(name)) and not rest[:1].isalpha()


def folded(name: str) -> str:
    """A name as it is compared: single blanks, no case."""
    return " ".join(name.split()).casefold()
