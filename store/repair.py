"""Drop what is damaged, so that it becomes missing and the next extraction makes it again."""

import math
from collections.abc import Sequence
from dataclasses import replace

from hilbert.store.commits import FOLDER
from hilbert.store.compact import rewrite
from hilbert.store.feature_store import FeatureStore
from hilbert.store.manifest import Manifest, Row, document_name
from hilbert.store.pack_writer import PackLimits
from hilbert.store.retire import delete_pack
from hilbert.store.root import mend_groups
from hilbert.store.verify import Finding, Step, verify

LOST = "its {} were damaged and dropped; run `hilbert extract` again"


def repair(store: FeatureStore, *, step: Step | None = None) -> tuple[Finding, ...]:
    """Verify the whole store and drop what is damaged.

    The sound documents of a damaged pack are written into a new one. A damaged generation is
    dropped, the one before it then being the latest. The documents that lost something say so
    in a new generation, so that `fit` leaves them out and names them.

    Returns
    -------
    tuple of Finding
        What was dropped.
    """
    findings = verify(store, deep=True, step=step)
    mend_groups(store.files, store.form, store.root)
    for finding in findings:
        if finding.kind == "manifest":
            store.records.delete(document_name(int(finding.name)))
        elif finding.kind == "rows":
            _keep_sound(store, finding)
        elif finding.kind in ("record", "pack"):
            _drop(store, finding.name)
    if findings:
        store.refresh()
        store.revise(lambda latest: _without_lost(store, latest))
    return findings


def _keep_sound(store: FeatureStore, finding: Finding) -> None:
    commit = store.index.commits[finding.name]
    sound = [i for i in range(len(commit.keys)) if i not in finding.documents]
    if sound:
        rewrite(store, [(commit, sound)], PackLimits(n_bytes=1 << 62, seconds=math.inf))
    _drop(store, finding.name)


def _drop(store: FeatureStore, pack: str) -> None:
    store.records.delete(f"{FOLDER}/{pack}")
    delete_pack(store, pack)


def _without_lost(store: FeatureStore, latest: Manifest) -> Manifest:
    return replace(latest, rows=tuple(_without_lost_keys(store, row) for row in latest.rows))


def _without_lost_keys(store: FeatureStore, row: Row) -> Row:
    if row.segment_key is not None and row.segment_key not in store.index:
        return row._replace(segment_key=None, feature_keys={}, failure=LOST.format("segments"))
    lost = _lost_encoders(store, row)
    if not lost:
        return row
    kept = {name: key for name, key in row.feature_keys.items() if name not in lost}
    return row._replace(feature_keys=kept, failure=LOST.format(f"{lost[0]} features"))


def _lost_encoders(store: FeatureStore, row: Row) -> Sequence[str]:
    return [name for name, key in row.feature_keys.items() if key not in store.index]
