"""`phoropter report`."""

from __future__ import annotations

from phoropter.cli import render
from phoropter.cli.console import listening
from phoropter.cli.options import ProjectArgument, Speech
from phoropter.cli.output import show


def report(project: ProjectArgument, *, speech: Speech) -> None:
    """Write the project's page anew, as one HTML file."""
    from phoropter.project import api

    with listening(quiet=speech.quiet) as listener:
        result = api.report(project, lang=speech.lang, listener=listener)
    show(result, speech, render.report)
