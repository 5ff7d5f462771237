"""The pooling of a sentence-transformers folder: tokens to one vector a text.

A text longer than the model's limit is encoded in pieces: their pooled vectors are averaged,
each weighted by its tokens (for mean pooling, the mean over all tokens), before what comes after
the pooling, so that the result is normalised where the folder normalises.
"""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from hilbert.stages.extract.encoders.base import Pooling
from hilbert.stages.extract.encoders.checkpoints import shown, weight_files
from hilbert.stages.extract.encoders.sentence_folder import Dense, Mode, SentenceRecipe
from hilbert.store.errors import HilbertError

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "Identity": nn.Identity,
    "Tanh": nn.Tanh,
    "ReLU": nn.ReLU,
    "GELU": nn.GELU,
    "Sigmoid": nn.Sigmoid,
    "SiLU": nn.SiLU,
}


class OwnPool(NamedTuple):
    """Pooled tokens of one text, or of a piece of it; two can be merged.

    Attributes
    ----------
    n : int
        Number of tokens.
    value : float32 Tensor of shape (n_modes * width,)
    pooler : SentencePooler
        Knows what comes after the pooling.
    """

    n: int
    value: Tensor
    pooler: "SentencePooler"

    def merge(self, other: "OwnPool") -> "OwnPool":
        n = self.n + other.n
        share = other.n / n
        return self._replace(n=n, value=self.value + share * (other.value - self.value))

    def pooled(self, pooling: Pooling) -> Tensor:
        """Features of shape (dim,), float32."""
        return self.pooler.finish(self.value)


class SentencePooler:
    """Pools tokens and runs what the folder has after its pooling.

    Raises
    ------
    HilbertError
        If the weights of a Dense layer do not fit its config.json.
    """

    def __init__(self, recipe: SentenceRecipe, device: torch.device) -> None:
        self._modes = recipe.modes
        self.pools_prompt = recipe.pools_prompt
        self._steps = [
            step if isinstance(step, str) else _DenseLayer(step).to(device).eval()
            for step in recipe.steps
        ]

    def pool(self, tokens: Tensor, n_prompt: int) -> OwnPool:
        """Pool the tokens of one piece.

        Parameters
        ----------
        tokens : Tensor of shape (n_tokens, width)
            Hidden states, without padding.
        n_prompt : int
            How many of the first are the instruction's, special tokens before it included;
            left out if the folder says so.
        """
        first = 0 if self.pools_prompt else n_prompt
        kept = tokens[first:].float()
        # weights count from the first token, pooled or not
        weights = torch.arange(first + 1, len(tokens) + 1, device=tokens.device).float()
        parts = [_pooled(mode, kept, weights) for mode in self._modes]
        return OwnPool(len(kept), torch.cat(parts), self)

    @torch.inference_mode()
    def finish(self, vector: Tensor) -> Tensor:
        """`vector`, of shape (n_modes * width,), after Dense layers and normalisation."""
        for step in self._steps:
            if isinstance(step, str):
                vector = nn.functional.normalize(vector, dim=-1)
            else:
                vector = step(vector)
        return vector


def _pooled(mode: Mode, tokens: Tensor, weights: Tensor) -> Tensor:
    """`tokens`, of shape (n, d) with n >= 1, as one vector of shape (d,)."""
    if mode == "cls":
        return tokens[0]
    if mode == "lasttoken":
        return tokens[-1]
    if mode == "max":
        return tokens.amax(0)
    if mode == "weightedmean":
        return (tokens * weights[:, None]).sum(0) / weights.sum()
    divisor = len(tokens) if mode == "mean" else len(tokens) ** 0.5
    return tokens.sum(0) / divisor


class _DenseLayer(nn.Module):
    """A linear layer, an activation, and its input added where the folder says so."""

    def __init__(self, dense: Dense) -> None:
        super().__init__()
        self.linear = nn.Linear(dense.n_in, dense.n_out, bias=dense.has_bias)
        self.activation = _ACTIVATIONS[dense.activation]()
        self.has_residual = dense.has_residual
        if dense.has_residual and dense.n_in != dense.n_out:
            self.residual = nn.Linear(dense.n_in, dense.n_out, bias=False)
        self._fill(dense.folder)

    def forward(self, vector: Tensor) -> Tensor:
        out: Tensor = self.activation(self.linear(vector))
        if not self.has_residual:
            return out
        return out + (self.residual(vector) if hasattr(self, "residual") else vector)

    def _fill(self, folder: Path) -> None:
        from safetensors.torch import load_file

        state = {k: v for file in weight_files(folder) for k, v in load_file(file).items()}
        try:
            self.load_state_dict({name: value.float() for name, value in state.items()})
        except RuntimeError as error:
            reason = str(error).splitlines()[-1].strip()
            raise HilbertError(
                f"The weights in {shown(folder)} do not fit its config.json: {reason}"
            ) from None
