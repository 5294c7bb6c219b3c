"""`phoropter compare`."""

from __future__ import annotations

from phoropter.cli import render
from phoropter.cli.options import ProjectOption, Run, Speech
from phoropter.cli.output import show


def compare(a: Run, b: Run, *, project: ProjectOption = None, speech: Speech) -> None:
    """Whether run B is better than run A, on the same samples.

    A paired test on the validation part; each comparison counts as one look at it.
    """
    from phoropter.project import api

    show(api.compare(a, b, project=project), speech, render.comparison)
