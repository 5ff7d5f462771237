"""Cut a recording where it is quiet, as it streams by.

A piece lasts up to five minutes, so that three hours need no more memory than five minutes do; a
recording shorter than that is one piece.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from hilbert.stages.extract.recordings.audio import Waveform, read_spans
from hilbert.stages.extract.transcripts.timing import equal_pieces
from hilbert.store.types import Seconds, Span

SAMPLING_RATE = 16_000

_PIECE_S = 300.0
_SEARCH_S = 60.0
"""How much of a piece's end is searched for the quietest moment."""
_QUIET_S = 0.4
_HOP_S = 0.02
_BLOCK_S = 30.0


def quiet_pieces(
    audio: Path,
    stretches: Sequence[Span],
    *,
    longest_s: Seconds = _PIECE_S,
    search_s: Seconds = _SEARCH_S,
) -> Iterator[tuple[Seconds, Waveform]]:
    """Cut stretches of a recording, as it streams by, where it is quietest.

    Parameters
    ----------
    audio : Path
        The recording.
    stretches : sequence of Span
        What is wanted of it, in order and without overlap.
    longest_s : float
        A stretch no longer than this is one piece.
    search_s : float
        How much of the end of the longest piece is searched for the quietest moment.

    Yields
    ------
    float, float32 array of shape (n_samples,)
        Start of a piece in the recording, and its samples at 16 kHz; together all of them.

    Raises
    ------
    DocumentError
        If the recording cannot be read, or is silent.
    """
    parts = [(i, part) for i, s in enumerate(stretches) for part in equal_pieces(s, _BLOCK_S)]
    waveforms = read_spans(audio, [part for _, part in parts], sampling_rate=SAMPLING_RATE)
    longest, search = (round(s * SAMPLING_RATE) for s in (longest_s, search_s))
    held, start, number = np.zeros(0, dtype=np.float32), 0, -1
    for (i, part), waveform in zip(parts, waveforms, strict=True):
        if i != number:
            if len(held):
                yield start / SAMPLING_RATE, held
            held, start, number = held[:0], round(part.start_s * SAMPLING_RATE), i
        held = np.concatenate([held, waveform])
        while len(held) > longest:
            cut = longest - search + _quietest(held[longest - search : longest])
            yield start / SAMPLING_RATE, held[:cut]
            held, start = held[cut:], start + cut
    if len(held):
        yield start / SAMPLING_RATE, held


def _quietest(waveform: Waveform) -> int:
    """The middle of the 0.4 s with the least energy, in samples."""
    hop, n_hops = round(_HOP_S * SAMPLING_RATE), round(_QUIET_S / _HOP_S)
    energy = np.square(waveform[: len(waveform) // hop * hop]).reshape(-1, hop).sum(axis=1)
    moving = np.convolve(energy, np.ones(n_hops), mode="valid")  # (n_hops_of_all - n_hops + 1,)
    return (int(moving.argmin()) + n_hops // 2) * hop
