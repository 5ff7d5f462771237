"""The command line: ``hilbert COMMAND``. Commands are imported when they are called."""

import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

import hilbert

COMMANDS = {
    "init": "Write a commented hilbert.toml for the corpus in this folder.",
    "check": "Read a corpus once and tell what is wrong with it; nothing is encoded.",
    "run": "Bring everything that hilbert.toml declares up to date: features, then every run.",
    "status": "What is current, stale, missing or failed, stage by stage.",
    "why": "Why a document would be run again: what of it changed.",
    "extract": "Encode a corpus into a feature store; only what changed is run again.",
    "fit": "Train and evaluate HILBERT and its baselines from a feature store alone.",
    "compare": "Compare runs that were evaluated on the same folds.",
    "ablate": "Leave out one part of HILBERT after another, on the same folds.",
    "tune": "Search HILBERT's options inside the training documents of each fold.",
    "report": "Draw the figures and the page of a run anew.",
    "predict": "Score new recordings with a run's model.",
    "encoders": "The frozen models that have a short name, and which of them are here.",
    "store": "Care of a store: info, verify, repair, gc, compact, export.",
}

WITHOUT_FLAGS = ("run", "status", "why")
"""Commands that take their options from hilbert.toml alone: errors name its keys, not flags."""


class _Commands(click.Group):
    """Lists the commands without importing them, and ends errors in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"hilbert.pipeline.cli_{name}")
        command = module.command
        if not isinstance(command, click.Command):
            raise TypeError(f"{module.__name__}.command is not a command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what goes wrong is told in one line, with ``--debug`` in full."""
        from hilbert.store.errors import HilbertError

        try:
            with _stoppable():
                return super().invoke(ctx)
        except BrokenPipeError:  # who reads the output has read enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except (HilbertError, OSError) as error:
            if ctx.params["debug"]:
                raise
            message = _one_line(error)
            if ctx.invoked_subcommand in WITHOUT_FLAGS:
                from hilbert.pipeline.project import Project
                from hilbert.pipeline.project_errors import in_keys

                message = in_keys(Project, message)
            click.echo(f"Error: {message}", err=True)
            sys.exit(1)
        except KeyboardInterrupt:
            click.echo("Stopped. What was committed is kept; run the command again.", err=True)
            sys.exit(130)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(hilbert.__version__, prog_name="hilbert")
@click.option("--debug", is_flag=True, help="Show a traceback when something goes wrong.")
@click.option(
    "--project",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The project file.  [default: hilbert.toml, if there is one]",
)
def main(debug: bool, project: Path | None) -> None:
    """Document-level representations of long speech recordings, and predictions from them.

    In a folder with a corpus.csv: `hilbert init`, then `hilbert run`; or one step at a time,
    `hilbert extract`, then `hilbert fit --target LABEL`.
    """


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let the signals that end a process do what Ctrl-C does, so that nothing temporary stays.

    Those that someone else sees to, or that `nohup` has turned off, are left to them.
    """
    found = [getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP")]
    taken = [s for s in found if s is not None and signal.getsignal(s) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():  # which alone may take signals
        taken = []
    for number in taken:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def _one_line(error: Exception) -> str:
    """The message; of an error of the system its kind and the file's name, not its path."""
    if isinstance(error, OSError) and error.strerror:
        name = str(error.filename or "").rsplit("/", 1)[-1]
        return f"{error.strerror}: {name}" if name else error.strerror
    return " ".join("".join(c if c.isprintable() else " " for c in str(error)).split())
