"""SIGKILL at any moment of any command: nothing lost, nothing torn, nothing encoded twice."""

import itertools
import os
import time
from collections import Counter

import pytest

from hilbert.store.feature_store import open_store
from hilbert.store.verify import verify
from support import tasks
from support.children import Child
from support.exact import contents
from support.trials import ALL, Killer, States, all_trials

CARE = ("gc", "compact", "repair")
SHARES = {"extract": 0.4, "gc": 0.2, "compact": 0.2, "repair": 0.1, "fit": 0.1}
"""What part of the kills of the long form each command gets."""


@pytest.mark.parametrize(
    ("command", "n_kills"), [("extract", 4), ("gc", 2), ("compact", 2), ("repair", 2), ("fit", 1)]
)
def test_a_kill_at_a_random_moment(states: States, command: str, n_kills: int) -> None:
    killer = Killer(all_trials(states)[command], states.folder)
    for seed in range(n_kills):
        killer.kill(seed)


@pytest.mark.parametrize("command", ["extract", *CARE])
def test_a_kill_before_a_change_of_the_store(states: States, command: str) -> None:
    assert kill_at_writes(states, command, every=97) > 0


def test_an_extraction_that_is_killed_again_and_again_comes_to_an_end(states: States) -> None:
    store = states.folder / f"feats{states.suffix}"
    _ = states.undisturbed
    n_kills = 0
    while Child(tasks.run_extract, states.bench, store, ALL, 0.0).kill_after(0.05 + 0.01 * n_kills):
        n_kills += 1
        if store.exists():
            assert verify(open_store(store), deep=True) == ()
    assert n_kills
    assert contents(store) == contents(states.undisturbed)


@pytest.mark.torture
@pytest.mark.parametrize("command", ["extract", *CARE])
def test_a_kill_before_every_fifth_change_of_the_store(
    states: States, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    n_kills = kill_at_writes(states, command, every=5)
    with capsys.disabled():
        print(f"\n{states.suffix}: {command} killed before every fifth change, {n_kills} times")


@pytest.mark.torture
def test_many_kills_at_random_moments(states: States, capsys: pytest.CaptureFixture[str]) -> None:
    total = int(os.environ.get("HILBERT_KILLS", "200"))
    started = time.monotonic()
    stages = Counter[str]()
    for command, trial in all_trials(states).items():
        killer = Killer(trial, states.folder)
        for seed in range(1000, 1000 + round(SHARES[command] * total)):
            stages[f"{command}, {killer.kill(seed)}"] += 1
    with capsys.disabled():
        print(
            f"\n{states.suffix}: {stages.total()} kills at random moments in"
            f" {time.monotonic() - started:.0f} s: nothing lost, torn or encoded twice"
        )
        for stage, n_kills in sorted(stages.items()):
            print(f"  {n_kills:4d}  {stage}")


def kill_at_writes(states: States, command: str, *, every: int) -> int:
    """Kill before each `every`-th change of a file's name; returns how often.

    With this seed an extraction begins with no store and makes a pack of each document.
    """
    killer = Killer(all_trials(states)[command], states.folder)
    steps = itertools.count(step=every)
    return sum(1 for _ in iter(lambda: killer.kill_at_write(next(steps), seed=2), None))
