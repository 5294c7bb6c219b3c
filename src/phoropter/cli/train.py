"""`phoropter train`."""

from __future__ import annotations

from typing import Annotated

import typer

from phoropter.cli import render
from phoropter.cli.console import listening
from phoropter.cli.duration import seconds
from phoropter.cli.options import Budget, Crew, Data, Plan, Source, Speech
from phoropter.cli.output import show

Keep = Annotated[
    int,
    typer.Option(
        "--keep",
        metavar="N",
        min=1,
        help="Leave the weights of the N passes with the lowest validation loss.",
    ),
]


def train(
    data: Data,
    *,
    source: Source,
    plan: Plan,
    budget: Budget = None,
    crew: Crew,
    keep: Keep = 1,
    speech: Speech,
) -> None:
    """One run of one recipe, measured on the validation part."""
    budget_s = None if budget is None else seconds(budget)
    from phoropter.core.settings import parse_settings
    from phoropter.project import api

    with listening(quiet=speech.quiet) as listener:
        result = crew.of(api.train)(
            data,
            project=source.project,
            target=source.target,
            task=source.task,
            layout=source.layout,
            recipe=plan.recipe,
            settings=parse_settings(plan.settings or ()),
            budget_s=budget_s,
            seed=source.seed,
            track=crew.track,
            keep=keep,
            lang=speech.lang,
            listener=listener,
        )
    show(result, speech, render.run)
