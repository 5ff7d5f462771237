"""A trained model: probabilities and embeddings of documents, and its state for a file."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilbert.stages.fit.batches import Batch, bounded_batches, collate
from hilbert.stages.fit.config import TrainConfig
from hilbert.stages.fit.dataset import DocumentSet, Widths
from hilbert.stages.fit.heads import class_probabilities
from hilbert.stages.fit.linear import LinearExperts
from hilbert.stages.fit.mixing import Mixing
from hilbert.stages.fit.model import Hilbert
from hilbert.stages.fit.results import Inner
from hilbert.stages.fit.side_by_side import ExpertsByQuestion, Mixings, experts_of, mixings
from hilbert.stages.fit.standardise import Moments
from hilbert.stages.fit.targets import Target
from hilbert.store.errors import FitError
from hilbert.store.types import MODALITIES

PREDICT_BATCH = 64
"""Documents predicted at once, at most."""

Curves = dict[str, list[float]]
"""Mean of each term over the steps of an epoch, one number an epoch."""


class Said(NamedTuple):
    """What is said of documents.

    Attributes
    ----------
    networks : float64 array of shape (n_documents, n_columns)
        Mean probabilities.
    linear : float64 array of shape (n_documents, n_columns), optional
        Log probabilities.
    """

    networks: NDArray[np.float64]
    linear: NDArray[np.float64] | None


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """Networks whose probabilities are averaged.

    Attributes
    ----------
    networks : tuple of Hilbert
        Standardisation is part of each.
    targets : tuple of Target
    config : TrainConfig
    curves : tuple of dict
        Losses by epoch, one dict a network. Empty for a model read from a file.
    expert : LinearExperts or ExpertsByQuestion, optional
        Linear experts beside the networks; of each question where there are several.
    mixing : Mixing or Mixings, optional
        How the networks' mean and the linear expert are mixed; without it the networks' mean
        is taken.
    inner : Inner, optional
        What networks and linear experts, so mixed, made of training documents that they did not
        see. None for a model read from a file, or where no part was left out.
    """

    networks: tuple[Hilbert, ...]
    targets: tuple[Target, ...]
    config: TrainConfig
    curves: tuple[Curves, ...] = ()
    expert: LinearExperts | ExpertsByQuestion | None = None
    mixing: Mixing | Mixings | None = None
    inner: Inner | None = None

    def predict_proba(self, documents: DocumentSet) -> NDArray[np.float64]:
        """Class probabilities of shape (n_documents, n_columns).

        Those of all questions side by side; the ones of each question sum to 1.

        Raises
        ------
        FitError
            If the features have another width than those of training, or training diverged.
        """
        return _mixed(self.hear(documents), self.mixing)

    def predict_twice(
        self, documents: DocumentSet
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """`predict_proba`, and the same before scale and class frequencies calibrate it."""
        said = self.hear(documents)
        return _mixed(said, self.mixing), _mixed(said, self.mixing and self.mixing.uncalibrated())

    def hear(self, documents: DocumentSet) -> Said:
        """What networks and linear experts say of documents, before they are mixed."""
        mean: NDArray[np.float64] = np.mean(self._apply(documents, _probabilities), axis=0)
        if not np.isfinite(mean).all():
            raise FitError("training diverged; lower --lr or --weight-decay.")
        if self.expert is None:
            return Said(mean, None)
        return Said(mean, self.expert.log_probabilities(documents, self.networks[0].widths))

    def embed(self, documents: DocumentSet) -> dict[str, NDArray[np.float32]]:
        """Embeddings by name, `audio`, `text` and `joint`, zero where a modality is missing.

        Returns
        -------
        dict of arrays of shape (n_documents, n_networks * width)
            The networks' embeddings side by side, as each has a space of its own.
        """
        # (n_documents, 3, n_networks * width)
        stacked = np.concatenate(self._apply(documents, _embeddings), axis=2).astype(np.float32)
        return {name: stacked[:, i] for i, name in enumerate((*MODALITIES, "joint"))}

    def state(self) -> dict[str, Tensor]:
        """Every tensor, for safetensors.

        Named ``<network>.<tensor>``, ``linear.<expert>.<tensor>`` and ``mixing.<tensor>``;
        with several questions ``linear.<question>.…`` and ``mixing.<question>.…``.
        """
        state = {
            f"{i}.{name}": tensor.detach().cpu().contiguous().clone()
            for i, network in enumerate(self.networks)
            for name, tensor in network.state_dict().items()
        }
        for part, learned in (("linear", self.expert), ("mixing", self.mixing)):
            if learned is not None:
                state |= {f"{part}.{name}": t for name, t in learned.state().items()}
        return state

    def _apply(
        self, documents: DocumentSet, apply: Callable[[Hilbert, Batch], Tensor]
    ) -> list[NDArray[np.float64]]:
        """`apply` of each network to all documents, each of shape (n_documents, ...)."""
        widths = self.networks[0].widths
        check_widths(documents, widths)
        found: list[list[Tensor]] = [[] for _ in self.networks]
        with inference(self.config.threads):
            for index in bounded_batches(documents, PREDICT_BATCH):
                batch = collate(documents, index, widths, device=self.config.device)
                for network, parts in zip(self.networks, found, strict=True):
                    parts.append(apply(network.eval(), batch).cpu())
        return [torch.cat(parts).double().numpy() for parts in found]


def from_state(
    state: Mapping[str, Tensor], targets: Sequence[Target], config: TrainConfig
) -> TrainedModel:
    """The model whose `TrainedModel.state` this is.

    Raises
    ------
    FitError
        If tensors are missing or have another shape than `config` tells.
    """
    networks = []
    for i in range(config.seeds_averaged or 1):
        own = {k.removeprefix(f"{i}."): v for k, v in state.items() if k.startswith(f"{i}.")}
        try:
            networks.append(_network(own, targets, config))
        except (KeyError, RuntimeError) as error:
            raise FitError(
                f"the weights of network {i} do not fit the saved options. "
                "Restore the run directory, or fit again."
            ) from error
    widths = tuple(width for target in targets for width in target.widths)
    return TrainedModel(
        tuple(networks),
        tuple(targets),
        config,
        expert=experts_of(_below(state, "linear"), widths),
        mixing=mixings(_below(state, "mixing"), len(widths)),
    )


def _below(state: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    """The tensors of a part, by their names inside it."""
    return {k.removeprefix(f"{part}."): v for k, v in state.items() if k.startswith(f"{part}.")}


def check_widths(documents: DocumentSet, widths: Widths) -> None:
    """Refuse features of another width than the model was trained on."""
    for name, found, wanted in zip(
        MODALITIES, (documents.audio_dim, documents.text_dim), widths, strict=True
    ):
        if found is not None and found != wanted:
            raise FitError(
                f"{name} features have width {found}, the model was fitted on {wanted}. "
                "Extract with the encoders of the run."
            )


@contextmanager
def inference(threads: int) -> Iterator[None]:
    """No gradients, and `threads` torch threads, whose number was another before and after."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(before)


def _network(state: dict[str, Tensor], targets: Sequence[Target], config: TrainConfig) -> Hilbert:
    moments = [
        Moments(*(state[f"project_{m}.{n}"].numpy() for n in Moments._fields)) for m in MODALITIES
    ]
    network = Hilbert(moments[0], moments[1], targets, config.model)
    network.load_state_dict(state)
    return network.to(config.device)


def _mixed(said: Said, mixing: Mixing | Mixings | None) -> NDArray[np.float64]:
    """Probabilities of shape (n_documents, n_columns)."""
    if mixing is None:
        return said.networks
    with np.errstate(divide="ignore"):  # the mixing has a floor
        return mixing.probabilities(np.log(said.networks), said.linear)


def _probabilities(network: Hilbert, batch: Batch) -> Tensor:
    _, routed = network(batch)
    # float64, so that rows sum to 1 in a file as well
    probabilities: Tensor = class_probabilities(routed.logits.double(), network.targets)
    return probabilities


def _embeddings(network: Hilbert, batch: Batch) -> Tensor:
    """Audio, text and joint embeddings, shape (n_documents, 3, width)."""
    found = network.embed(batch)
    return torch.stack([found.audio, found.text, found.joint], 1)
