"""Flags of `hilbert init`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from hilbert.pipeline import cli_common as common
from hilbert.pipeline.corpus import Corpus, read_corpus
from hilbert.pipeline.guess_project import find_corpus, guess_encoders, guess_targets
from hilbert.pipeline.project import Project
from hilbert.pipeline.project_template import render
from hilbert.pipeline.run_directory import whole_file
from hilbert.store.errors import ProjectError


@dataclass(frozen=True, slots=True)
class Found:
    """A project for a corpus, and the columns that are no target, with the reason."""

    corpus: Corpus
    project: Project
    no_targets: Mapping[str, str]


@click.command("init")
@click.argument("corpus", type=common.PATH, required=False)
@click.option("--overwrite", is_flag=True, help="Replace the hilbert.toml that is there.")
@click.option("--dry-run", is_flag=True, help="Print what would be written, and write nothing.")
@common.json_option
def command(corpus: Path | None, overwrite: bool, dry_run: bool, as_json: bool) -> None:
    """Write a commented hilbert.toml for CORPUS (default: the table found in this folder).

    It names the corpus, the columns that look like targets, and an encoder for each
    modality; every other option stands in it as a comment, with its default.
    """
    path = common.project_path()
    if path.exists() and not (overwrite or dry_run):
        raise ProjectError(f"{path.name} is there already; replace it with --overwrite")
    found = _find(corpus or find_corpus(path.parent), path.parent)
    notes = [f"Not taken for targets: {_listed(found)}."] if found.no_targets else []
    text = render(found.project, {"targets": notes})
    if not dry_run:
        with whole_file(path) as file:
            file.write(text)
    if as_json:
        common.print_json(_as_json(found, path, None if dry_run else text))
    else:
        _echo(found, path, text if dry_run else None)


def _find(table: Path, folder: Path) -> Found:
    corpus = read_corpus(table)
    targets, others = guess_targets(corpus)
    place = table if table.is_absolute() else Path(os.path.relpath(table, folder))
    return Found(corpus, Project(place, targets=targets, encoders=guess_encoders(corpus)), others)


def _listed(found: Found) -> str:
    return "; ".join(f"{name} ({reason})" for name, reason in found.no_targets.items())


def _as_json(found: Found, path: Path, written: str | None) -> dict[str, Any]:
    return {
        "project": str(path),
        "written": written is not None,
        "corpus": str(found.project.corpus),
        "documents": len(found.corpus.documents),
        "targets": list(found.project.targets),
        "no_targets": dict(found.no_targets),
        "encoders": [choice.name for choice in found.project.encoders],
        "seconds": common.seconds_since_start(),
    }


def _echo(found: Found, path: Path, draft: str | None) -> None:
    """What was found; a draft goes to standard output alone, so that it can be redirected."""
    if draft is not None:
        click.echo(draft, nl=False)
    encoders = " and ".join(choice.name for choice in found.project.encoders)
    targets = ", ".join(found.project.targets) or "none"
    lines = [f"{found.corpus.name}: {len(found.corpus.documents)} documents, for {encoders}.",
             f"Targets: {targets}."]  # fmt: skip
    if found.no_targets:
        lines.append(f"Not taken for targets: {_listed(found)}.")
    if draft is None:
        lines += [f"Written: {path}.", f"Next: {_next(found, path)}"]
    click.echo("\n".join(lines), err=draft is not None)


def _next(found: Found, path: Path) -> str:
    first = "" if found.project.targets else f"name the targets in {path}, then "
    return first + common.in_project("run")
