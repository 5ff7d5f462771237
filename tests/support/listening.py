"""The command line with encoders that decode for real and compute next to nothing.

Everything of `hilbert extract` is the real path, faults of audio included; a feature is a few
numbers of the samples or of the text, so that what reaches an encoder can be seen.
"""

import os
import traceback
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
from click.testing import Result
from numpy.typing import NDArray

from hilbert.pipeline import cli_extract, encode
from hilbert.stages.extract.encoders.base import Encoded, EncodeJob, EncoderOptions, Failed
from hilbert.stages.extract.encoders.weights import ResolvedEncoder
from hilbert.stages.extract.recordings.audio import read_spans
from hilbert.store.errors import HilbertError
from hilbert.store.types import EncoderInfo, Span
from support.exact import AUDIO, DIM, TEXT
from support.project import run

ENCODERS = tuple(ResolvedEncoder(info, Path("none"), EncoderOptions()) for info in (AUDIO, TEXT))


@dataclass(frozen=True)
class ListeningEncoder:
    """Hears with `read_spans`; reads the text of segments."""

    info: EncoderInfo

    def encode(self, jobs: Iterable[EncodeJob]) -> Iterator[Encoded | Failed]:
        for job in jobs:
            try:
                rows = _heard(job) if self.info.modality == "audio" else _read(job)
            except HilbertError as error:
                yield Failed(job.id, str(error))
            else:
                yield Encoded(job.id, np.array(rows, np.float16).reshape(-1, DIM))


def _heard(job: EncodeJob) -> list[NDArray[np.float32]]:
    """Level of each eighth of a segment."""
    assert job.audio is not None
    spans = [Span(s.start_s or 0.0, s.end_s or 0.0) for s in job.segments]
    return [
        np.array([np.abs(part).max(initial=0.0) for part in np.array_split(wave, DIM)])
        for wave in read_spans(job.audio, spans)
    ]


def _read(job: EncodeJob) -> list[list[float]]:
    return [[float(s.n_words)] + [0.0] * (DIM - 1) for s in job.segments]


@contextmanager
def listening(cache: Path) -> Iterator[None]:
    """Within it, commands use these encoders, whatever is asked for."""

    def load(resolved: ResolvedEncoder, **_: object) -> ListeningEncoder:
        return ListeningEncoder(resolved.info)

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(encode, "load_encoder", load))
        chosen = mock.Mock(return_value=ENCODERS)
        stack.enter_context(mock.patch.object(cli_extract, "choose_encoders", chosen))
        stack.enter_context(mock.patch.dict(os.environ, {"HILBERT_CACHE": str(cache)}))
        yield


def extract(table: Path, store: Path, *more: str) -> Result:
    """`hilbert extract` of a table; what it prints ends in a JSON object."""
    with listening(store.parent / "cache"):
        return run("extract", str(table), "--store", str(store), "--json", "--device", "cpu", *more)


def outcome(command: str, table: Path, store: Path) -> tuple[int, str, str, str]:
    """Exit code, standard output, standard error, and any traceback of a command; for a child."""
    if command == "extract":
        result = extract(table, store)
    else:
        with listening(store.parent / "cache"):
            result = run(command, str(table), "--json")
    crash = ""
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        crash = "".join(traceback.format_exception(result.exception))
    return result.exit_code, result.stdout, result.stderr, crash
