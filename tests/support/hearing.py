"""A recogniser that hears the same in everything, here and in worker processes."""

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hilbert.pipeline import in_process, transcribe
from hilbert.stages.extract.recogniser_files import RecogniserFiles
from hilbert.stages.extract.transcribe import Heard, Transcription, Word
from hilbert.store.errors import DocumentError
from hilbert.store.types import Document


@dataclass(frozen=True)
class FakeFiles(RecogniserFiles):
    """Files of a recogniser, in whose place a fake is loaded.

    It writes a line a document to `log`: its process, and the document. One called ``deadly``
    kills the process, one called ``bad`` fails.
    """

    log: Path = Path()

    def __reduce__(self) -> Any:
        return _arrive, (self.name, self.files, self.log)


def _arrive(name: str, files: Mapping[str, tuple[Path, ...]], log: Path) -> FakeFiles:
    """Unpickle in a worker, in which no test could have put the fakes into their places."""
    install(log)
    return FakeFiles(name, files, log)


def install(log: Path) -> None:
    """Put the fakes where a process loads its recogniser and hears."""

    def load(*_: object) -> None:
        with log.open("a") as file:
            file.write(f"{os.getpid()} loaded\n")

    def hear(
        recogniser: None, document: Document, language: str | None, advance: Any
    ) -> Transcription:
        with log.open("a") as file:
            file.write(f"{os.getpid()} {document.id}\n")
        if document.id == "deadly":
            os.kill(os.getpid(), signal.SIGKILL)
        if document.id == "bad":
            raise DocumentError("its sound cannot be used")
        advance(1.0)
        word = Word(" Hello", 0.0, 0.5, 0.9)
        return Transcription(
            language or "en", 0.9, (Heard(0.0, 1.0, "Hello", (word,), -0.1, 0.0, 1.0, 0.0),)
        )

    in_process.load_recogniser = load  # type: ignore[assignment]
    transcribe.transcribe_document = hear  # type: ignore[assignment]
