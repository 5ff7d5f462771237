"""Transcribe, cut and encode in this process."""

from collections.abc import Generator, Mapping

from hilbert.pipeline.encode import encode_documents, load
from hilbert.pipeline.plan import Work
from hilbert.pipeline.segment_step import cut_documents
from hilbert.pipeline.session import Model, Result, Session
from hilbert.pipeline.transcribe import load_recogniser, transcribe_documents
from hilbert.stages.extract.encoders.base import Encoder
from hilbert.stages.extract.encoders.weights import ResolvedEncoder
from hilbert.stages.extract.recogniser_files import RecogniserFiles
from hilbert.stages.extract.transcribe import Recogniser


class InProcess:
    """The executor that is used where no other is asked for, and by every worker of the others.

    It keeps the model that it loaded last, for the next documents under the same one.

    Parameters
    ----------
    n_threads : int, optional
        Of a recogniser; by default what the environment of the process says.
    """

    def __init__(self, n_threads: int | None = None) -> None:
        self._n_threads = n_threads
        self._encoder: tuple[ResolvedEncoder, Encoder] | None = None
        self._recogniser: tuple[RecogniserFiles, Recogniser] | None = None

    def run(
        self, session: Session, model: Model | None, todo: Mapping[str, Work]
    ) -> Generator[Result, None, None]:
        """See `Executor`; results come one by one, while the next documents are in work."""
        if model is None:
            self._recogniser = None  # nothing is transcribed after documents were cut
            yield from cut_documents(session, todo)
        elif isinstance(model, RecogniserFiles):
            yield from transcribe_documents(session, self._load_recogniser(session, model), todo)
        else:
            yield from encode_documents(session, self._load_encoder(session, model), todo)

    def _load_encoder(self, session: Session, encoder: ResolvedEncoder) -> Encoder:
        self._recogniser = None
        if self._encoder is None or self._encoder[0] != encoder:
            self._encoder = None  # before the next one takes its place in memory
            self._encoder = (encoder, load(session, encoder))
        return self._encoder[1]

    def _load_recogniser(self, session: Session, files: RecogniserFiles) -> Recogniser:
        self._encoder = None
        if self._recogniser is None or self._recogniser[0] != files:
            self._recogniser = None
            options = session.options
            loaded = load_recogniser(files, options.transcribe, options.device, self._n_threads)
            self._recogniser = (files, loaded)
        return self._recogniser[1]
