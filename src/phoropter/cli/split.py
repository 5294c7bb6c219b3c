"""`phoropter split`."""

from __future__ import annotations

from phoropter.cli import render
from phoropter.cli.console import listening
from phoropter.cli.options import Cut, Data, Source, Speech
from phoropter.cli.output import show


def split(data: Data, *, source: Source, cut: Cut, speech: Speech) -> None:
    """Make or show the training, validation and sealed test parts."""
    from phoropter.project import api

    count = cut.folds
    with listening(quiet=speech.quiet) as listener:
        result = api.split(
            data,
            project=source.project,
            target=source.target,
            task=source.task,
            layout=source.layout,
            seed=source.seed,
            groups=cut.groups,
            ratios=cut.ratios,
            time=cut.time,
            folds=int(count) if count is not None and count.isdecimal() else count,
            repeats=cut.repeats,
            listener=listener,
        )
    show(result, speech, render.split)
