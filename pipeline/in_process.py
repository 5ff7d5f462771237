"""Cut and encode in this process."""

from collections.abc import Generator, Mapping

from hilbert.pipeline.encode import encode_documents, load
from hilbert.pipeline.plan import Work
from hilbert.pipeline.segment_step import cut_documents
from hilbert.pipeline.session import Result, Session
from hilbert.stages.extract.encoders.base import Encoder
from hilbert.stages.extract.encoders.weights import ResolvedEncoder


class InProcess:
    """The executor that is used where no other is asked for, and by every worker of the others.

    It keeps the model that it loaded last, for the next documents under the same encoder.
    """

    def __init__(self) -> None:
        self._loaded: tuple[ResolvedEncoder, Encoder] | None = None

    def run(
        self, session: Session, encoder: ResolvedEncoder | None, todo: Mapping[str, Work]
    ) -> Generator[Result, None, None]:
        """See `Executor`; results come one by one, while the next documents are in work."""
        if encoder is None:
            yield from cut_documents(session, todo)
        else:
            yield from encode_documents(session, self._load(session, encoder), todo)

    def _load(self, session: Session, encoder: ResolvedEncoder) -> Encoder:
        if self._loaded is None or self._loaded[0] != encoder:
            self._loaded = None  # before the next one takes its place in memory
            self._loaded = (encoder, load(session, encoder))
        return self._loaded[1]
