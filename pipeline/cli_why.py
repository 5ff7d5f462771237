"""Flags of `hilbert why`."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict

import click

from hilbert.pipeline import cli_common as common
from hilbert.pipeline.choose_encoders import store_precision
from hilbert.pipeline.cli_common import option
from hilbert.pipeline.cli_status import dry, encoders_to_check, fit_states
from hilbert.pipeline.corpus import Corpus, read_corpus
from hilbert.pipeline.extract import begin
from hilbert.pipeline.project import Project
from hilbert.pipeline.status import Reason, survey, why
from hilbert.pipeline.transcribe_alike import as_stored
from hilbert.store.types import EncoderInfo

SHORT = 12
"""Characters of a digest that are shown."""


@click.command("why")
@click.argument("document")
@click.argument("corpus", type=common.PATH, required=False)
@option("--store", Project, "store", "The feature store to look at.", type=common.PATH)
@common.json_option
def command(document: str, as_json: bool, **_: object) -> None:
    """Tell which of the things that DOCUMENT's results depend on have changed; old -> new.

    They are compared with those of its last extraction, which the store keeps.
    """
    project = common.override(common.open_project())
    table = read_corpus(project.corpus)
    options = as_stored(project.extract_options(), table, project.store)
    encoders = encoders_to_check(project, options, table)
    with begin(project.store, store_precision(project.store), dry(options)) as session:
        reasons = [*why(session, table, encoders, document)]
    if project.targets:
        reasons += _why_fitted(project, table, encoders, document)
    if as_json:
        stages = [asdict(reason) for reason in reasons]
        common.print_json({"document": document, "stages": stages})
    else:
        for reason in reasons:
            _echo(reason)


def _why_fitted(
    project: Project, table: Corpus, encoders: Mapping[str, EncoderInfo], document: str
) -> Iterator[Reason]:
    """What of the document changed since each target was fitted."""
    from hilbert.pipeline.fit_state import describe_state

    options = as_stored(dry(project.extract_options()), table, project.store)
    with begin(project.store, store_precision(project.store), options) as session:
        found = survey(session, table, encoders)
        states = fit_states(project, session, found, encoders)
    for state in states:
        others = None if document in state.documents else describe_state(state)
        yield Reason(f"fit {state.target}", state.fit, state.documents.get(document, ()), others)


def _echo(reason: Reason) -> None:
    note = f": {reason.note}" if reason.note else ""
    click.echo(f"{reason.stage}: {reason.state}{note}")
    for change in reason.changes:
        click.echo(f"  {change.component}: {_short(change.old)} -> {_short(change.new)}")


def _short(value: object) -> str:
    """A value in a few characters: a digest by its beginning, nothing as a dash."""
    if value is None:
        return "-"
    text = str(value)
    is_digest = len(text) > 2 * SHORT and all(c in "0123456789abcdef" for c in text)
    return text[:SHORT] if is_digest else text
