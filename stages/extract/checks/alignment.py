"""Whether turns are where the speech is, and if not, by how much they are off.

The curve of activity is correlated with the indicator of the turns (1 where somebody has a turn,
0 elsewhere) at every offset. Only where one offset stands out, and clearly above none, is it
proposed: turns that fill the whole recording fit everywhere, and nothing is said of them.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.extract.checks.activity import activity_curve
from hilbert.stages.extract.checks.problem import Problem
from hilbert.stages.extract.checks.signal import Signal
from hilbert.stages.extract.stretches import kept_stretches
from hilbert.store.types import Document, Seconds, Span

LONGEST_OFFSET_S = 300.0
LEAST_OFFSET_S = 0.3
"""What turns may be off without a word: half a syllable of each side, and the times' rounding."""

LEAST_CORRELATION = 0.25
LEAST_GAIN = 0.15
LEAST_LEAD = 0.05
NO_CORRELATION = 0.05
"""On 250 real recordings with true times, clean or with noise 20 or 10 dB below the speech, none of
these rules speaks up; transcripts moved by 3 s are found in 250, 244 and 228 of them. Correlations
are .13 to .94 where the times are true, and -.2 to .2 with transcripts of other recordings. The
thresholds were chosen on these recordings, so this is no held-out result."""

APART_S = 1.5
"""Offsets nearer to each other than this are one peak."""

LEAST_PAUSE_S = 5.0
"""Of the recording that no turn covers; with less, there is nothing to compare."""

LEAST_PAUSE_SHARE = 0.1
"""With less, turns that are a little too long are not told from turns of another recording."""

SHORTEST_S = 10.0


class Fit(NamedTuple):
    """How turns fit the speech.

    Attributes
    ----------
    here, best : float
        Correlation of turns and activity where the turns are, and at the best offset.
    lead : float
        How far `best` is above every offset that is more than 1.5 s from it.
    offset_s : float
        To add to the turns' times.
    pause_share : float
        Of what is kept of the recording: where nobody has a turn.
    """

    here: float
    best: float
    lead: float
    offset_s: Seconds
    pause_share: float


def alignment_problems(
    signal: Signal, turns: Sequence[Span], document: Document
) -> Iterator[Problem]:
    """Whether timed turns lie where the recording has speech.

    Parameters
    ----------
    signal : Signal
        The whole recording.
    turns : sequence of Span
        Where turns are on the recording's clock: the document's offset is added already.
    document : Document
        Tells what is kept of the recording, and the offset so far.
    """
    fit = fit_turns(signal, turns, kept_stretches(document))
    if fit is None:
        return
    if is_off(fit):
        offset_s = document.transcript_offset_s + fit.offset_s
        yield Problem(
            "warning",
            "out of step",
            f"the transcript is out of step with the audio by {-fit.offset_s:+.1f} s"
            f" (correlation {fit.best:.2f} instead of {fit.here:.2f})",
            f"write {offset_s:.2f} into the column transcript_offset",
        )
    elif fit.here < NO_CORRELATION and fit.pause_share >= LEAST_PAUSE_SHARE:
        yield Problem(
            "warning",
            "out of step",
            f"the turns are not where the speech is (correlation {fit.here:.2f}), and no offset"
            " mends it",
            "see that audio and transcript belong together",
        )


def is_off(fit: Fit) -> bool:
    """Whether an offset is clearly better than none."""
    return (
        abs(fit.offset_s) >= LEAST_OFFSET_S
        and fit.best >= LEAST_CORRELATION
        and fit.best - fit.here >= LEAST_GAIN
        and fit.lead >= LEAST_LEAD
    )


def fit_turns(signal: Signal, turns: Sequence[Span], stretches: Sequence[Span]) -> Fit | None:
    """Correlate turns with the speech of what is kept, at offsets up to five minutes.

    ``None`` where there is too little of either, or of pauses, to tell.
    """
    n = len(signal.power)
    kept = signal.inside(stretches)
    covered = signal.inside(turns)
    pause_s = float((kept & ~covered).sum()) * signal.hop_s
    if kept.sum() * signal.hop_s < SHORTEST_S or not turns:
        return None
    if covered.any() and pause_s < LEAST_PAUSE_S:
        return None
    n_lags = int(min(LONGEST_OFFSET_S / signal.hop_s, n // 2))
    curve = np.zeros(n, np.float32)
    active = activity_curve(signal.power[kept])
    curve[kept] = active - active.mean()
    correlation = _correlations(curve, kept, _indicator(turns, signal.hop_s, n, n_lags))
    return _fit(correlation, signal.hop_s, float((kept & ~covered).sum() / kept.sum()))


def _fit(correlation: NDArray[np.float64], hop_s: Seconds, pause_share: float) -> Fit:
    n_lags = len(correlation) // 2
    best = int(correlation.argmax())
    apart = np.abs(np.arange(len(correlation)) - best) * hop_s > APART_S
    rival = float(correlation[apart].max(initial=0.0))
    peak = float(correlation[best])
    # where a window of the indicator begins later, the turns move to the left
    offset_s = (n_lags - best) * hop_s
    return Fit(float(correlation[n_lags]), peak, peak - rival, offset_s, pause_share)


def _indicator(turns: Sequence[Span], hop_s: Seconds, n: int, n_lags: int) -> NDArray[np.float32]:
    """1 where a turn is, in frames from `n_lags` before the recording to as many behind it."""
    indicator = np.zeros(n + 2 * n_lags, np.float32)
    for span in turns:
        first, stop = (round(min(time, 1e9) / hop_s) + n_lags for time in span)
        indicator[max(0, first) : max(0, stop)] = 1.0
    return indicator


def _correlations(
    curve: NDArray[np.float32], kept: NDArray[np.bool_], indicator: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Pearson's correlation over the frames kept, of the curve and each window of the indicator.

    Parameters
    ----------
    curve : float32 array of shape (n,)
        Of mean 0 over the frames kept, and 0 elsewhere.
    kept : bool array of shape (n,)
    indicator : float32 array of shape (n + 2 * n_lags,)

    Returns
    -------
    float64 array of shape (2 * n_lags + 1,)
        Window *k* begins at frame *k*; 0 where it holds less than half of the turns.
    """
    n_kept = int(kept.sum())
    products = _sliding(indicator, curve)
    n_covered = _sliding(indicator, kept.astype(np.float32))
    variance = n_covered * (1 - n_covered / n_kept)
    scale = np.sqrt(np.maximum(variance, 1.0) * float(np.square(curve, dtype=np.float64).sum()))
    told = (variance > 1.0) & (n_covered >= 0.5 * n_covered.max()) & (scale > 0)
    return np.where(told, products / np.maximum(scale, 1e-9), 0.0)


def _sliding(long: NDArray[np.float32], short: NDArray[np.float32]) -> NDArray[np.float64]:
    """Inner products of `short` with every window of `long`; by Fourier transform."""
    from scipy import fft

    size = fft.next_fast_len(len(long), real=True)
    spectrum = fft.rfft(long, size) * np.conj(fft.rfft(short, size))
    products = fft.irfft(spectrum, size)[: len(long) - len(short) + 1]
    return np.asarray(products, dtype=np.float64)
