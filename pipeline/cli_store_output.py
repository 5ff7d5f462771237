"""What the commands of `hilbert store` say."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hilbert.pipeline.cli_common import counted
from hilbert.store.errors import shown

if TYPE_CHECKING:  # numpy and h5py are imported when a command runs
    from hilbert.store.collect import Garbage
    from hilbert.store.export import Export
    from hilbert.store.feature_store import FeatureStore
    from hilbert.store.info import StoreInfo
    from hilbert.store.verify import Finding

MOST_SHOWN = 20
"""Findings that are printed; a store may have one for every document."""


def print_info(name: str, found: "StoreInfo") -> None:
    """Numbers of a store, one line each."""
    click.echo(f"{name}: {found.format}, recordings encoded in {found.precision}")
    click.echo(f"  documents    {found.documents}, {found.failed} of them failed")
    for encoder, n in found.encoders.items():
        click.echo(f"  encoder      {encoder}: {n} documents,"
                   f" {found.dims[encoder]} numbers a segment")  # fmt: skip
    click.echo(f"  data         {size(found.n_bytes)} in {found.packs} packs,"
               f" {found.live_share:.0%} of it referred to")  # fmt: skip
    pinned = ", ".join(f"{n} by {counted(k, 'run')}" for n, k in sorted(found.pinned.items()))
    latest = f", latest {found.generations[-1]}" if found.generations else ""
    click.echo(f"  generations  {len(found.generations)}{latest}; pinned: {pinned or 'none'}")
    if found.damaged:
        click.echo(f"  damaged      {counted(found.damaged, 'pack')}")


def print_garbage(found: "Garbage", unpinned: Sequence[int], dry_run: bool) -> None:
    """What of a store went, or would go."""
    for number in unpinned:
        click.echo(f"Generation {number} {'would no longer be' if dry_run else 'is not'} pinned.")
    if not (found.generations or found.commits or found.orphans):
        return click.echo("There is nothing that is old enough and that nothing refers to.")
    parts = (
        counted(len(found.generations), "old generation"),
        counted(len(found.commits), "pack"),
        counted(len(found.orphans), "leftover file"),
    )
    done = "Would go" if dry_run else "Gone"
    return click.echo(f"{done}: {', '.join(parts)}; {size(found.n_bytes)} of data.")


def export_as_json(plan: "Export", out: Path, dry_run: bool) -> dict[str, Any]:
    """The object of `export --json`."""
    return {
        "out": str(out),
        "dry_run": dry_run,
        "generation": plan.generation,
        "documents": len(plan.rows),
        "pseudonymised": plan.pseudonymised,
        "columns": plan.columns,
        "encoders": {info.name: plan.n_rows(info.name) for info in plan.encoders},
        "bytes": plan.n_bytes,
    }


def print_export(plan: "Export", out: Path, key_file: Path | None, dry_run: bool) -> None:
    """What is, or would be, in an exported file."""
    rows = ", ".join(f"{plan.n_rows(info.name)} rows of {info.name}" for info in plan.encoders)
    did = "would go" if dry_run else "are"
    click.echo(f"{len(plan.rows)} documents of generation {plan.generation} {did} in {out}:"
               f" {rows}; {size(plan.n_bytes)}.")  # fmt: skip
    click.echo(f"Label columns: {', '.join(plan.columns) or 'none'}.")
    if key_file is not None and not dry_run:
        click.echo(f"Who is who is in {key_file}; never share it with the export.")
    if not plan.pseudonymised:
        click.echo("Ids, groups and speakers keep their names; to share it: --pseudonymise")


def listed(findings: "Sequence[Finding]") -> dict[str, Any]:
    """All findings, for a JSON object."""
    return {"findings": [{"kind": f.kind, "name": f.name, "problem": f.problem} for f in findings]}


def print_findings(findings: "Sequence[Finding]") -> None:
    """One line a finding, up to `MOST_SHOWN`."""
    for finding in findings[:MOST_SHOWN]:
        click.echo(f"  {finding.problem}")
    if len(findings) > MOST_SHOWN:
        click.echo(f"  and {len(findings) - MOST_SHOWN} more (--json lists all)")


def loss_of_old(opened: "FeatureStore", findings: "Sequence[Finding]", store: Path) -> str | None:
    """What to do where only an old generation has lost something, which no repair gives back."""
    if not all(finding.kind == "reference" for finding in findings):
        return None
    lost = {int(finding.name) for finding in findings} - {opened.manifest().generation}
    if not lost or len(lost) < len({finding.name for finding in findings}):
        return None
    return (
        f"only generation {min(lost)}, which runs were made from, has lost something; make it again"
        f" with `hilbert extract`, or let it go: `hilbert store gc {shown(store)} --unpin"
        f" {min(lost)}`"
    )


def sound(opened: "FeatureStore", store: Path, deep: bool) -> str:
    """That a store is sound, and how closely that was looked at."""
    commits = opened.index.commits.values()
    n_bytes = sum(commit.data_bytes for commit in commits)
    said = f"{opened.name} is sound: {counted(len(commits), 'pack')}, {size(n_bytes)}"
    if deep:
        return f"{said}, every checksum compared."
    return f"{said}; to compare every checksum: hilbert store verify --deep {store}"


def size(n_bytes: int) -> str:
    """A number of bytes in the unit that suits it."""
    amount, unit = float(n_bytes), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    whole = unit == "bytes" or amount >= 100
    return f"{amount:.0f} {unit}" if whole else f"{amount:.1f} {unit}"
