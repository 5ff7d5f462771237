"""Text encoders: any model that transformers' ``AutoModel`` loads, tokens to features.

Special tokens are pooled with the others, as sentence-transformers does; padding never is. A
text longer than the model's limit is split into pieces of nearly equal length, each encoded
with special tokens of its own, and pooled over all its tokens: nothing is cut off.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModel, AutoTokenizer

from hilbert.stages.extract.encoders.base import (
    Encoded,
    EncodeJob,
    EncoderOptions,
    Failed,
    result_of,
)
from hilbert.stages.extract.encoders.checkpoints import shown, without_paths
from hilbert.stages.extract.encoders.fallback import NO_MEMORY, BatchSize
from hilbert.stages.extract.encoders.hidden_states import combined
from hilbert.stages.extract.encoders.layers import Layers
from hilbert.stages.extract.encoders.pooling import Pool, merged, pool_of, row_counts, stored
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

    Raises
    ------
    HilbertError
        If transformers cannot load the folder, or its weights do not fit its config.json.
    """

    def __init__(
        self,
        info: EncoderInfo,
        folder: Path,
        options: EncoderOptions,
        max_tokens: int,
        device: torch.device,
    ) -> None:
        self.info = info
        self._options = options
        self._layers = Layers.parse(options.layer)
        self._batch_size = BatchSize(_BATCH_PIECES)
        self._device = device
        self._tokenizer, self._model = _load(folder, device)
        self._prefix, self._suffix = self._special_tokens()
        self._max_content = max(1, max_tokens - len(self._prefix) - len(self._suffix))
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
            rows = self._tokenizer(texts, add_special_tokens=False)["input_ids"]
            pieces = [
                _Piece(number, segment, part, ids)
                for segment, row in enumerate(rows)
                for part, ids in enumerate(self._split(segment, row))
            ]
        except DocumentError as error:
            return _Document(job, failed=Failed(job.id, str(error)))
        return _Document(job, pieces)

    def _split(self, segment: int, ids: list[int]) -> list[list[int]]:
        """Pieces of nearly equal length, each with special tokens, none over the limit."""
        n_pieces = max(1, -(-len(ids) // self._max_content))
        bounds = [len(ids) * i // n_pieces for i in range(n_pieces + 1)]
        pieces = [self._prefix + ids[start:stop] + self._suffix for start, stop in pairwise(bounds)]
        if not pieces[0]:
            raise DocumentError(f"text segment {segment + 1} has no tokens")
        return pieces

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
            pool_of(tokens[: len(piece.ids)], self._options.pooling)
            for piece, tokens in zip(batch, hidden, strict=True)
        ]

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


def _load(folder: Path, device: torch.device) -> tuple[Any, Any]:
    """Tokenizer and frozen float32 model; of an encoder-decoder model, the encoder."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model, report = AutoModel.from_pretrained(
            folder,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            ignore_mismatched_sizes=True,  # told by `_check_whole`, which names the tensor
            output_loading_info=True,
        )
    except Exception as error:  # transformers raises whatever a model's own code raises
        reason = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise HilbertError(
            f"transformers cannot load {shown(folder)} as a text encoder:"
            f" {type(error).__name__}: {without_paths(reason, folder)}"
        ) from error
    has_decoder = bool(model.config.is_encoder_decoder)
    _check_whole(folder, report, has_decoder=has_decoder)
    encoder = model.get_encoder() if has_decoder else model
    return tokenizer, encoder.to(device).eval()


def _check_whole(folder: Path, report: Mapping[str, Any], *, has_decoder: bool) -> None:
    """Refuse weights that transformers made up: it fills what a file lacks with random numbers.

    Poolers, and the decoder of an encoder-decoder model, may be missing: no feature depends
    on them.
    """
    mismatched = {name for name, *_ in report["mismatched_keys"]}  # with both shapes
    for what, names in (
        ("tensors of another shape", mismatched),
        ("tensors missing", set(report["missing_keys"]) - mismatched),
    ):
        if needed := sorted(name for name in names if _is_needed(name, has_decoder)):
            raise HilbertError(
                f"The weights in {shown(folder)} do not fit its config.json: {what}: {len(needed)}"
                f" (first: {needed[0]}). Copy or save the model again, weights and config.json"
                " together."
            )


def _is_needed(tensor: str, has_decoder: bool) -> bool:
    parts = tensor.split(".")
    return "pooler" not in parts and not (has_decoder and "decoder" in parts[:2])


def _texts(segments: Iterable[Segment]) -> list[str]:
    texts = [segment.text for segment in segments]
    if not texts:
        raise DocumentError("no text segments")
    if None in texts:
        raise DocumentError(f"text segment {texts.index(None) + 1} has no text")
    return [text for text in texts if text is not None]


def _batches(pieces: list[_Piece]) -> Iterator[list[_Piece]]:
    """Consecutive pieces, so many that neither their number nor their tokens are too many.

    `pieces` are sorted, the longest first, so the first of a batch tells its padded length.
    """
    start = 0
    while start < len(pieces):
        n = max(1, min(_BATCH_PIECES, _BATCH_TOKENS // len(pieces[start].ids)))
        yield pieces[start : start + n]
        start += n
