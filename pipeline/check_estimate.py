"""How long an extraction would take, and how much it would store: an estimate, no promise.

From seconds of processor time that the parts of an extraction take for an hour of speech on one
core (benchmarks/RESULTS.md), scaled by how fast this machine multiplies; decoding is taken from
what the check itself measured, where it decoded.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

from hilbert.pipeline.check_document import Facts
from hilbert.stages.extract.encoders.base import best_audio_precision

ENCODERS = "whisper (tiny.en) and minilm"
FORWARD_S = 21.0
"""Whisper tiny's encoder in bf16, for an hour of speech in packed windows."""
FP32_FACTOR = 2.6
"""Where the processor has no bf16."""
LOG_MEL_S = 2.4
DECODE_S = 5.1
"""Ogg Opus of 16 kHz."""
LISTEN_S = 9.5
"""Looking for speech, of recordings whose transcripts have no times."""
WORDS_PER_S = 4_300.0
"""Through MiniLM: 2.1 s for the 9,000 words of an hour."""

REFERENCE_GFLOPS = 88.0
"""Of one core on which these were measured, in float32."""

BYTES_PER_ROW = 768 * 2
"""Features of a segment under either encoder: 768 numbers in float16."""
BYTES_PER_SEGMENT = 5 * 8
BYTES_PER_DOCUMENT = 3_000
"""Records and the table of documents."""

_MATRIX = 512


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of an extraction with the default encoders on this machine's processors."""

    seconds: float
    n_bytes: int
    n_cores: int


def estimate(facts: Sequence[Facts], decode_s_per_hour: float | None) -> Estimate:
    """Time and disk for the documents that will not fail.

    Parameters
    ----------
    facts : sequence of Facts
    decode_s_per_hour : float or None
        Processor time that decoding an hour of this corpus took.
    """
    sound = [fact for fact in facts if not fact.fails]
    speech_h = sum(fact.seconds() for fact in sound) / 3600
    recorded_h = sum(fact.info.duration_s for fact in sound if fact.info) / 3600
    heard_h = sum(fact.info.duration_s for fact in sound if fact.info and not fact.is_timed) / 3600
    n_words = sum(fact.n_words for fact in sound)
    slower = 1.0 if best_audio_precision() == "bf16" else FP32_FACTOR
    models_s = speech_h * (FORWARD_S * slower + LOG_MEL_S) + n_words / WORDS_PER_S
    models_s += heard_h * LISTEN_S
    decode_s = DECODE_S if decode_s_per_hour is None else decode_s_per_hour
    core_s = models_s * REFERENCE_GFLOPS / measure_gflops() + (recorded_h + heard_h) * decode_s
    n_segments = sum(len(fact.segments) for fact in sound)
    n_bytes = n_segments * (BYTES_PER_ROW + BYTES_PER_SEGMENT) + len(sound) * BYTES_PER_DOCUMENT
    return Estimate(core_s / n_cores(), n_bytes, n_cores())


def n_cores() -> int:
    """Processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def measure_gflops(repeats: int = 20) -> float:
    """Billions of float32 operations a second on one core; the best of some 3 ms."""
    import numpy as np
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    matrix = np.full((_MATRIX, _MATRIX), 0.5, np.float32)
    best_s = float("inf")
    with threadpool_limits(1):
        for _ in range(repeats):
            started = time.perf_counter()
            matrix @ matrix
            best_s = min(best_s, time.perf_counter() - started)
    return 2 * _MATRIX**3 / best_s / 1e9
