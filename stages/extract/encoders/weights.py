"""From the name of an encoder to its identity (`resolve_encoder`) and then to the encoder.

Resolving reads files and digests only; torch and transformers are imported by `load_encoder`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hilbert.stages.device import choose_device
from hilbert.stages.extract.encoders import audio_config, model_config
from hilbert.stages.extract.encoders.base import (
    ENCODE_VERSION,
    STORED_DTYPE,
    Encoder,
    EncoderOptions,
    pooled_dim,
)
from hilbert.stages.extract.encoders.catalogue import KnownModel, find_known
from hilbert.stages.extract.encoders.checkpoints import (
    encoder_of_two_tensor,
    read_json,
    shown,
    tensors_digest,
    text_encoder_tensor,
    tokenizer_digest,
)
from hilbert.stages.extract.encoders.layers import Layers
from hilbert.stages.extract.encoders.sentence_folder import SentenceRecipe, read_recipe
from hilbert.stages.extract.encoders.sources import hub_folder, known_folder, local_folder
from hilbert.stages.extract.encoders.windows import GAP_S, SAMPLING_RATE, WINDOW_S
from hilbert.store.bulk import many_objects
from hilbert.store.errors import HilbertError
from hilbert.store.keys import digest
from hilbert.store.types import EncoderInfo, Modality

if TYPE_CHECKING:
    import torch

    from hilbert.stages.extract.encoders.tower import Tower

_RESAMPLING = "soxr HQ to 16000 Hz, mean of channels"
_SPLITTING = "pieces of equal length, special tokens each, pooled together"


@dataclass(frozen=True, slots=True)
class ResolvedEncoder:
    """An encoder that was found and identified, but not loaded.

    Attributes
    ----------
    info : EncoderInfo
        Name, modality, width and fingerprint.
    folder : Path
        Hugging Face folder with its weights as safetensors.
    options : EncoderOptions
        As asked for, except that `layer` counts from 0, the embedding's output (see `Layers`),
        that `prefix` is resolved, and that what a modality does not use has its default.
    max_tokens : int
        Text only: longest input in tokens.
    own : SentenceRecipe, optional
        Where the pooling is that of a sentence-transformers folder.
    """

    info: EncoderInfo
    folder: Path
    options: EncoderOptions
    max_tokens: int = 0
    own: SentenceRecipe | None = None


def resolve_encoder(name: str, options: EncoderOptions) -> ResolvedEncoder:
    """Find an encoder and tell its identity, without torch or transformers.

    Parameters
    ----------
    name : str
        A short name (whisper, minilm and others of the catalogue), an id of the Hugging Face
        hub, or the path of a local folder.
    options : EncoderOptions

    Raises
    ------
    HilbertError
        If there is no such model, or `options` do not fit it, or its weights are not those
        that its name stands for.
    """
    model = _find(name)
    config = read_json(model.folder / "config.json")
    modality = model_config.modality_of(model.folder, config)
    layers = Layers.parse(options.layer).resolved(model_config.n_layers_of(config))
    tensors = _checked_digest(model, modality, config)
    resolve = _resolve_audio if modality == "audio" else _resolve_text
    return resolve(model, config, replace(options, layer=layers.option), tensors)


@many_objects()
def load_encoder(
    resolved: ResolvedEncoder, *, device: str = "auto", compile: bool = False
) -> Encoder:
    """Load an encoder that was resolved.

    Parameters
    ----------
    resolved : ResolvedEncoder
    device : {"auto", "cpu", "cuda", "mps"}
    compile : bool
        Audio only: run the model through torch.compile, which is no part of the key. A line is
        logged, and the model runs as it is, if that fails.

    Raises
    ------
    HilbertError
        If the device is not there or the weights do not fit.
    """
    import torch

    from hilbert.stages.extract.encoders.runtime import quiet_transformers, torch_dtype

    chosen = torch.device(choose_device(device))
    quiet_transformers()
    options = resolved.options
    if resolved.info.modality == "text":
        from hilbert.stages.extract.encoders.text import TextEncoder

        return TextEncoder(
            resolved.info, resolved.folder, options, resolved.max_tokens, chosen, resolved.own
        )

    from hilbert.stages.extract.encoders.audio import AudioEncoder

    tower = _load_tower(resolved, chosen, torch_dtype(options.precision))
    if compile:
        tower.compile()
    return AudioEncoder(resolved.info, tower, options)


def _load_tower(resolved: ResolvedEncoder, device: "torch.device", dtype: "torch.dtype") -> "Tower":
    from hilbert.stages.extract.encoders.w2v_bert_model import W2vBertTower
    from hilbert.stages.extract.encoders.waveform_model import WaveformTower
    from hilbert.stages.extract.encoders.whisper_model import WhisperTower

    towers: dict[str, type[WhisperTower | WaveformTower | W2vBertTower]] = {
        "whisper": WhisperTower,
        "waveform": WaveformTower,
        "w2v-bert": W2vBertTower,
    }
    kind = read_json(resolved.folder / "config.json")["model_type"]
    layers = Layers.parse(resolved.options.layer)
    return towers[audio_config.FAMILIES[kind]](resolved.folder, layers, device, dtype)


class _Model(NamedTuple):
    """A model that was found.

    Attributes
    ----------
    name : str
        What its features are called in the store: the first short name of a known model,
        whichever was given, or the last part of an id or a path.
    reference : str
        What finds it again: `name`, or the whole id. For a folder the name only, because no
        absolute path goes into a store.
    folder : Path
    known : KnownModel, optional
    """

    name: str
    reference: str
    folder: Path
    known: KnownModel | None = None


def _find(name: str) -> _Model:
    if known := find_known(name):
        own = known.names[0]
        return _Model(own, own, known_folder(known), known)
    path = Path(name).expanduser()
    if name and path.is_dir():
        own = path.resolve().name
        return _Model(own, own, local_folder(path))
    if not name or path.is_absolute() or name.startswith(".") or name.count("/") > 1:
        raise HilbertError(f"Encoder {path.name!r}: there is no such folder.")
    return _Model(name.split("/")[-1], name, hub_folder(name))


def _checked_digest(model: _Model, modality: Modality, config: Mapping[str, Any]) -> str:
    found = _digest(model.folder, modality, config)
    expected = model.known.tensors if model.known else None
    if expected is not None and found != expected:
        raise HilbertError(
            f"The weights in {shown(model.folder)} are not those of {model.name}: their digest is"
            f" {found}, expected {expected}. Delete that folder and try again, or"
            " give its path as the encoder if these weights are the ones you want."
        )
    return found


def _digest(folder: Path, modality: Modality, config: Mapping[str, Any]) -> str:
    if modality == "audio":
        return tensors_digest(
            folder, *audio_config.TENSORS[audio_config.FAMILIES[config["model_type"]]]
        )
    if config.get("is_encoder_decoder") is True:
        return tensors_digest(folder, "text tensors", encoder_of_two_tensor)
    return tensors_digest(folder, "text tensors with decoders", text_encoder_tensor)


def _resolve_audio(
    model: _Model, config: Mapping[str, Any], options: EncoderOptions, tensors: str
) -> ResolvedEncoder:
    if options.pooling == "own":
        raise HilbertError(
            f"--pooling own is the pooling of a sentence-transformers folder; {model.name} is an"
            " audio encoder. Use --pooling mean or mean+std."
        )
    settings = audio_config.audio_settings(model.folder, config)
    identity = {
        "class": audio_config.FAMILIES[config["model_type"]],
        "tensors": tensors,
        "settings": settings,
        "context": options.context,
        "window_s": WINDOW_S,
        "gap_s": GAP_S if options.context == "packed" else None,
        "sampling_rate": SAMPLING_RATE,
        "resampling": _RESAMPLING,
    }
    info = _info(model, "audio", config, options, identity)
    if options.pooling == "frames":  # what the times of a segment's rows follow from
        frame_s = audio_config.frame_samples_of(config, settings) / SAMPLING_RATE
        info = replace(info, options={**info.options, "frame_s": frame_s})
    return ResolvedEncoder(info, model.folder, replace(options, prefix=None))


def _resolve_text(
    model: _Model, config: Mapping[str, Any], options: EncoderOptions, tensors: str
) -> ResolvedEncoder:
    own = _own_pooling(model, config, options)
    prefix = _prefix(model, options, own)
    plain = EncoderOptions(layer=options.layer, pooling=options.pooling, prefix=prefix)
    max_tokens = model_config.max_tokens_of(model.folder, config)
    identity = {
        "class": "text",
        "tensors": tensors,
        "settings": model_config.text_settings(config),
        "tokenizer": tokenizer_digest(model.folder),
        "max_tokens": max_tokens,
        "splitting": _SPLITTING,
    }
    if prefix:
        identity["prefix"] = prefix
    if own:
        identity["own"] = own.identity()
    info = _info(model, "text", config, plain, identity, own.dim if own else None)
    return ResolvedEncoder(info, model.folder, plain, max_tokens, own)


def _own_pooling(
    model: _Model, config: Mapping[str, Any], options: EncoderOptions
) -> SentenceRecipe | None:
    """The folder's own pooling if it is asked for; it is made for the last layer alone."""
    if options.pooling != "own":
        return None
    if options.layer != (n_layers := model_config.n_layers_of(config)):
        raise HilbertError(
            f"--pooling own goes with the last layer ({n_layers}), not with --layer"
            f" {options.layer}. Use --pooling mean for another layer."
        )
    return read_recipe(model.folder, model_config.width_of(config), model.reference)


def _prefix(model: _Model, options: EncoderOptions, own: SentenceRecipe | None) -> str:
    """The instruction asked for, else the one that this model is known to want."""
    if options.prefix is not None:
        return options.prefix
    known = model.known.prefix if model.known else ""
    return known or (own.prompt if own else "")


def _info(
    model: _Model,
    modality: Modality,
    config: Mapping[str, Any],
    options: EncoderOptions,
    identity: Mapping[str, object],
    dim: int | None = None,
) -> EncoderInfo:
    """What the store keeps; the fingerprint leaves out name, path and device."""
    shared = {
        "layer": options.layer,
        "pooling": options.pooling,
        "compute_dtype": options.precision,
        "stored_dtype": STORED_DTYPE,
        "version": ENCODE_VERSION,
    }
    width = model_config.width_of(config)
    return EncoderInfo(
        name=model.name,
        modality=modality,
        dim=dim or pooled_dim(width, options.pooling, len(Layers.parse(options.layer).columns)),
        fingerprint=digest("encoder", {**identity, **shared}),
        options={
            "model": model.reference,
            "tensors": identity["tensors"],
            "width": width,
            "n_layers": model_config.n_layers_of(config),
            "layer": options.layer,
            "pooling": options.pooling,
            "context": options.context,
            "precision": options.precision,
            **({"prefix": options.prefix} if options.prefix else {}),
        },
    )
