"""`phoropter diagnose`."""

from __future__ import annotations

from typing import Annotated

import typer

from phoropter.cli import render
from phoropter.cli.console import listening
from phoropter.cli.options import Curves, OptionalRun, ProjectOption, Speech
from phoropter.cli.output import show
from phoropter.core.errors import UsageError

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
            run,
            project=project,
            curves=curves,
            human=human,
            collect=collect,
            lang=speech.lang,
            listener=listener,
        )
    show(result, speech, render.diagnosis)
