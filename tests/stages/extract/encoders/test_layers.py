import pytest

from hilbert.stages.extract.encoders.layers import Layers
from hilbert.store.errors import HilbertError


@pytest.mark.parametrize(
    ("option", "resolved", "needed"),
    [
        (-1, 12, (12,)),
        ("-1", 12, (12,)),
        (0, 0, (0,)),
        (-13, 0, (0,)),
        ("4..8", "4..8", (4, 5, 6, 7, 8)),
        ("4..4", 4, (4,)),
        ("-4..-1", "9..12", (9, 10, 11, 12)),
        ("4,8,12", "4,8,12", (4, 8, 12)),
        ("12, 4", "12,4", (4, 12)),
        ("1..4,-1", "1..4,12", (1, 2, 3, 4, 12)),
        ("1..4,2..5", "1..4,2..5", (1, 2, 3, 4, 5)),
    ],
)
def test_what_is_asked_for_and_how_it_is_kept(
    option: int | str, resolved: int | str, needed: tuple[int, ...]
) -> None:
    layers = Layers.parse(option).resolved(12)
    assert layers.option == resolved
    assert type(layers.option) is type(resolved)
    assert (layers.needed, layers.top) == (needed, max(needed))
    assert Layers.parse(layers.option) == layers


@pytest.mark.parametrize("option", ["", "x", "4..", "4...8", "4-8", "4,", "1.5", True, 1.5, None])
def test_what_is_spelt_otherwise_is_refused(option: object) -> None:
    with pytest.raises(HilbertError, match="--layer must be a layer like -1"):
        Layers.parse(option)  # type: ignore[arg-type]


@pytest.mark.parametrize("layer", [5, -6, "0..5", "2,-6"])
def test_a_layer_out_of_range_is_refused_with_the_range(layer: int | str) -> None:
    with pytest.raises(HilbertError, match=r"--layer -?\d: this model .* to 4"):
        Layers.parse(layer).resolved(4)


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("3..1", "3 back to 1"),
        ("-1..2", "4 back to 2"),
        ("4,-1", "4 twice"),
        ("0..2,0..2", "0..2 twice"),
    ],
)
def test_what_only_the_model_shows_to_be_wrong(option: str, reason: str) -> None:
    with pytest.raises(HilbertError, match=reason):
        Layers.parse(option).resolved(4)
