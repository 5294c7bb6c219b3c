"""`phoropter lr-range`."""

from __future__ import annotations

from typing import Annotated

import typer

from phoropter.cli import render
from phoropter.cli.console import listening
from phoropter.cli.options import Data, Plan, Source, Speech
from phoropter.cli.output import show


def lr_range(
    data: Data,
    *,
    source: Source,
    plan: Plan,
    steps: Annotated[
        int, typer.Option("--steps", metavar="N", min=10, help="Steps from 1e-6 to 10.")
    ] = 150,
    speech: Speech,
) -> None:
    """Which learning rate to try: trains a copy at a rising rate and shows how the loss answers."""
    from phoropter.core.settings import parse_settings
    from phoropter.project import api

    with listening(quiet=speech.quiet) as listener:
        result = api.lr_range(
            data,
            project=source.project,
            target=source.target,
            task=source.task,
            layout=source.layout,
            recipe=plan.recipe,
            settings=parse_settings(plan.settings or ()),
            seed=source.seed,
            steps=steps,
            lang=speech.lang,
            listener=listener,
        )
    show(result, speech, render.lr_range)
