"""What is killed, from which state of a store, and what must hold afterwards."""

import random
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

from hilbert.pipeline.run_directory import FILES, read_run
from hilbert.store.collect import collect, find_garbage
from hilbert.store.compact import find_compaction
from hilbert.store.feature_store import FeatureStore, open_store
from hilbert.store.files import walk
from hilbert.store.formats import format_at
from hilbert.store.verify import Finding, verify
from support import tasks
from support.children import Child, KillAtWrite, Task
from support.exact import Bench, contents, feature_keys

ALL = tuple(range(12))
EDITED = tuple(range(4))
"""Documents whose files changed between the two versions of the corpus."""
NUMBERS = ("predictions.csv", "fold_predictions.csv", "metrics.json")
ENDLESS_S = 1e9


@dataclass(frozen=True)
class States:
    """States of a store that trials begin from, each made once and then copied.

    The corpus stands at version 1: in version 0 some documents had other files.
    """

    folder: Path
    suffix: str

    @cached_property
    def bench(self) -> Bench:
        return Bench(self.folder / "corpus")

    @cached_property
    def half(self) -> Path:
        """Eight documents of version 0, so that four are stale and four are missing."""
        store = self.folder / f"half{self.suffix}"
        self.bench.write(ALL)
        self.bench.extract(store, ALL[:8])
        self.bench.write(EDITED, version=1)
        return store

    @cached_property
    def undisturbed(self) -> Path:
        """The whole corpus of version 1, extracted at once into one pack of each kind."""
        _ = self.half
        store = self.folder / f"undisturbed{self.suffix}"
        self.bench.extract(store, ALL, commit_every_s=ENDLESS_S)
        return store

    @cached_property
    def littered(self) -> Path:
        """Version 1 in packs of one document, over dead packs, orphans and old generations."""
        store = self.folder / f"littered{self.suffix}"
        shutil.copytree(self.half, store)
        self.bench.extract(store, ALL[:10])
        self.bench.extract(store, ALL)
        opened = open_store(store)
        dead = find_garbage(opened, older_than_s=0).commits
        for commit in dead[::3]:
            opened.records.delete(f"commits/{commit.pack}")
        (store / "commits" / ".tmp-killed").write_bytes(b"half a record")
        return store

    @cached_property
    def damaged(self) -> Path:
        """Some large packs, some small ones; three documents are damaged, each otherwise."""
        store = self.folder / f"damaged{self.suffix}"
        _ = self.half
        self.bench.extract(store, ALL[:6], commit_every_s=ENDLESS_S)
        self.bench.extract(store, ALL)
        opened = open_store(store)
        rows = opened.rows()
        flip(opened, rows["d03"].feature_keys["exact-audio"])
        place = opened.index.find(rows["d07"].feature_keys["exact-text"])
        assert place is not None
        (store / place.commit.data).unlink()
        place = opened.index.find(str(rows["d09"].segment_key))
        assert place is not None
        record = store / opened.records.file(f"commits/{place.commit.pack}")
        record.write_bytes(record.read_bytes().replace(b'"kind"', b'"kin_"'))
        return store


LOST = {"d03": "d03 audio", "d07": "d07 text", "d09": None}
"""Documents damaged in `States.damaged`, and what of them must be encoded again."""


def flip(store: FeatureStore, key: str) -> None:
    """Change one bit of the rows under a key."""
    place = store.index.find(key)
    assert place is not None
    path = store.files.root / place.commit.data
    data = bytearray(path.read_bytes())
    data[place.start] ^= 1
    path.write_bytes(data)


class Trial(Protocol):
    """One command to kill."""

    name: str
    states: States

    def begin(self, place: Path, rng: random.Random) -> tuple[Task, tuple[object, ...]]:
        """Make a store in the folder `place`; returns what to run there."""

    def after_kill(self, place: Path, rng: random.Random) -> str:
        """Check that nothing is lost or torn; returns how far it had come."""

    def resume(self, place: Path) -> None:
        """Run it again, undisturbed, and check that nothing tells of the kill."""


@dataclass
class KillExtract:
    """An extraction into no store, or into one in which documents are stale and missing."""

    states: States
    name: str = "extract"
    every_s: float = 0.0

    def begin(self, place: Path, rng: random.Random) -> tuple[Task, tuple[object, ...]]:
        store = self._store(place)
        _ = self.states.undisturbed
        if rng.random() < 0.5:
            shutil.copytree(self.states.half, store)
        self.every_s = rng.choice([0.0, 0.0, 0.02, ENDLESS_S])
        return tasks.run_extract, (self.states.bench, store, ALL, self.every_s)

    def after_kill(self, place: Path, rng: random.Random) -> str:
        store = self._store(place)
        if format_at(store) is None:
            return "before the store"
        assert verify(open_store(store), deep=True) == ()
        before = contents(store)
        stage = self._stage(open_store(store))
        if rng.random() < 0.3:
            collect(open_store(store), older_than_s=0)
            assert verify(open_store(store), deep=True) == ()
            assert contents(store) == before
        return stage

    def _stage(self, store: FeatureStore) -> str:
        if len(store.documents()) == len(ALL):
            return "after publishing"
        packs = {store.form.pack_of(entry) for entry in store.files.list("packs")} - {None}
        return "within a pack" if packs - store.index.commits.keys() else "between packs"

    def resume(self, place: Path) -> None:
        store, bench = self._store(place), self.states.bench
        held = set(open_store(store).index.keys()) if format_at(store) else set()
        bench.taken()
        bench.extract(store, ALL, commit_every_s=self.every_s)
        missing = feature_keys(open_store(store)) - held
        assert len(bench.taken()) == len(missing), "something was encoded twice, or not at all"
        assert verify(open_store(store), deep=True) == ()
        assert contents(store) == contents(self.states.undisturbed)

    def _store(self, place: Path) -> Path:
        return place / f"feats{self.states.suffix}"


@dataclass
class KillCare:
    """`gc` or `compact`, in a store with much to do for them."""

    states: States
    name: str
    task: Task

    def begin(self, place: Path, rng: random.Random) -> tuple[Task, tuple[object, ...]]:
        store = self._store(place)
        shutil.copytree(self.states.littered, store)
        return self.task, (store,)

    def after_kill(self, place: Path, rng: random.Random) -> str:
        store = self._store(place)
        assert verify(open_store(store), deep=True) == ()
        assert contents(store) == contents(self.states.undisturbed)
        return _progress(self.states.littered, store, _left_to_do(self.name, store))

    def resume(self, place: Path) -> None:
        store = self._store(place)
        self.task(store)
        assert not _left_to_do(self.name, store)
        assert verify(open_store(store), deep=True) == ()
        assert contents(store) == contents(self.states.undisturbed)
        self.states.bench.taken()
        self.states.bench.extract(store, ALL)
        assert self.states.bench.taken() == [], "something was lost and encoded again"

    def _store(self, place: Path) -> Path:
        return place / f"feats{self.states.suffix}"


@dataclass
class KillRepair:
    """`repair`, in a store in which three documents are damaged."""

    states: States
    name: str = "repair"

    def begin(self, place: Path, rng: random.Random) -> tuple[Task, tuple[object, ...]]:
        _ = self.states.undisturbed
        shutil.copytree(self.states.damaged, self._store(place))
        return tasks.run_repair, (self._store(place),)

    def after_kill(self, place: Path, rng: random.Random) -> str:
        store = self._store(place)
        found = verify(open_store(store), deep=True)
        before = verify(open_store(self.states.damaged), deep=True)
        new = [finding for finding in found if finding not in before]
        assert all(_is_of_lost(finding) for finding in new), new
        expected = contents(self.states.undisturbed)
        assert _sound(store) >= expected.keys() - LOST.keys()
        return _progress(self.states.damaged, store, bool(found))

    def resume(self, place: Path) -> None:
        store, bench = self._store(place), self.states.bench
        tasks.run_repair(store)
        assert verify(open_store(store), deep=True) == ()
        bench.taken()
        bench.extract(store, ALL)
        assert bench.taken() == sorted(filter(None, LOST.values()))
        assert contents(store) == contents(self.states.undisturbed)

    def _store(self, place: Path) -> Path:
        return place / f"feats{self.states.suffix}"


@dataclass
class KillFit:
    """A fit; its numbers are those of a fit that was left alone."""

    states: States
    name: str = "fit"

    @cached_property
    def undisturbed(self) -> Path:
        place = self.states.folder / "fit"
        place.mkdir()
        task, arguments = self.begin(place, random.Random(0))
        Child(task, *arguments).result()
        return place / "run"

    def begin(self, place: Path, rng: random.Random) -> tuple[Task, tuple[object, ...]]:
        shutil.copytree(self.states.undisturbed, self._store(place))
        return tasks.run_fit, (self._store(place), place / "run")

    def after_kill(self, place: Path, rng: random.Random) -> str:
        assert verify(open_store(self._store(place)), deep=True) == ()
        assert contents(self._store(place)) == contents(self.states.undisturbed)
        if not (place / "run").exists():
            drafts = any(path.name.startswith(".run.") for path in place.iterdir())
            return "while writing the run" if drafts else "while training"
        assert read_run(place / "run")
        assert all((place / "run" / name).is_file() for name in FILES)
        return "after the run"

    def resume(self, place: Path) -> None:
        Child(tasks.run_fit, self._store(place), place / "run").result()
        for name in NUMBERS:
            found = (place / "run" / name).read_bytes()
            assert found == (self.undisturbed / name).read_bytes(), name

    def _store(self, place: Path) -> Path:
        return place / f"feats{self.states.suffix}"


def all_trials(states: States) -> dict[str, Trial]:
    trials: Sequence[Trial] = (
        KillExtract(states),
        KillCare(states, "gc", tasks.run_collect),
        KillCare(states, "compact", tasks.run_compact),
        KillRepair(states),
        KillFit(states),
    )
    return {trial.name: trial for trial in trials}


@dataclass
class Killer:
    """Kills trials at random moments; equal seeds kill at equal shares of the undisturbed time."""

    trial: Trial
    folder: Path
    _seconds: list[float] = field(default_factory=list)

    def kill(self, seed: int) -> str:
        """Kill at a random moment and check; returns how far the command had come."""
        rng = random.Random(seed)
        stage = None
        while stage is None:
            with self._place(f"seed {seed}") as place:
                stage = self._kill(place, rng)
        return stage

    def kill_at_write(self, n: int, seed: int) -> str | None:
        """Kill just before the `n`-th change of a file's name; None if there are fewer."""
        with self._place(f"write {n} of seed {seed}") as place:
            task, arguments = self.trial.begin(place, random.Random(seed))
            if not Child(task, *arguments, before=KillAtWrite(n, place)).killed():
                return None
            return self._check(place, random.Random(n))

    def _kill(self, place: Path, rng: random.Random) -> str | None:
        """None if the command ended before it was killed."""
        task, arguments = self.trial.begin(place, rng)
        child = Child(task, *arguments)
        if not self._seconds:
            self._seconds.append(child.result()[0])
            return None
        if not child.kill_after(_moment(rng, min(self._seconds))):
            return None
        return self._check(place, rng)

    def _check(self, place: Path, rng: random.Random) -> str:
        stage = self.trial.after_kill(place, rng)
        self.trial.resume(place)
        return stage

    @contextmanager
    def _place(self, about: str) -> Iterator[Path]:
        """A folder for one trial; a failure is told with what repeats it."""
        place = self.folder / "trial"
        place.mkdir()
        try:
            yield place
        except Exception as error:
            error.add_note(f"{self.trial.name} in {self.trial.states.suffix}, {about}")
            raise
        finally:
            shutil.rmtree(place)


def _moment(rng: random.Random, seconds: float) -> float:
    """Anywhere in the run, now and then at its start, often near its end, where names change."""
    low, high = rng.choice([(0.0, 1.0), (0.0, 1.0), (0.0, 0.1), (0.6, 1.0), (0.8, 1.1)])
    return rng.uniform(low, high) * seconds


def _left_to_do(name: str, store: Path) -> bool:
    opened = open_store(store)
    if name == "compact":
        return bool(find_compaction(opened, older_than_s=0).packs)
    garbage = find_garbage(opened, older_than_s=0)
    return bool(garbage.generations or garbage.commits or garbage.orphans)


def _progress(before: Path, store: Path, left: bool) -> str:
    if not left:
        return "at the end"
    same = _listing(before) == _listing(store)
    return "before the first change" if same else "half way"


def _listing(store: Path) -> set[str]:
    return set(walk(open_store(store).files, ""))


def _is_of_lost(finding: Finding) -> bool:
    return finding.kind == "reference" and any(name in finding.problem for name in LOST)


def _sound(path: Path) -> set[str]:
    """Documents of which everything can be read and is that of the undisturbed store."""
    store = open_store(path)
    found = set()
    for name, row in store.rows().items():
        keys = {row.segment_key, *row.feature_keys.values()}
        if name not in LOST and all(key in store.index for key in keys if key):
            found.add(name)
            for key in keys:
                store.rows_of(key)
    return found
