"""`phoropter compare`."""

from __future__ import annotations

from typing import Annotated

import typer

from phoropter.cli import render
from phoropter.cli.console import listening
from phoropter.cli.options import ProjectOption, Run, Speech
from phoropter.cli.output import show

Over = Annotated[
    str,
    typer.Option(
        "--over",
        metavar="samples|seeds[=N]|folds=K",
        help="Compare these two models, or their recipes: each trained again with other seeds "
        "(as many as their spread calls for, or N), or on K folds.",
    ),
]
Rope = Annotated[
    float | None,
    typer.Option(
        "--rope",
        metavar="DIFFERENCE",
        help="Say whether the two are as good as equal: differences below this do not matter.",
    ),
]


def compare(
    a: Run,
    b: Run,
    *,
    project: ProjectOption = None,
    over: Over = "samples",
    rope: Rope = None,
    speech: Speech,
) -> None:
    """Whether run B is better than run A, on the same samples.

    A paired test on the validation part; each comparison counts as one look at it.
    """
    from phoropter.project import api

    with listening(quiet=speech.quiet or over == "samples") as listener:
        result = api.compare(a, b, project=project, over=over, rope=rope, listener=listener)
    show(result, speech, render.comparison)
