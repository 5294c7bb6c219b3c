"""`phoropter diagnose`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phoropter.cli import render
from phoropter.cli.console import listening
from phoropter.cli.options import ProjectOption, Speech
from phoropter.cli.output import show
from phoropter.core.errors import UsageError

OptionalRun = Annotated[
    str | None,
    typer.Argument(metavar="[RUN]", help="Folder of a run or watched loop, or a run's identifier."),
]
Curves = Annotated[
    Path | None,
    typer.Option(
        "--curves",
        metavar="FILE",
        help="Curves instead: CSV (epoch,train_loss,val_loss,...), TensorBoard's, Keras' JSON.",
    ),
]
Human = Annotated[
    str | None,
    typer.Option("--human", metavar="ERROR", help="How often people err: 0.02, or 3/150."),
]
Collect = Annotated[
    bool,
    typer.Option("--collect", help="Train on parts of the data first: would more data help?"),
]


def diagnose(
    run: OptionalRun = None,
    *,
    project: ProjectOption = None,
    curves: Curves = None,
    human: Human = None,
    collect: Collect = False,
    speech: Speech,
) -> None:
    """What holds a run back, with the evidence and what to change."""
    if (run is None) == (curves is None):
        raise UsageError(
            "diagnose needs either a RUN or --curves FILE.", hint="See: phoropter diagnose --help"
        )
    from phoropter.project import api

    with listening(quiet=speech.quiet or not collect) as listener:
        result = api.diagnose(
            run, project=project, curves=curves, human=human, collect=collect, listener=listener
        )
    show(result, speech, render.diagnosis)
