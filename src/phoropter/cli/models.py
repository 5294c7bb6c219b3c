"""`phoropter models`."""

from __future__ import annotations

from typing import Annotated

import typer

from phoropter.cli import render
from phoropter.cli.console import listening
from phoropter.cli.options import Speech
from phoropter.cli.output import show

Task = Annotated[
    str | None, typer.Option("--task", metavar="TASK", help="Only those that fit this task.")
]


Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]...", help="Only these, of the list or any that timm knows."),
]
Measure = Annotated[
    bool,
    typer.Option(
        "--measure", help="Time answers and training steps on this machine, and keep the result."
    ),
]


def models(
    names: Names = None, *, task: Task = None, measure: Measure = False, speech: Speech
) -> None:
    """The models known by name, with their cost."""
    from phoropter.project import api

    with listening(quiet=speech.quiet) as listener:
        cards = api.models(task, names=names or (), measure=measure, listener=listener)
    show(cards, speech, render.models)
