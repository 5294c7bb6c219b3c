"""`phoropter augment`."""

from __future__ import annotations

from typing import Annotated

import typer

from phoropter.cli import render
from phoropter.cli.console import listening
from phoropter.cli.options import Data, Plan, Source, Speech
from phoropter.cli.output import show


def augment(
    data: Data,
    *,
    source: Source,
    plan: Plan,
    samples: Annotated[
        int, typer.Option("--samples", metavar="N", min=1, help="Images to show.")
    ] = 8,
    draws: Annotated[
        int, typer.Option("--draws", metavar="N", min=1, help="Epochs to show of each.")
    ] = 7,
    speech: Speech,
) -> None:
    """Pictures of what the network sees, epoch by epoch: preprocessing and variation."""
    from phoropter.core.settings import parse_settings
    from phoropter.project import api

    with listening(quiet=speech.quiet) as listener:
        result = api.augment(
            data,
            project=source.project,
            target=source.target,
            task=source.task,
            layout=source.layout,
            recipe=plan.recipe,
            settings=parse_settings(plan.settings or ()),
            seed=source.seed,
            samples=samples,
            draws=draws,
            lang=speech.lang,
            listener=listener,
        )
    show(result, speech, render.augment)
