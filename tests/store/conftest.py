"""A store of either format."""

from pathlib import Path

import pytest

from hilbert.store.feature_store import FeatureStore, create_store


@pytest.fixture(params=["feats.zarr", "feats.h5"])
def store(tmp_path: Path, request: pytest.FixtureRequest) -> FeatureStore:
    return create_store(tmp_path / request.param, precision="fp32")
