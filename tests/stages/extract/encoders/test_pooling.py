import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from hilbert.stages.extract.encoders.base import pooled_dim
from hilbert.stages.extract.encoders.pooling import Moments, stored


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(0, 99))
def test_merged_parts_pool_like_the_whole(sizes: list[int], seed: int) -> None:
    frames = torch.randn(sum(sizes), 4, generator=torch.Generator().manual_seed(seed))
    first, *others = [Moments.of(part) for part in frames.split(sizes)]
    for other in others:
        first = first.merge(other)
    expected = np.concatenate([frames.numpy().mean(0), frames.numpy().std(0)])
    np.testing.assert_allclose(first.pooled("mean+std").numpy(), expected, atol=1e-5)
    np.testing.assert_allclose(first.pooled("mean").numpy(), expected[:4], atol=1e-5)


def test_one_frame_deviates_by_nothing() -> None:
    pooled = Moments.of(torch.tensor([[3.0, -1.0]])).pooled("mean+std")
    assert pooled.tolist() == [3.0, -1.0, 0.0, 0.0]
    assert len(pooled) == pooled_dim(2, "mean+std") == 2 * pooled_dim(2, "mean")


def test_bfloat16_frames_are_pooled_in_float32() -> None:
    frames = (torch.ones(1001, 1) + torch.arange(1001)[:, None] % 2 * 0.0078125).bfloat16()
    mean = Moments.of(frames).pooled("mean")
    torch.testing.assert_close(mean, frames.double().mean(0).float(), atol=1e-6, rtol=0)


def test_stored_features_are_clamped_and_say_what_is_no_number() -> None:
    rows = stored([torch.tensor([1e9, -1e9, float("nan"), float("inf"), 0.5])])
    assert rows.dtype == np.float16
    assert rows[0, [0, 1, 4]].tolist() == [65504.0, -65504.0, 0.5]
    assert np.isnan(rows[0, [2, 3]]).all()
