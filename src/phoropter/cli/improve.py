"""`phoropter improve`."""

from __future__ import annotations

from phoropter.cli import render
from phoropter.cli.console import listening
from phoropter.cli.duration import seconds
from phoropter.cli.options import Budget, Crew, ProjectArgument, Settings, Speech, Word
from phoropter.cli.output import show


def improve(
    project: ProjectArgument,
    *,
    settings: Settings = None,
    word: Word,
    budget: Budget = "10m",
    crew: Crew,
    speech: Speech,
) -> None:
    """Go on with a project where it stopped.

    A change given with --set is tried first, as your own idea.
    """
    budget_s = seconds(budget or "10m")
    from phoropter.core.settings import parse_settings
    from phoropter.project import api

    with listening(quiet=speech.quiet) as listener:
        result = crew.of(api.improve)(
            project,
            settings=parse_settings(settings or ()),
            accept=word.accept,
            refuse=word.refuse,
            pin=word.pin or (),
            unpin=word.unpin or (),
            budget_s=budget_s,
            track=crew.track,
            lang=speech.lang,
            listener=listener,
        )
    show(result, speech, render.project)
