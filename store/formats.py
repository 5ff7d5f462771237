"""The two formats a store can have, and what they must offer.

Whatever the format, a store is a folder of immutable files: packs that hold rows, and JSON
documents (root, commit records, manifests, pins). A format says how these files are named and
how the rows lie in a pack; reading needs no more than a pack's data file and an offset, which
its commit record tells.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

from hilbert.store.errors import StoreError
from hilbert.store.files import unreadable

DOCUMENT_FOLDERS = ("commits", "manifests", "pins")
FOLDERS = ("packs", *DOCUMENT_FOLDERS)


class PackFiles(NamedTuple):
    """A pack that is built but not written.

    Attributes
    ----------
    contents : dict of str to bytes
        Files by their name below the store.
    data : str
        The file that holds the rows.
    offset : int
        Byte of that file where row 0 begins; the rows follow each other without a gap.
    """

    contents: dict[str, bytes]
    data: str
    offset: int


class Format(Protocol):
    """How files are named and packs are built."""

    @property
    def name(self) -> str:
        """What the format is called: ``zarr`` or ``hdf5``."""

    @property
    def root(self) -> str:
        """Name of the JSON document of the store itself."""

    def groups(self) -> Mapping[str, bytes]:
        """Files that a new store needs besides its root."""

    def document(self, name: str) -> str:
        """File of a JSON document ``folder/name``."""

    def document_names(self, entries: Sequence[str]) -> list[str]:
        """Names of JSON documents among the entries of their folder."""

    def wrap(self, content: Mapping[str, Any]) -> bytes:
        """Bytes of a JSON document."""

    def unwrap(self, data: bytes) -> Any:
        """What `wrap` was given; ``ValueError`` or ``KeyError`` if `data` is something else."""

    def build_pack(
        self, pack: str, keys: Sequence[str], parts: Sequence[NDArray[Any]]
    ) -> PackFiles:
        """Files of a pack of documents, each with a key and rows of shape (n_rows, width)."""

    def pack_of(self, entry: str) -> str | None:
        """Pack that an entry of the folder ``packs`` belongs to; None if to none."""

    def check_pack(self, get: "Getter", pack: str, shape: tuple[int, int], dtype: str) -> None:
        """Check what lies around the rows; ``StoreError`` or ``FileNotFoundError``."""

    def read_pack(self, get: "Getter", pack: str) -> "PackContents":
        """Read a whole pack as other programs do; ``StoreError`` or ``FileNotFoundError``."""


class PackContents(NamedTuple):
    """What a program finds in a pack that knows nothing of commit records.

    Attributes
    ----------
    keys : tuple of str
    offsets : list of int
        Where each document's rows begin, and at last where they end.
    x : array of shape (n_rows, width)
    """

    keys: tuple[str, ...]
    offsets: list[int]
    x: NDArray[Any]


class Getter(Protocol):
    """Reads a file of the store, or a part of it."""

    def __call__(self, name: str, start: int = 0, length: int | None = None) -> bytes: ...


def format_for(path: Path) -> Format:
    """Format of a new store: HDF5 if `path` ends in ``.h5`` or ``.hdf5``, else zarr."""
    from hilbert.store.format_hdf5 import Hdf5Format
    from hilbert.store.format_zarr import ZarrFormat

    return Hdf5Format() if path.suffix.lower() in (".h5", ".hdf5") else ZarrFormat()


def format_at(path: Path) -> Format | None:
    """Format of the store at `path`, by its root document; None if there is none."""
    from hilbert.store.format_hdf5 import Hdf5Format
    from hilbert.store.format_zarr import ZarrFormat

    formats: tuple[Format, ...] = (ZarrFormat(), Hdf5Format())
    found = (
        f for f in formats for name in (f.root, f.document("pins/root")) if (path / name).is_file()
    )
    try:
        return next(found, None)
    except PermissionError as error:
        raise unreadable(path.name, "", error) from error


def damaged(pack: str) -> StoreError:
    """What is wrong with a pack whose bytes are not those that were written, and the mend."""
    return StoreError(
        f"pack {pack} of the store is damaged; `hilbert store repair` drops what is, and"
        " `hilbert extract` encodes just that again"
    )
