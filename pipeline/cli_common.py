"""What the commands share: options that read their defaults from dataclasses, and output."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from hilbert.stages.report.words import counted as counted

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from hilbert.pipeline.project import Project

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

Config = TypeVar("Config", bound="DataclassInstance")

FAILED_DOCUMENTS = 3
"""Exit code: done, but some documents failed."""

_STARTED = time.time()

PATH = click.Path(path_type=Path, readable=False)
"""A path that need not be there; that it may not be read is told when it is, as of any file."""

device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="Where models run.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object as the last line."
)
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Only tell what would be done; nothing is written."
)
prune_option = click.option(
    "--prune", is_flag=True, help="Drop documents that the corpus no longer has."
)
compile_option = click.option(
    "--compile",
    is_flag=True,
    help="Run audio encoders through torch.compile, which takes a minute to begin with.",
)
precision_option = click.option(
    "--precision",
    type=click.Choice(["auto", "fp32", "bf16", "fp16"]),
    default="auto",
    show_default=True,
    help="Arithmetic of audio encoders, decided once for a store; auto: bf16 where the hardware"
    " has it, else fp32.",
)
transcribe_option = click.option(
    "--transcribe",
    "model",
    is_flag=False,
    flag_value="whisper",
    metavar="[MODEL]",
    help="Transcribe recordings that have no transcript, with whisper (tiny.en, the default),"
    " whisper-base, a CTranslate2 folder or an id; put it last, or write --transcribe=MODEL.",
)
no_transcribe_option = click.option(
    "--no-transcribe",
    "as_before",
    flag_value=False,
    type=bool,
    default=True,
    help="Transcribe nothing, though documents of the store were transcribed.",
)
workers_option = click.option(
    "--workers",
    type=click.IntRange(1),
    default=None,
    help="Processes that fit folds; the numbers do not depend on it.  [default: the processors]",
)
extract_workers_option = click.option(
    "--workers",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Processes that transcribe, cut and encode; 0: all is done in this one.",
)
dask_option = click.option(
    "--dask",
    metavar="ADDRESS",
    default="",
    help="Cut and encode on the workers of this Dask scheduler; local: on a cluster of --workers"
    " processes that is made here.",
)


def layers(value: int | str) -> int | str:
    """Type of an option that names hidden layers, as `Layers` reads them."""
    from hilbert.stages.extract.encoders.layers import Layers
    from hilbert.store.errors import HilbertError

    try:
        return Layers.parse(value).option
    except HilbertError as error:
        raise click.BadParameter(str(error)) from None


def option(flag: str, config: type, name: str, help: str, **more: Any) -> Decorator:
    """An option whose default is that of field `name` of the dataclass `config`."""
    default = next(f.default for f in fields(config) if f.name == name)
    if default is MISSING:
        raise TypeError(f"{config.__name__}.{name} has no default")
    return click.option(flag, name, default=default, show_default=True, help=help, **more)


def project_path() -> Path:
    """The project file of this call, whether it is there or not."""
    from hilbert.pipeline.project import PROJECT_FILE

    path: Path | None = click.get_current_context().find_root().params.get("project")
    return path or Path(PROJECT_FILE)


def in_project(command: str) -> str:
    """What to type for a command on the project of this call."""
    named = click.get_current_context().find_root().params.get("project")
    return f"hilbert --project {named} {command}" if named else f"hilbert {command}"


def open_project(*, required: bool = False) -> "Project":
    """What the project file of this call declares; all defaults if there is none.

    Raises
    ------
    ProjectError
        If the file is unsound; or missing, though `required` or named by ``--project``.
    """
    from hilbert.pipeline.project import PROJECT_FILE, Project, read_project
    from hilbert.store.errors import ProjectError

    path = project_path()
    if path.exists():
        return read_project(path)
    if required or path != Path(PROJECT_FILE):
        raise ProjectError(f"there is no {path.name}; `{in_project('init')}` writes one")
    return Project()


def override(config: Config) -> Config:
    """`config`, but with the value of each flag of this call that has the name of a field."""
    flags = click.get_current_context().params
    return replace(config, **{f.name: flags[f.name] for f in fields(config) if is_given(f.name)})


def is_given(name: str) -> bool:
    """Whether a flag stands on the command line, be it with its default."""
    source = click.get_current_context().get_parameter_source(name)
    return source is ParameterSource.COMMANDLINE


def print_json(value: Mapping[str, Any]) -> None:
    """One object on one line; NaN as null."""
    click.echo(json.dumps(_finite(value), allow_nan=False))


def seconds_since_start() -> float:
    """Seconds since this process began, the interpreter's own start included where known."""
    return time.time() - _process_start()


def _process_start() -> float:
    """Wall-clock time at which the process began; on other systems than Linux, of the import."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
        uptime = time.clock_gettime(time.CLOCK_BOOTTIME)
    except (OSError, ValueError, IndexError, AttributeError):
        return _STARTED
    import os

    return time.time() - (uptime - ticks / os.sysconf("SC_CLK_TCK"))


def _finite(value: Any) -> Any:
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, Mapping):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
