"""`phoropter replay`."""

from __future__ import annotations

import typer

from phoropter.cli import render_record
from phoropter.cli.console import listening
from phoropter.cli.options import ProjectOption, Run, Speech
from phoropter.cli.output import show

DIFFERENT = 4  # the exit code: done, and the answer is no


def replay(run: Run, *, project: ProjectOption = None, speech: Speech) -> None:
    """Make a run again from its record; exit code 4 unless every number is the same to the bit."""
    from phoropter.project import api

    with listening(quiet=speech.quiet) as listener:
        result = api.replay(run, project=project, listener=listener)
    show(result, speech, render_record.replay)
    if not result.identical:
        raise typer.Exit(DIFFERENT)
