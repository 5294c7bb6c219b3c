"""`phoropter look`."""

from __future__ import annotations

from phoropter.cli import render
from phoropter.cli.console import listening
from phoropter.cli.options import Data, Source, Speech
from phoropter.cli.output import show


def look(data: Data, *, source: Source, speech: Speech) -> None:
    """What the data are and what is wrong with them."""
    from phoropter.project import api

    with listening(quiet=speech.quiet) as listener:
        result = api.look(
            data,
            project=source.project,
            target=source.target,
            task=source.task,
            layout=source.layout,
            seed=source.seed,
            lang=speech.lang,
            listener=listener,
        )
    show(result, speech, render.look)
