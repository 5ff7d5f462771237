"""Fixtures that several folders of tests need."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Real recordings beside the repository; see the README for what they are."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("HILBERT_TEST_DATA", default))
    if not folder.is_dir():
        pytest.skip("no real recordings here: set HILBERT_TEST_DATA to their folder")
    return folder
