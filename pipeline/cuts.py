"""What is said where audio was not cut alike: features tell of the cutting, too."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import get_args

from hilbert.store.segment_table import Cut, SegmentSummary

Cuts = Mapping[str, int]
"""Numbers of documents with audio by how it was cut, see `Cut`."""

RARE = 0.05
"""Share of the documents of a run below which it did not learn of a way of cutting."""

_WORDS: Mapping[str, str] = {
    "turns": "by the times of their transcripts",
    "speech": "where somebody speaks",
    "windows": "into windows, as no speech was found or asked for",
}
_ALIKE = "`hilbert extract --segment vad` cuts all alike, and fails where nobody speaks"


def cuts_of(summaries: Iterable[SegmentSummary]) -> Cuts:
    """How many documents were cut in each way, the usual first."""
    found = Counter(summary.cut for summary in summaries if summary.cut)
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], get_args(Cut).index(pair[0]))))


def describe_cuts(cuts: Cuts) -> tuple[str, ...]:
    """A sentence for a fit whose documents were not cut alike."""
    if len(cuts) < 2:
        return ()
    parts = ", ".join(f"{n} {_WORDS[cut]}" for cut, n in cuts.items())
    return (
        f"audio was not cut alike ({parts}), which features tell of: it is a shortcut if it goes"
        f" with the label; {_ALIKE}",
    )


def foreign_cuts(cuts: Cuts, fitted: Cuts | None) -> tuple[str, ...]:
    """A sentence for each way that documents were cut and hardly any of those fitted was.

    Parameters
    ----------
    cuts : mapping of str to int
    fitted : mapping of str to int, optional
        Those of the run; None if it is of a version that did not tell, and cut audio without times
        into windows.
    """
    if fitted is None and (n := cuts.get("speech", 0)):
        return (
            f"the audio of {n} document{'s' * (n > 1)} was cut {_WORDS['speech']}, where the"
            " earlier version that made the run would have cut windows: the probabilities may be"
            " off; extract and fit again",
        )
    if not fitted:
        return ()
    known = [cut for cut, n in fitted.items() if n >= RARE * sum(fitted.values())]
    usual = " or ".join(_WORDS[cut] for cut in known)
    return tuple(
        f"the audio of {n} document{'s' * (n > 1)} was cut {_WORDS[cut]}, while the run was fitted"
        f" on audio cut {usual}: the probabilities may be off (docs/evidence.md); prepare"
        f" transcripts as those of the run, or fit one whose documents are cut alike: {_ALIKE}"
        for cut, n in cuts.items()
        if cut not in known
    )
