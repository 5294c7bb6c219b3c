"""The entry point `phoropter`."""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated

import typer

from phoropter.cli.augment import augment
from phoropter.cli.checklist import checklist
from phoropter.cli.compare import compare
from phoropter.cli.convert import convert
from phoropter.cli.diagnose import diagnose
from phoropter.cli.doctor import doctor
from phoropter.cli.evaluate import evaluate
from phoropter.cli.export import export
from phoropter.cli.failure import report as report_failure
from phoropter.cli.improve import improve
from phoropter.cli.look import look
from phoropter.cli.lr_range import lr_range
from phoropter.cli.models import models
from phoropter.cli.options import command
from phoropter.cli.output import discard_stdout
from phoropter.cli.predict import predict
from phoropter.cli.replay import replay
from phoropter.cli.report import report
from phoropter.cli.run import run
from phoropter.cli.split import split
from phoropter.cli.test import test
from phoropter.cli.train import train
from phoropter.core.errors import UsageError
from phoropter.project.together import is_lead, processes

# Threads of torch that wait for each other spin by default. On a machine whose cores others use too
# that made training steps six times slower (docs/log.md); it must be set before torch loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

GARBAGE_AFTER = 50_000  # objects; Python's own 700 suit programs that load less

COMMANDS = (
    run,
    look,
    split,
    train,
    lr_range,
    augment,
    evaluate,
    diagnose,
    improve,
    compare,
    replay,
    test,
    predict,
    export,
    report,
    checklist,
    convert,
    models,
    doctor,
)

SHARED = ("run", "train", "improve")
"""Commands that train, and may be started in several processes at once."""


def root(
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """From a folder of images to a model you can trust."""
    if version:
        from phoropter import __version__

        typer.echo(f"phoropter {__version__}")
        raise typer.Exit


def application() -> typer.Typer:
    """The Typer application with every command, in the order of the work."""
    app = typer.Typer(name="phoropter", add_completion=False, rich_markup_mode=None)
    app.callback(invoke_without_command=True)(root)
    for function in COMMANDS:
        app.command()(command(function))
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit code.

    Args:
        arguments: The words after `phoropter`; those of the process if left out.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None:
        # Nothing that is imported is ever garbage, and looking for some takes half a second.
        gc.set_threshold(GARBAGE_AFTER)
    options = words[: words.index("--")] if "--" in words else words
    debug = "--debug" in options
    try:
        with warnings.catch_warnings():
            if not debug:
                warnings.simplefilter("ignore")
            if processes() > 1:
                _join(words)
            return _invoke(words or ["--help"])
    except BrokenPipeError:
        discard_stdout()  # whoever read our output has had enough (`phoropter models | head`)
        return 0
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last line of defence
        return report_failure(error, as_json="--json" in options, debug=debug)


def _join(words: Sequence[str]) -> None:
    """Prepares a process that a launcher started beside others: only the lead prints results."""
    if not words or words[0] not in SHARED:
        raise UsageError(
            f"A launcher started {processes()} processes, but only {', '.join(SHARED)} can share "
            "their work among several.",
            hint="Run this command without torchrun.",
        )
    if not is_lead():
        discard_stdout()


def _invoke(words: list[str]) -> int:
    group = typer.main.get_command(application())
    try:
        with group.make_context("phoropter", words) as context:
            group.invoke(context)
    except typer.Exit as finished:
        return finished.exit_code
    finally:
        sys.stdout.flush()
    return 0
