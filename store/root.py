"""What is decided once for a store, when it is created: its root document, and a copy of it.

The salt stands nowhere else, and without it every text and recording would seem new; so the
root is written twice, and a damaged one is read from its copy until `repair` mends it.
"""

import contextlib
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from hilbert.store.errors import StoreError
from hilbert.store.files import Files
from hilbert.store.formats import Format
from hilbert.store.keys import digest
from hilbert.store.records import Records

FORMAT_VERSION = 3
COPY = "pins/root"
"""The document that holds the copy."""


@dataclass(frozen=True, slots=True)
class Root:
    """What all who use a store must agree on.

    Attributes
    ----------
    salt : str
        Hexadecimal; digests of texts and recordings are keyed with it.
    precision : str
        Arithmetic of audio encoders, so that all machines that extend the store agree.
    format_version : int
        Raised when older versions could no longer read the store.
    """

    salt: str
    precision: str
    format_version: int = FORMAT_VERSION


def write_root(files: Files, form: Format, precision: str) -> None:
    """Create the root of a new store, its copy and its groups; what is there already holds."""
    with contextlib.suppress(FileExistsError):
        files.put(form.root, _content(form, Root(secrets.token_hex(32), precision)))
    complete_root(files, form)


def complete_root(files: Files, form: Format) -> None:
    """Create what a store needs beside its root and a kill may have kept from it."""
    records = Records(files, form)
    if not records.exists(COPY) and (root := _root_file(files, form)) is not None:
        with contextlib.suppress(FileExistsError):
            records.put(COPY, asdict(root))
    for name, data in form.groups().items():
        if not _is_there(files, name):
            with contextlib.suppress(FileExistsError):
                files.put(name, data)


def read_root(files: Files, form: Format, name: str) -> Root:
    """The root of the store of a name, from its copy where the root itself is damaged.

    Raises
    ------
    StoreError
        If both are damaged, or the store is of another format.
    """
    root = _root_file(files, form) or _copy(files, form)
    if root is None:
        raise StoreError(
            f"{name} is not a feature store; make one in another place with"
            f" `hilbert extract --store PATH` (if it was one, restore its {form.root} from a copy)"
        )
    if root.format_version > FORMAT_VERSION:
        raise StoreError(
            f"{name} has format {root.format_version}, this version reads up to {FORMAT_VERSION};"
            " upgrade with `pip install -U hilbert-speech`"
        )
    if root.format_version < FORMAT_VERSION:
        raise StoreError(
            f"{name} has format {root.format_version}, this version reads {FORMAT_VERSION};"
            f" make it anew with `hilbert extract --store {name}` in another place"
        )
    return root


def damaged_groups(files: Files, form: Format) -> Iterator[str]:
    """Names of the files that make a store readable as a whole and are not as written."""
    if _root_file(files, form) is None:
        yield form.root
    if _copy(files, form) is None:
        yield COPY
    for name, data in form.groups().items():
        if not _is_there(files, name) or files.get(name) != data:
            yield name


def mend_groups(files: Files, form: Format, root: Root) -> None:
    """Write anew what `damaged_groups` finds."""
    groups = form.groups()
    for name in list(damaged_groups(files, form)):
        if name == COPY:
            Records(files, form).delete(COPY)
            Records(files, form).put(COPY, asdict(root))
        else:
            files.delete(name)
            files.put(name, groups.get(name) or _content(form, root))


def _content(form: Format, root: Root) -> bytes:
    return form.wrap({**asdict(root), "digest": digest("root", asdict(root))})


def _root_file(files: Files, form: Format) -> Root | None:
    """What the root document says; None if it is gone or not as it was written."""
    try:
        content = dict(form.unwrap(files.get(form.root)))
        told = content.pop("digest", None)
        return _checked(content) if told == digest("root", content) else _newer(content)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _newer(content: Mapping[str, Any]) -> Root | None:
    """The root of a format to come, whose digest may be another."""
    version = int(content["format_version"])
    return Root("", "", version) if version > FORMAT_VERSION else None


def _copy(files: Files, form: Format) -> Root | None:
    try:
        return _checked(Records(files, form).get(COPY))
    except (OSError, TypeError, KeyError, StoreError):
        return None


def _checked(content: Mapping[str, Any]) -> Root:
    """``TypeError`` or ``KeyError`` if `content` is that of no root."""
    version = int(content["format_version"])
    return Root(**content) if version == FORMAT_VERSION else Root("", "", version)


def _is_there(files: Files, name: str) -> bool:
    try:
        files.stat(name)
    except FileNotFoundError:
        return False
    return True
