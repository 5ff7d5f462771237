"""What the commands share: options that read their defaults from dataclasses, and output."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

FAILED_DOCUMENTS = 3
"""Exit code: done, but some documents failed."""

_STARTED = time.time()

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


def option(flag: str, config: type, name: str, help: str, **more: Any) -> Decorator:
    """An option whose default is that of field `name` of the dataclass `config`."""
    default = next(f.default for f in fields(config) if f.name == name)
    if default is MISSING:
        raise TypeError(f"{config.__name__}.{name} has no default")
    return click.option(flag, name, default=default, show_default=True, help=help, **more)


def pick(config: type, options: Mapping[str, Any]) -> Any:
    """`config` filled with those of `options` that are its fields."""
    names = {f.name for f in fields(config)}
    return config(**{name: value for name, value in options.items() if name in names})


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
