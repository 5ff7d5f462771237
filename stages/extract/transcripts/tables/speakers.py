"""Which column of a table tells who speaks; see `speaker_column`."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hilbert.stages.extract.transcripts.tables.columns import NAMES, Column, named_columns
from hilbert.stages.extract.transcripts.tables.rows import Row
from hilbert.store.errors import DocumentError

_FEW = 2
"""So many values are few in any table; in a longer one, half as many as rows."""
_OF_ANYTHING = {
    "participant", "participante", "participants", "teilnehmer", "teilnehmerin", "name", "nom",
    "nombre", "person", "tier",
}  # fmt: skip
"""What columns are called that also tell whose recording it is, or which."""
_OF_ROLES = ("role", "type", "rolle", "rol")


class _Held(NamedTuple):
    """A column, and its cells in any case, "" where they are empty."""

    column: Column
    cells: list[str]

    @property
    def n_values(self) -> int:
        return len({cell for cell in self.cells if cell})


def speaker_column(
    header: Sequence[str], rows: Sequence[Row], files: Sequence[Column] = ()
) -> Column | None:
    """The column that tells who speaks in a recording, of those that are called as if they did.

    1. Those that hold nothing, or names of files, are out of the question.
    2. Of several, one of a few values that repeat (two, or up to half as many as rows) goes before
       one of more, and that before one that holds the same in all rows, or never the same twice:
       it tells whose recording it is, or numbers the turns.
    3. Of several of the same rank, all must tell apart the same speakers. Then one of roles, which
       is called ``role`` or the like, goes before others, and else the one that `NAMES` has first;
       of those with as many cells filled.
    4. One and the same ``participant``, ``name`` or ``tier`` in several rows tells nothing: the
       interviewer's turns may be among them.

    Parameters
    ----------
    header : sequence of str
    rows : sequence of Row
        Of one recording.
    files : sequence of Column
        Columns of names of files.

    Raises
    ------
    DocumentError
        If two of the same rank tell different speakers apart; names the columns.
    """
    possible = [held for held in _held(header, rows) if held.column not in files and held.n_values]
    if not possible:
        return None
    best = min(map(_rank, possible))
    leading = [held for held in possible if _rank(held) == best]
    chosen = max(leading, key=_preference)
    for other in leading:
        if chosen.n_values > 1 and not _are_alike(chosen, other):
            names = " and ".join(sorted((chosen.column.name, other.column.name)))
            raise DocumentError(
                f"the columns {names} of the transcript may each tell who speaks, and differ; "
                f"leave one out, or call it otherwise"
            )
    if len(rows) > 1 and chosen.n_values == 1:  # rather one that is called as of speakers alone
        return next((h.column for h in leading if h.column.name not in _OF_ANYTHING), None)
    return chosen.column


def is_constant(column: Column, rows: Sequence[Row]) -> bool:
    """Whether several rows hold one and the same value, or nothing."""
    cells = {row.cells[column.position].strip().casefold() for row in rows}
    return len(rows) > 1 and len(cells - {""}) == 1


def _held(header: Sequence[str], rows: Sequence[Row]) -> Iterator[_Held]:
    """The columns that are called as those of speakers are, first ones first."""
    named = named_columns(header)
    for name in NAMES["speaker"]:
        if name in named:
            cells = [row.cells[named[name].position] for row in rows]
            yield _Held(named[name], [" ".join(cell.split()).casefold() for cell in cells])


def _rank(held: _Held) -> int:
    n_filled = sum(map(bool, held.cells))
    if held.n_values == 1 or held.n_values == n_filled > _FEW:
        return 2
    return 0 if held.n_values <= max(_FEW, n_filled // 2) else 1


def _preference(held: _Held) -> tuple[int, bool]:
    return sum(map(bool, held.cells)), held.column.name.endswith(_OF_ROLES)


def _are_alike(one: _Held, other: _Held) -> bool:
    """Whether two columns tell apart the same, where both are filled."""
    pairs = {pair for pair in zip(one.cells, other.cells, strict=True) if all(pair)}
    firsts, seconds = zip(*pairs, strict=True) if pairs else ((), ())
    return len({*firsts}) == len({*seconds}) == len(pairs)
