"""`phoropter export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phoropter.cli import render
from phoropter.cli.options import Epoch, ProjectOption, Run, Speech
from phoropter.cli.output import show

To = Annotated[
    Path | None,
    typer.Option("--to", metavar="DIR", help="Where to (default: the project's model/ folder)."),
]


def export(
    run: Run,
    *,
    project: ProjectOption = None,
    to: To = None,
    epoch: Epoch = None,
    speech: Speech,
) -> None:
    """Write a run as a bundle, checked on real samples."""
    from phoropter.project import api

    show(api.export(run, project=project, to=to, epoch=epoch), speech, render.export)
