"""`phoropter run`."""

from __future__ import annotations

from typing import Annotated

import typer

from phoropter.cli import render
from phoropter.cli.console import listening
from phoropter.cli.duration import seconds
from phoropter.cli.options import Budget, Crew, Data, Plan, Source, Speech
from phoropter.cli.output import show

Metric = Annotated[
    str | None,
    typer.Option(
        "--metric",
        metavar="NAME",
        help="The primary metric (default: by the data), or a CSV of what mistakes cost.",
    ),
]


def run(
    data: Data,
    *,
    source: Source,
    plan: Plan,
    metric: Metric = None,
    budget: Budget = "10m",
    crew: Crew,
    speech: Speech,
) -> None:
    """From data to a tested model with a report, within a budget.

    Look, split, baseline, then diagnose, change one thing and verify until the budget is spent;
    the sealed test part is opened once, at the end.
    """
    from phoropter.core.settings import parse_settings
    from phoropter.project import api

    with listening(quiet=speech.quiet) as listener:
        result = crew.of(api.run)(
            data,
            project=source.project,
            target=source.target,
            task=source.task,
            layout=source.layout,
            metric=metric,
            recipe=plan.recipe,
            settings=parse_settings(plan.settings or ()),
            budget_s=seconds(budget or "10m"),
            seed=source.seed,
            track=crew.track,
            lang=speech.lang,
            listener=listener,
        )
    show(result, speech, render.project)
