"""`phoropter evaluate`."""

from __future__ import annotations

from phoropter.cli import render
from phoropter.cli.options import Epoch, ProjectOption, Run, Speech
from phoropter.cli.output import show


def evaluate(
    run: Run, *, project: ProjectOption = None, epoch: Epoch = None, speech: Speech
) -> None:
    """The metrics of a run on its validation part."""
    from phoropter.project import api

    show(api.evaluate(run, project=project, epoch=epoch), speech, render.run)
