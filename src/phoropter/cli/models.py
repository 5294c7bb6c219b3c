"""`phoropter models`."""

from __future__ import annotations

from typing import Annotated

import typer

from phoropter.cli import render
from phoropter.cli.options import Speech
from phoropter.cli.output import show

Task = Annotated[
    str | None, typer.Option("--task", metavar="TASK", help="Only those that fit this task.")
]


def models(*, task: Task = None, speech: Speech) -> None:
    """The models known by name."""
    from phoropter.project import api

    show(api.models(task), speech, render.models)
