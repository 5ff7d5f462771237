"""What a sentence-transformers folder says of its own pooling, read without torch.

``modules.json`` lists modules: the transformer, one Pooling, then Dense layers and Normalize.
Class names in it are never imported: the few that are known are built by this package.

References
----------
Reimers & Gurevych, Sentence-BERT, arXiv 1908.10084; https://sbert.net.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal, cast, get_args

from hilbert.stages.extract.encoders.checkpoints import read_json, shown, tensors_digest
from hilbert.stages.extract.encoders.sources import local_folder
from hilbert.store.errors import HilbertError

Mode = Literal["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
MODES: tuple[str, ...] = get_args(Mode)

Activation = Literal["Identity", "Tanh", "ReLU", "GELU", "Sigmoid", "SiLU"]

MODULES_FILE = "modules.json"

# In the order in which the vectors of several stand side by side.
_LEGACY_MODES: Mapping[str, Mode] = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
# Their configuration does not say that instructions are not pooled; sentence-transformers knows.
_NEVER_POOL_PROMPTS = frozenset(f"hkunlp/instructor-{size}" for size in ("base", "large", "xl"))


@dataclass(frozen=True, slots=True)
class Dense:
    """A linear layer with an activation; its weights are in `folder`."""

    folder: Path
    n_in: int
    n_out: int
    has_bias: bool
    activation: str
    has_residual: bool
    tensors: str
    """Digest of its weights."""


@dataclass(frozen=True, slots=True)
class SentenceRecipe:
    """How a folder turns hidden states into one vector a text.

    Attributes
    ----------
    dim : int
        Of the vector.
    modes : tuple of str
        Poolings, whose results stand side by side.
    pools_prompt : bool
        Whether the tokens of an instruction are pooled with the others.
    steps : tuple of Dense or "normalize"
        What is done with the pooled vector, in order.
    lowers : bool
        Whether texts are lowercased before the tokenizer sees them.
    prompt : str
        The instruction that the folder puts before every text by default.
    """

    dim: int
    modes: tuple[Mode, ...]
    pools_prompt: bool
    steps: tuple[Dense | Literal["normalize"], ...]
    lowers: bool
    prompt: str

    def identity(self) -> dict[str, object]:
        """All that decides the vector, without paths."""
        steps: list[object] = [
            step
            if isinstance(step, str)
            else [step.tensors, step.has_bias, step.activation, step.has_residual]
            for step in self.steps
        ]
        return {
            "modes": list(self.modes),
            "pools_prompt": self.pools_prompt,
            "steps": steps,
            "lowers": self.lowers,
        }


def read_recipe(folder: Path, width: int, reference: str = "") -> SentenceRecipe:
    """Read the modules of a sentence-transformers folder.

    Parameters
    ----------
    folder : Path
    width : int
        Of the hidden states.
    reference : str
        What the model was asked for as; some repositories are known to say too little.

    Raises
    ------
    HilbertError
        If the folder is none of sentence-transformers, or has modules that are not known.
    """
    modules = _modules(folder)
    kinds = [kind for kind, _ in modules]
    if kinds[:2] != ["Transformer", "Pooling"] or modules[0][1] != folder:
        raise HilbertError(
            f"--pooling own knows a Transformer in the folder itself, then Pooling;"
            f" {shown(folder)} has {', '.join(kinds) or 'no modules'}. Use --pooling mean."
        )
    config = read_json(modules[1][1] / "config.json")
    modes = _modes(config, folder)
    dim = _declared_width(config, width, folder) * len(modes)
    steps: list[Dense | Literal["normalize"]] = []
    for kind, place in modules[2:]:
        step = _step(kind, place, dim)
        if step is not None:
            steps.append(step)
            dim = dim if isinstance(step, str) else step.n_out
    pools_prompt = config.get("include_prompt", True) is not False
    return SentenceRecipe(
        dim=dim,
        modes=modes,
        pools_prompt=pools_prompt and reference not in _NEVER_POOL_PROMPTS,
        steps=tuple(steps),
        lowers=_optional(folder / "sentence_bert_config.json").get("do_lower_case") is True,
        prompt=_default_prompt(folder),
    )


def _modules(folder: Path) -> list[tuple[str, Path]]:
    """Kind and folder of each module, in order."""
    path = folder / MODULES_FILE
    if not path.exists():
        raise HilbertError(
            f"--pooling own is the pooling of a sentence-transformers folder, and {shown(folder)}"
            f" is none: it has no {MODULES_FILE}. Use --pooling mean or mean+std."
        )
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return [(str(e["type"]).rpartition(".")[2], _inside(folder, e["path"])) for e in entries]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise HilbertError(
            f"{shown(path)} is no list of modules, each with a type and a path inside the folder."
            " Copy or save the model again."
        ) from None


def _inside(folder: Path, name: str) -> Path:
    place = PurePosixPath(name)
    if place.is_absolute() or ".." in place.parts:
        raise ValueError(name)
    return folder / place


def _modes(config: Mapping[str, Any], folder: Path) -> tuple[Mode, ...]:
    """Modes in the newer spelling (names) or the older (one flag each)."""
    found = config.get("pooling_mode")
    if found is None:
        return tuple(m for flag, m in _LEGACY_MODES.items() if config.get(flag)) or ("mean",)
    names = [found] if isinstance(found, str) else list(found)
    if unknown := [name for name in names if name not in MODES]:
        raise HilbertError(
            f"{shown(folder)} pools with {unknown[0]!r}, which is none of {', '.join(MODES)}."
        )
    return tuple(cast(Mode, name) for name in names)


def _declared_width(config: Mapping[str, Any], width: int, folder: Path) -> int:
    declared = config.get("word_embedding_dimension", config.get("embedding_dimension", width))
    if declared != width:
        raise HilbertError(
            f"The pooling of {shown(folder)} is for hidden states of width {declared}; the model's"
            f" config.json says {width}. Copy or save the model again."
        )
    return width


def _step(kind: str, place: Path, width: int) -> Dense | Literal["normalize"] | None:
    """What a module after the pooling does; None for those that only act in training."""
    if kind == "Normalize":
        return "normalize"
    if kind == "Dropout":
        return None
    if kind == "Dense":
        return _dense(place, width)
    raise HilbertError(
        f"--pooling own does not know the module {kind} of {shown(place.parent)}."
        " Use --pooling mean."
    )


def _dense(place: Path, width: int) -> Dense:
    config = read_json(place / "config.json")
    activation = str(config.get("activation_function", "Tanh")).rpartition(".")[2]
    if activation not in get_args(Activation):
        raise HilbertError(
            f"{shown(place)}: activation {activation} is none of {', '.join(get_args(Activation))}."
        )
    n_in, n_out = config.get("in_features"), config.get("out_features")
    if n_in != width or not isinstance(n_out, int) or n_out < 1:
        raise HilbertError(
            f"{shown(place)} takes vectors of width {n_in} and gives {n_out}; what comes before it"
            f" has width {width}. Copy or save the model again."
        )
    folder = local_folder(place)
    return Dense(
        folder=folder,
        n_in=width,
        n_out=n_out,
        has_bias=config.get("bias", True) is not False,
        activation=activation,
        has_residual=config.get("use_residual") is True,
        tensors=tensors_digest(folder, "dense tensors", str),
    )


def _default_prompt(folder: Path) -> str:
    """The prompt that `config_sentence_transformers.json` names as the default, if any."""
    config = _optional(folder / "config_sentence_transformers.json")
    prompts, name = config.get("prompts"), config.get("default_prompt_name")
    return str(prompts.get(name) or "") if isinstance(prompts, dict) and name else ""


def _optional(path: Path) -> Mapping[str, Any]:
    return read_json(path) if path.exists() else {}
