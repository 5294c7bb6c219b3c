"""`phoropter predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phoropter.cli import render
from phoropter.cli.console import listening
from phoropter.cli.options import Speech
from phoropter.cli.output import show

Bundle = Annotated[
    Path, typer.Argument(metavar="BUNDLE", help="A bundle's folder (NAME.phoropter/model).")
]
Files = Annotated[
    list[str], typer.Argument(metavar="FILES...", help="Images, folders of images, or patterns.")
]


def predict(bundle: Bundle, files: Files, *, speech: Speech) -> None:
    """What a bundle's model says of images: one row a file."""
    from phoropter.project import api

    with listening(quiet=speech.quiet) as listener:
        result = api.predict(bundle, files, listener=listener)
    show(result, speech, render.predictions)
