"""HILBERT: two streams of segments in, three document embeddings and class scores out.

See docs/method.md for the definitions that the comments number.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from hilbert.stages.fit.attention import CrossAttention
from hilbert.stages.fit.batches import Batch, Stream
from hilbert.stages.fit.config import ModelConfig
from hilbert.stages.fit.dataset import Widths
from hilbert.stages.fit.moe import MixtureOfExperts, Routed, as_one
from hilbert.stages.fit.pooling import AttentivePooling
from hilbert.stages.fit.standardise import Moments
from hilbert.stages.fit.targets import Target


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Embeddings of some documents, zero where the modality is missing.

    Attributes
    ----------
    audio, text, joint : Tensor of shape (n_documents, width)
    present : Tensor of shape (n_documents, 2), bool
        Whether each document has audio, and text.
    """

    audio: Tensor
    text: Tensor
    joint: Tensor
    present: Tensor


class Projection(nn.Module):
    """Standardises features and projects them to the common width (definition 1)."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, moments: Moments, config: ModelConfig) -> None:
        super().__init__()
        # buffers, so that the standardisation of the training documents is saved with them
        self.register_buffer("mean", torch.from_numpy(moments.mean))
        self.register_buffer("deviation", torch.from_numpy(moments.deviation))
        self.dropout = nn.Dropout(config.input_dropout)
        self.project = nn.Linear(len(moments.mean), config.width)

    def forward(self, stream: Stream) -> Tensor:
        """Project to shape (n_documents, n_segments, width); padding holds what it likes."""
        # One mask for the whole batch. One for each segment would be averaged out by pooling;
        # one for each document would be a mark by which the contrastive loss matches views.
        kept = self.dropout(torch.ones_like(self.mean))
        # standardising the weights instead of the segments gives the same in a third of the time
        weight = self.project.weight * (kept / self.deviation)  # (width, dim)
        return functional.linear(stream.x, weight, self.project.bias - weight @ self.mean)


class Hilbert(nn.Module):
    """The network.

    Parameters
    ----------
    audio, text : Moments
        Standardisation of the segment features of each modality.
    targets : sequence of Target
        What is predicted; each has a mixture of experts of its own on the same embeddings.
    config : ModelConfig
    """

    def __init__(
        self, audio: Moments, text: Moments, targets: Sequence[Target], config: ModelConfig
    ) -> None:
        super().__init__()
        self.targets = tuple(targets)
        self.widths = Widths(len(audio.mean), len(text.mean))
        self.project_audio = Projection(audio, config)
        self.project_text = Projection(text, config)
        self.pool_audio = _pooling(config)
        self.pool_text = _pooling(config)
        self.pool_joint = _pooling(config)
        self.text_for_audio = _cross(config)
        self.audio_for_text = _cross(config)
        first, *further = (
            MixtureOfExperts(3 * config.width, 2, target, config) for target in targets
        )
        self.classifier = first
        self.further = nn.ModuleList(further)
        # log of the inverse temperature, as CLIP starts it (Radford et al. 2021)
        self.log_scale = nn.Parameter(torch.tensor(1 / 0.07).log())

    def forward(self, batch: Batch, joint: Batch | None = None) -> tuple[Embeddings, Routed]:
        """Embed and classify documents; see `embed`."""
        embeddings = self.embed(batch, joint)
        return embeddings, self.classify(embeddings)

    def embed(self, batch: Batch, joint: Batch | None = None) -> Embeddings:
        """Embeddings of documents.

        Parameters
        ----------
        batch : Batch
            Documents; its masks say which segments the modality embeddings see.
        joint : Batch, optional
            The same documents with the masks that the joint embedding sees: in training
            another draw, otherwise the same.
        """
        audio, text = self.project_audio(batch.audio), self.project_text(batch.text)
        return Embeddings(
            audio=self.pool_audio(audio, batch.audio.mask),
            text=self.pool_text(text, batch.text.mask),
            joint=self._joint(audio, text, batch if joint is None else joint),
            present=torch.stack([batch.audio.present, batch.text.present], 1),
        )

    def classify(self, embeddings: Embeddings) -> Routed:
        """Class scores from [audio; text; joint] (definition 7)."""
        whole = torch.cat([embeddings.audio, embeddings.text, embeddings.joint], 1)
        mixtures = (self.classifier, *self.further)
        return as_one([mixture(whole, embeddings.present) for mixture in mixtures])

    @property
    def classifiers(self) -> nn.ModuleList:
        """The mixtures of all targets, as one module."""
        return nn.ModuleList([self.classifier, *self.further])

    def _joint(self, audio: Tensor, text: Tensor, batch: Batch) -> Tensor:
        """Joint embedding (definition 3), shape (n_documents, width)."""
        heard = self.text_for_audio(audio, batch.audio, text, batch.text)
        read = self.audio_for_text(text, batch.text, audio, batch.audio)
        mask = torch.cat([batch.audio.mask, batch.text.mask], 1)
        # hundreds of audio segments must not outvote tens of texts: each starts with half
        prior = torch.cat([_log_share(batch.audio.mask), _log_share(batch.text.mask)], 1)
        pooled: Tensor = self.pool_joint(torch.cat([heard, read], 1), mask, prior)
        return pooled


def _log_share(mask: Tensor) -> Tensor:
    """Minus the log of each document's number of segments, for each of its segments."""
    count = mask.sum(1, keepdim=True).clamp(min=1)
    return -count.to(torch.float32).log().expand(mask.shape)


def _pooling(config: ModelConfig) -> AttentivePooling:
    return AttentivePooling(config.width, config.hops, config.pooling, config.peaks, config.dropout)


def _cross(config: ModelConfig) -> CrossAttention:
    return CrossAttention(
        config.width, config.heads, config.time_bias, crosses=config.cross_attention
    )
