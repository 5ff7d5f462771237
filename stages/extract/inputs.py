"""The checks that every input file passes before it is opened."""

from pathlib import Path

from hilbert.store.errors import DocumentError


def check_file(path: Path, noun: str) -> None:
    """Check that `path` is a file that can be read, with something in it.

    Parameters
    ----------
    path : Path
        The file.
    noun : str
        What the corpus calls it, for the message: ``"audio"`` or ``"transcript"``.

    Raises
    ------
    DocumentError
        If it is missing, a directory, not a regular file, unreadable or empty.
    """
    # `strerror` where the system refuses: str(error) would hold the absolute path
    try:
        if not path.exists():
            raise DocumentError(
                f"the {noun} file {path.name} is missing; mend the corpus's {noun} column"
            )
        if not path.is_file():
            kind = "a directory" if path.is_dir() else "not a regular file"
            raise DocumentError(f"the {noun} {path.name} is {kind}; name a file")
        with path.open("rb") as file:
            if not file.read(1):
                raise DocumentError(
                    f"the {noun} file {path.name} is empty (0 bytes); copy it again"
                )
    except OSError as error:
        raise DocumentError(
            f"the {noun} file {path.name} cannot be read ({error.strerror}); mend its permissions"
        ) from error
