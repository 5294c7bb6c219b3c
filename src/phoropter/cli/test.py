"""`phoropter test`."""

from __future__ import annotations

from typing import Annotated

import typer

from phoropter.cli import render
from phoropter.cli.console import listening
from phoropter.cli.options import ProjectArgument, Speech
from phoropter.cli.output import show

RunOption = Annotated[
    str | None,
    typer.Option("--run", metavar="RUN", help="The run to test (default: the chosen one)."),
]


def test(project: ProjectArgument, *, run: RunOption = None, speech: Speech) -> None:
    """Open the seal: measure a run on the test part.

    The opening is recorded, and the report says how many there were.
    """
    from phoropter.project import api

    with listening(quiet=speech.quiet) as listener:
        result = api.test(project, run=run, listener=listener)
    show(result, speech, render.test)
