"""`phoropter split`."""

from __future__ import annotations

from typing import Annotated

import typer

from phoropter.cli import render
from phoropter.cli.console import listening
from phoropter.cli.options import Data, Source, Speech
from phoropter.cli.output import show

Groups = Annotated[
    str | None,
    typer.Option(
        "--groups",
        metavar="found|none|COLUMN",
        help="What stays together besides declared groups and copies (default: found).",
    ),
]


def split(data: Data, *, source: Source, groups: Groups = None, speech: Speech) -> None:
    """Make or show the training, validation and sealed test parts."""
    from phoropter.project import api

    with listening(quiet=speech.quiet) as listener:
        result = api.split(
            data,
            project=source.project,
            target=source.target,
            task=source.task,
            layout=source.layout,
            seed=source.seed,
            groups=groups,
            listener=listener,
        )
    show(result, speech, render.split)
