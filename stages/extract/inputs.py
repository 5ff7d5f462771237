"""The checks that every input file passes before it is opened."""

from pathlib import Path

from hilbert.store.errors import DocumentError

_AUDIO = (b"OggS\0", b"fLaC\0", b"ID3\2", b"ID3\3", b"ID3\4", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")
"""Ogg, FLAC, and MP3 with a tag or without."""
_SCHEMES = frozenset(("http:", "https:", "ftp:", "s3:", "gs:", "file:"))


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
            raise DocumentError(_missing(path, noun))
        if not path.is_file():
            kind = "a directory" if path.is_dir() else "not a regular file"
            raise DocumentError(f"the {noun} {path.name} is {kind}; name a file")
        with path.open("rb") as file:
            begin = file.read(12)
        if not begin:
            raise DocumentError(f"the {noun} file {path.name} is empty (0 bytes); copy it again")
        if noun == "transcript" and _is_audio(begin):
            raise DocumentError(
                f"the transcript {path.name} is an audio file; name it in the column audio"
            )
    except OSError as error:
        raise DocumentError(
            f"the {noun} file {path.name} cannot be read ({error.strerror}); mend its permissions"
        ) from error


def _is_audio(begin: bytes) -> bool:
    """Whether a file that begins so is a recording: no text does."""
    is_riff = begin[:4] in (b"RIFF", b"FORM") and begin[8:] in (b"WAVE", b"AIFF", b"AIFC")
    return is_riff or begin[4:8] == b"ftyp" or begin.startswith(_AUDIO)


def _missing(path: Path, noun: str) -> str:
    """Why nothing is at `path`, which was put together from a folder and a cell of the corpus."""
    if any(part.lower() in _SCHEMES for part in path.parts):
        return (
            f"the {noun} {path.name} is an address of the network, which is not read; download it"
            " and name the file"
        )
    missing = f"the {noun} file {path.name} is missing"
    if any(part.startswith("~") for part in path.parts):
        return f"{missing}; ~ does not stand for the home folder in a corpus, write that out"
    return f"{missing}; mend the corpus's {noun} column"
