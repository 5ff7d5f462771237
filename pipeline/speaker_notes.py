"""What is said of the speakers that a fit keeps: how many rows, of whom, and what is lost."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from hilbert.pipeline.speakers import ROLES, SpeakerChoice, folded
from hilbert.store.errors import FitError
from hilbert.store.types import MODALITIES, Modality, Seconds

UNKNOWN = "unknown"
_MOST_NAMES = 8
_LEAST_OVERLAP_S = 0.02  # a frame of speech encoders; less is rounding

Counts = Mapping[tuple[Modality, str | None], int]
"""Numbers of segments by modality and speaker, None where that is not known."""


class Share(NamedTuple):
    """What a fit keeps of one document.

    Attributes
    ----------
    names : tuple of str
        All its speakers that are known.
    n_kept : mapping of modality to int
        Segments that are kept.
    counts : mapping
        All segments by speaker; empty while they are not stored yet.
    kept_s, overlap_s : float
        Seconds of the audio that is kept, and how many of them lie within turns of others.
    """

    names: tuple[str, ...]
    n_kept: Mapping[Modality, int]
    counts: Counts
    kept_s: Seconds = 0.0
    overlap_s: Seconds = 0.0


def names_in(share: Share, modalities: Collection[Modality]) -> str:
    """Who speaks in a document, as far as it has segments of `modalities`."""
    found = dict.fromkeys(name for modality, name in share.counts if modality in modalities)
    names = [UNKNOWN if name is None else name for name in found or share.names]
    return (", ".join(names[:_MOST_NAMES]) or "nobody") + _more(names)


def check_names(shares: Sequence[Share], choice: SpeakerChoice) -> None:
    """Refuse a name or a role that nobody has: a slip would keep whom it was to drop.

    Raises
    ------
    FitError
        Names those that there are.
    """
    present = Counter(name for share in shares for name in share.names)
    for entry in (*choice.keep, *choice.drop):
        if not any(choice.roles.stands_for(entry, name) for name in present):
            raise FitError(
                f"no document has the speaker {entry!r}; {_there_are(present, choice)}."
                f" {_advice(entry)}"
            )


def describe_shares(
    shares: Mapping[str, Share], choice: SpeakerChoice, modalities: Collection[Modality]
) -> list[str]:
    """What is kept of the documents of a fit, and where other voices may still be heard."""
    if choice.is_everyone:
        return []
    counts = Counter[tuple[Modality, str | None]]()
    for share in shares.values():
        counts.update({key: n for key, n in share.counts.items() if key[0] in modalities})
    kept = {key: n for key, n in counts.items() if choice.keeps(key[1])}
    others = {key: n for key, n in counts.items() if key not in kept}
    n_kept = sum(any(share.n_kept[m] for m in modalities) for share in shares.values())
    lines = [
        f"speakers kept: {_listed(kept, choice)}, in {n_kept} of {_documents(len(shares))};"
        f" not kept: {_listed(others, choice) or 'nobody'}"
    ]
    for modality in MODALITIES if len(modalities) > 1 else ():
        lines += _losses(shares, modality)
    return lines + (_overlaps(shares) if "audio" in modalities else [])


def _losses(shares: Mapping[str, Share], modality: Modality) -> list[str]:
    """Documents that keep the other modality alone, though they have this one."""
    lost = {
        name: share
        for name, share in shares.items()
        if any(share.n_kept.values()) and not share.n_kept[modality] and _has(share, modality)
    }
    if not lost:
        return []
    n, first = len(lost), next(iter(lost))
    line = f"{_documents(n)} {'keeps' if n == 1 else 'keep'} no {modality} (first: {first})"
    if all((modality, None) in share.counts for share in lost.values()):
        line += (
            f": the speakers of {'its' if n == 1 else 'their'} audio are unknown, as they are"
            " where a transcript has no times; give one with times"
        )
    return [line]


def _overlaps(shares: Mapping[str, Share]) -> list[str]:
    """How much of the audio that is kept other voices may be heard in."""
    overlapped = {n: s.overlap_s for n, s in shares.items() if s.overlap_s >= _LEAST_OVERLAP_S}
    if not overlapped:
        return []
    kept_s = sum(share.kept_s for share in shares.values())
    most = max(overlapped, key=lambda name: overlapped[name])
    return [
        f"{sum(overlapped.values()):.1f} of {kept_s:.1f} s of the audio kept lie within turns of"
        f" others, whose voices are heard there ({_documents(len(overlapped))}; most: {most})"
    ]


def _has(share: Share, modality: Modality) -> bool:
    return any(found == modality for found, _ in share.counts)


def _listed(counts: Mapping[tuple[Modality, str | None], int], choice: SpeakerChoice) -> str:
    """``participant (P) 120 audio and 130 text segments, unknown 3 audio segments``."""
    by_speaker = Counter[str | None]()
    for (_, name), n in counts.items():
        by_speaker[name] += n
    named = [
        f"{UNKNOWN if name is None else _with_role(name, choice)} {_segments(counts, name)}"
        for name, _ in by_speaker.most_common(_MOST_NAMES)
    ]
    return ", ".join(named) + _more(by_speaker)


def _segments(counts: Mapping[tuple[Modality, str | None], int], name: str | None) -> str:
    """``12 audio and 1 text segments``."""
    found = [(modality, counts.get((modality, name), 0)) for modality in MODALITIES]
    parts = [f"{n} {modality}" for modality, n in found if n]
    return f"{' and '.join(parts)} segment{'' if sum(n for _, n in found) == 1 else 's'}"


def _advice(entry: str) -> str:
    if folded(entry) in ROLES:
        return f"Say in hilbert.toml who it is: [speakers] {folded(entry)} = [NAME, ...]"
    return "Choose among them, or a role: " + ", ".join(ROLES)


def _there_are(present: Counter[str], choice: SpeakerChoice) -> str:
    if not present:
        return "all speakers are unknown (a column speaker of the corpus may name them)"
    named = [
        f"{_with_role(name, choice)} in {_documents(n)}"
        for name, n in present.most_common(_MOST_NAMES)
    ]
    return f"the speakers are: {', '.join(named)}{_more(present)}"


def _with_role(name: str, choice: SpeakerChoice) -> str:
    role = choice.roles.role_of(name)
    return name if role in (None, folded(name)) else f"{role} ({name})"


def _more(names: Collection[object]) -> str:
    n = len(names) - _MOST_NAMES
    return f" and {n} more" if n > 0 else ""


def _documents(n: int) -> str:
    return f"{n} document" if n == 1 else f"{n} documents"
