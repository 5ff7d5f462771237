"""Text encoders: any model that transformers' ``AutoModel`` loads, tokens to features.

Special tokens are pooled with the others, as sentence-transformers does; padding never is. A
text longer than the model's limit is split into pieces of nearly equal length, each encoded
with special tokens of its own, and pooled over all its tokens: nothing is cut off. An
instruction stands before every piece.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise, takewhile
from pathlib import Path

import torch
from torch import Tensor

from hilbert.stages.extract.encoders.base import (
    Encoded,
    EncodeJob,
    EncoderOptions,
    Failed,
    result_of,
)
from hilbert.stages.extract.encoders.fallback import NO_MEMORY, BatchSize
from hilbert.stages.extract.encoders.hidden_states import combined
from hilbert.stages.extract.encoders.layers import Layers
from hilbert.stages.extract.encoders.pooling import Pool, merged, pool_of, row_counts, stored
from hilbert.stages.extract.encoders.sentence_folder import SentenceRecipe
from hilbert.stages.extract.encoders.sentence_pooling import SentencePooler
from hilbert.stages.extract.encoders.text_model import load_text_model
from hilbert.stages.extract.encoders.workers import workers_for
from hilbert.store.errors import DocumentError, HilbertError
from hilbert.store.types import EncoderInfo, Segment

_CHUNK_PIECES = 256  # sorted by length together; bounds memory
_BATCH_PIECES = 32
_BATCH_TOKENS = 8192


@dataclass(frozen=True, slots=True)
class _Piece:
    """Part of a text that fits the model: token ids of one segment of one chunk's document."""

    document: int
    segment: int
    part: int
    ids: list[int]
    n_prompt: int = 0
    """How many of `ids` are the instruction's, with the special tokens before it."""


@dataclass(frozen=True, slots=True)
class _Document:
    """A job of a chunk with its pieces, or with what is wrong with it."""

    job: EncodeJob
    pieces: list[_Piece] = field(default_factory=list)
    failed: Failed | None = None


class TextEncoder:
    """Features of text segments by a frozen language model, in float32.

    Parameters
    ----------
    info : EncoderInfo
    folder : Path
        A Hugging Face folder.
    options : EncoderOptions
        Its layers counted from 0, the embedding's output.
    max_tokens : int
        Longest piece, special tokens included.
    device : torch.device
    own : SentenceRecipe, optional
        The folder's own pooling, where the options ask for it.

    Raises
    ------
    HilbertError
        If transformers cannot load the folder, its weights do not fit its config.json, or the
        prefix leaves no room for a text.
    """

    def __init__(
        self,
        info: EncoderInfo,
        folder: Path,
        options: EncoderOptions,
        max_tokens: int,
        device: torch.device,
        own: SentenceRecipe | None = None,
    ) -> None:
        self.info = info
        self._options = options
        self._layers = Layers.parse(options.layer)
        self._batch_size = BatchSize(_BATCH_PIECES)
        self._device = device
        self._tokenizer, self._model = load_text_model(folder, device)
        self._pooler = SentencePooler(own, device) if own else None
        self._lowers = own is not None and own.lowers
        self._prefix, self._suffix = self._special_tokens()
        self._instruction = self._token_ids([(options.prefix or "").rstrip()])[0]
        self._max_tokens = max_tokens - len(self._prefix) - len(self._suffix)
        if self._instruction and len(self._instruction) >= self._max_tokens:
            raise HilbertError(
                f"--prefix has {len(self._instruction)} tokens; {info.name} takes"
                f" {max(0, self._max_tokens)} at a time, text included. Shorten it."
            )
        self._pad_id = self._tokenizer.pad_token_id or 0

    def encode(self, jobs: Iterable[EncodeJob]) -> Iterator[Encoded | Failed]:
        """Features of every job's segments, in the order of the jobs."""
        chunk: list[_Document] = []
        n_pieces = 0
        for job in jobs:
            chunk.append(self._tokenized(len(chunk), job))
            n_pieces += len(chunk[-1].pieces)
            if n_pieces >= _CHUNK_PIECES or chunk[-1].failed:
                yield from self._encode_chunk(chunk)
                chunk, n_pieces = [], 0
        yield from self._encode_chunk(chunk)

    def _special_tokens(self) -> tuple[list[int], list[int]]:
        """Special tokens that the tokenizer puts before and after a text."""
        encoding = self._tokenizer("a", return_special_tokens_mask=True)
        ids, mask = list(encoding["input_ids"]), list(encoding["special_tokens_mask"])
        if 0 not in mask:
            raise HilbertError(f"The tokenizer of {self.info.name} gives no token for a word.")
        n_before, n_after = mask.index(0), mask[::-1].index(0)
        return ids[:n_before], ids[len(ids) - n_after :]

    def _tokenized(self, number: int, job: EncodeJob) -> _Document:
        try:
            texts = _texts(job.segments)
            prefix = self._options.prefix or ""
            rows = self._token_ids([prefix + text for text in texts])
            pieces = [
                _Piece(number, segment, part, ids, n_prompt)
                for segment, row in enumerate(rows)
                for part, (ids, n_prompt) in enumerate(self._split(segment, row))
            ]
        except DocumentError as error:
            return _Document(job, failed=Failed(job.id, str(error)))
        return _Document(job, pieces)

    def _token_ids(self, texts: list[str]) -> list[list[int]]:
        """Token ids of each text, without special tokens."""
        if self._lowers:
            texts = [text.lower() for text in texts]
        ids: list[list[int]] = self._tokenizer(texts, add_special_tokens=False)["input_ids"]
        return ids

    def _split(self, segment: int, ids: list[int]) -> list[tuple[list[int], int]]:
        """Pieces of nearly equal length, none over the limit, and their instructions' lengths.

        Each piece has special tokens and the instruction. Where the instruction's last
        characters share a token with the text's first, that token stays with the text.
        """
        n_shared = _n_common(ids, self._instruction)
        before, content = self._prefix + ids[:n_shared], ids[n_shared:]
        n_pieces = max(1, -(-len(content) // max(1, self._max_tokens - n_shared)))
        bounds = [len(content) * i // n_pieces for i in range(n_pieces + 1)]
        pieces = [before + content[start:stop] + self._suffix for start, stop in pairwise(bounds)]
        pools_all = self._pooler is None or self._pooler.pools_prompt
        if len(pieces[0]) <= (0 if pools_all else len(before)):
            raise DocumentError(f"text segment {segment + 1} has no tokens")
        return [(piece, len(before)) for piece in pieces]

    def _encode_chunk(self, chunk: list[_Document]) -> Iterator[Encoded | Failed]:
        pools = self._pools([piece for document in chunk for piece in document.pieces])
        pooling = self._options.pooling
        for number, document in enumerate(chunk):
            if document.failed:
                yield document.failed
                continue
            own = [pools[number, i] for i in range(len(document.job.segments))]
            if None in own:
                yield Failed(document.job.id, NO_MEMORY)
                continue
            rows = [pool.pooled(pooling) for pool in own if pool is not None]
            n_rows = row_counts(rows, pooling)
            yield result_of(document.job.id, stored(rows), n_rows=n_rows)

    def _pools(self, pieces: list[_Piece]) -> dict[tuple[int, int], Pool | None]:
        """All tokens of each (document, segment); None where memory could not hold them."""
        ordered = sorted(pieces, key=lambda piece: len(piece.ids), reverse=True)
        found: dict[tuple[int, int], dict[int, Pool | None]] = {}
        with workers_for(self._device) as workers:
            for batch, pools in workers.map(self._batch_pools, _batches(ordered)):
                for piece, own in zip(batch, pools, strict=True):
                    found.setdefault((piece.document, piece.segment), {})[piece.part] = own
        return {key: merged([parts[i] for i in sorted(parts)]) for key, parts in found.items()}

    def _batch_pools(self, batch: list[_Piece]) -> list[Pool | None]:
        return self._batch_size.run(self._encode_pieces, batch)

    def _encode_pieces(self, batch: list[_Piece]) -> list[Pool]:
        hidden = self._hidden([piece.ids for piece in batch])
        return [
            self._pool(tokens[: len(piece.ids)], piece)
            for piece, tokens in zip(batch, hidden, strict=True)
        ]

    def _pool(self, tokens: Tensor, piece: _Piece) -> Pool:
        """What pooling needs to know of the tokens of a piece, of shape (n_tokens, width)."""
        if self._pooler is not None:
            return self._pooler.pool(tokens, piece.n_prompt)
        return pool_of(tokens, self._options.pooling)

    @torch.inference_mode()
    def _hidden(self, rows: list[list[int]]) -> Tensor:
        """Hidden states of shape (n_rows, longest row, width), padding included."""
        longest = max(map(len, rows))
        ids = torch.tensor([row + [self._pad_id] * (longest - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
        output = self._model(
            input_ids=ids.to(self._device),
            attention_mask=mask.to(self._device),
            output_hidden_states=True,
        )
        states = {i: output.hidden_states[i] for i in self._layers.needed}
        return combined(states, self._layers)


def _texts(segments: Iterable[Segment]) -> list[str]:
    texts = [segment.text for segment in segments]
    if not texts:
        raise DocumentError("no text segments")
    if None in texts:
        raise DocumentError(f"text segment {texts.index(None) + 1} has no text")
    return [text for text in texts if text is not None]


def _n_common(one: list[int], other: list[int]) -> int:
    """How many of the first entries of both are the same."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _batches(pieces: list[_Piece]) -> Iterator[list[_Piece]]:
    """Consecutive pieces, so many that neither their number nor their tokens are too many.

    `pieces` are sorted, the longest first, so the first of a batch tells its padded length.
    """
    start = 0
    while start < len(pieces):
        n = max(1, min(_BATCH_PIECES, _BATCH_TOKENS // len(pieces[start].ids)))
        yield pieces[start : start + n]
        start += n
