"""The page of `augment`: images beside what training makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from phoropter.core.files import write_text
from phoropter.core.recipe import Recipe, flat
from phoropter.report.environment import environment
from phoropter.report.pictures import thumbnail
from phoropter.report.sentences import Sentences


@dataclass(frozen=True, slots=True, eq=False)
class SampleViews:
    """One image as the network gets it.

    Args:
        id: The sample's identifier.
        plain: Unvaried, as in validation and prediction, uint8 (c, h, w).
        drawn: The same in training, one for each epoch.
    """

    id: str
    plain: NDArray[np.uint8]
    drawn: tuple[NDArray[np.uint8], ...]


def write_views(
    path: Path,
    name: str,
    samples: Sequence[SampleViews],
    recipe: Recipe,
    *,
    seen: bool,
    lang: str = "en",
) -> Path:
    """Writes the page and returns its path.

    Args:
        path: The HTML file.
        name: Of the data.
        samples: What to show.
        recipe: Whose preprocessing and variation it is.
        seen: Whether the recipe's model sees the variation; frozen and classic ones do not.
        lang: "en" or "ko".

    Raises:
        UsageError: If there is no such language.
        StorageError: If the disk is full or the folder cannot be written.
    """
    say = Sentences(lang)
    pictures = [
        (item.id, [thumbnail(view) for view in (item.plain, *item.drawn)]) for item in samples
    ]
    settings = {key: value for key, value in flat(recipe).items() if key.startswith("data.")}
    template = environment().get_template("views.html")
    html = template.render(
        name=name,
        pictures=pictures,
        settings=settings,
        seen=seen,
        say=say,
        draws=len(samples[0].drawn),
    )
    write_text(path, html)
    return path
