"""What is said of a file that cannot be used, before it is opened."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from hilbert.stages.extract.inputs import check_file
from hilbert.store.errors import DocumentError


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3", "aiff"])
def test_a_recording_is_no_transcript(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    soundfile.write(path, np.zeros(16_000), 16_000)
    check_file(path, "audio")
    with pytest.raises(DocumentError, match="is an audio file; name it in the column audio"):
        check_file(path, "transcript")


@pytest.mark.parametrize("start", ["ID3 tags are old.", "OggStream", "RIFF of waves", "One."])
def test_prose_is_one(tmp_path: Path, start: str) -> None:
    (tmp_path / "a.txt").write_text(start)
    check_file(tmp_path / "a.txt", "transcript")


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("https://example.org/x/a.wav", "audio a.wav is an address of the network"),
        ("s3://bucket/a.wav", "address of the network"),
        ("~/a.wav", "~ does not stand for the home folder"),
        ("none/a.wav", "a.wav is missing; mend the corpus's audio column"),
    ],
)
def test_what_is_nowhere(tmp_path: Path, cell: str, said: str) -> None:
    with pytest.raises(DocumentError, match=said) as error:
        check_file(tmp_path / cell, "audio")
    assert str(tmp_path) not in str(error.value)
