"""`phoropter evaluate`."""

from __future__ import annotations

from typing import Annotated

import typer

from phoropter.cli import render
from phoropter.cli.options import Epoch, ProjectOption, Run, Speech
from phoropter.cli.output import show

By = Annotated[
    list[str] | None,
    typer.Option(
        "--by",
        metavar="PROPERTY",
        help="Slice the results by class, size, brightness, contrast, sharpness, format, mode, "
        "a column of the table, or all of them (all); may be repeated.",
    ),
]


def evaluate(
    run: Run,
    *,
    project: ProjectOption = None,
    epoch: Epoch = None,
    by: By = None,
    speech: Speech,
) -> None:
    """The metrics of a run on its validation part."""
    from phoropter.project import api

    show(api.evaluate(run, project=project, epoch=epoch, by=by or ()), speech, render.run)
