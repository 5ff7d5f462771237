"""The models that have a short name."""

from hilbert.stages.extract.encoders.known_audio import AUDIO_MODELS
from hilbert.stages.extract.encoders.known_model import KnownModel
from hilbert.stages.extract.encoders.known_text import TEXT_MODELS

__all__ = ["KNOWN_MODELS", "KnownModel", "find_known"]

KNOWN_MODELS: tuple[KnownModel, ...] = (*AUDIO_MODELS, *TEXT_MODELS)


def find_known(name: str) -> KnownModel | None:
    """The known model with this short name or repository, in any case."""
    wanted = name.lower()
    for model in KNOWN_MODELS:
        if wanted in {*map(str.lower, model.repositories), *map(str.lower, model.names)}:
            return model
    return None
