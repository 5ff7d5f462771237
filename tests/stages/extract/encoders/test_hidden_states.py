import logging
import threading
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from hilbert.stages.extract.encoders.hidden_states import LayerStack, combined
from hilbert.stages.extract.encoders.layers import Layers


class Add(nn.Module):
    def __init__(self, amount: float) -> None:
        super().__init__()
        self.amount = amount

    def forward(self, hidden: Tensor, mask: None = None) -> tuple[Tensor]:
        return (hidden + self.amount,)


class Model(nn.Module):
    """Adds 1, then 2, then 3; as models do, it returns its last hidden state by name."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Add(i + 1.0) for i in range(3))

    def forward(self, hidden: Tensor) -> Any:
        for layer in self.layers:
            (hidden,) = layer(hidden, mask=None)
        return type("Output", (), {"last_hidden_state": hidden})


@pytest.mark.parametrize(
    ("option", "expected", "n_layers"),
    [(0, [0], 0), (2, [3], 2), (-1, [6], 3), ("0,3,1", [0, 6, 1], 3), ("1..3,0", [10 / 3, 0], 3)],
)
def test_hidden_states_and_no_layer_more_than_is_needed(
    option: int | str, expected: list[float], n_layers: int
) -> None:
    model = Model()
    stack = LayerStack(model, model, Layers.parse(option).resolved(3))
    torch.testing.assert_close(stack(torch.zeros(2, 5, 1))[0, 0], torch.tensor(expected) * 1.0)
    assert len(model.layers) == n_layers


def test_threads_see_their_own_hidden_states() -> None:
    model = Model()
    stack = LayerStack(model, model, Layers.parse("0..2,-1").resolved(3))
    found: dict[int, Tensor] = {}

    def run(number: int) -> None:
        for _ in range(50):
            found[number] = stack(torch.full((1, 100, 8), float(number)))

    threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, hidden in found.items():
        expected = torch.tensor([number + 4 / 3, number + 6.0]).repeat_interleave(8)
        torch.testing.assert_close(hidden[0, 99], expected)


def test_averages_of_half_precision_are_taken_in_float32() -> None:
    states = {i: torch.full((1, 1), 1 + i / 128).bfloat16() for i in range(3)}
    assert float(combined(states, Layers.parse("0..1"))) == 1 + 1 / 256
    assert combined(states, Layers.parse(1)).dtype == torch.bfloat16


def test_a_compiler_that_fails_is_said_in_one_line_and_changes_nothing(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Model()
    stack = LayerStack(model, model, Layers.parse("0,3").resolved(3))
    calls = []

    def broken(*args: Any, **kwargs: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            calls.append(args)
            raise RuntimeError("no C++ compiler in /home/someone/bin\nwith many lines")

        return run

    monkeypatch.setattr(torch, "compile", broken)
    sound = torch.zeros(1, 1, 1)
    with caplog.at_level(logging.WARNING, "hilbert"):
        stack.compile(lambda: stack(sound), dynamic=False)
    assert len(calls) == 1
    assert caplog.messages == [
        "Note: --compile has no effect here: torch.compile failed (RuntimeError)."
    ]
    assert stack(sound).tolist() == [[[0.0, 6.0]]]


def test_compiled_layers_give_what_the_others_give() -> None:
    model = Model()
    stack = LayerStack(model, model, Layers.parse("0,1..3").resolved(3))
    sound = torch.randn(2, 5, 1)
    expected = stack(sound)
    ran = []

    def eager(graph: Any, inputs: Any) -> Any:
        ran.append(graph)
        return graph.forward

    for block in stack._blocks:
        block.compile(backend=eager, dynamic=True)
    torch.testing.assert_close(stack(sound), expected)
    torch.testing.assert_close(stack(sound[:, :3]), expected[:, :3])
    assert ran
