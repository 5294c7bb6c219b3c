"""Data sets that the pages of docs/findings show: what `phoropter look` says of them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from finding_pictures import Pictures, pictures_figure
from finding_sets import make_data
from finding_shown import Exhibition, Shown
from PIL import Image

import phoropter
from phoropter.core.records import Finding
from phoropter.report.look_content import exhibits

MOST = 6
"""Pictures that a side shows, copies counted once."""

MOST_CLASSES = 10
"""Where a picture of each class is shown."""


DRAWN_PX = 48
QUALITY = 80


@dataclass(frozen=True)
class Sets:
    """A healthy and a sick set.

    Args:
        about: What is wrong with the second, one sentence.
        healthy: Name in `finding_sets.py`.
        sick: Likewise.
        each: Whether a picture of each class is shown, not what the finding names.
        drawn: Whether pictures are shown at all.
    """

    about: str
    healthy: str
    sick: str
    each: bool = False
    drawn: bool = True


SETS: Mapping[str, Sets] = {
    "unreadable-files": Sets(
        "Thirty files end in the middle.", "plain-digits", "damaged-digits", drawn=False
    ),
    "exact-duplicates": Sets("Forty files are there twice.", "plain-digits", "copied-digits"),
    "near-duplicates": Sets(
        "A dozen squares are there again, paler and cut.",
        "photographs",
        "nearly-copied-photographs",
    ),
    "conflicting-duplicates": Sets(
        "Twenty files are there twice, as two digits.", "plain-digits", "contradicted-digits"
    ),
    "split-leak": Sets(
        "Fifty validation pictures are training pictures as well.",
        "parted-digits",
        "leaking-digits",
    ),
    "undeclared-groups": Sets(
        "The files are numbered in the order of their writers, of whom nothing is said.",
        "plain-digits",
        "numbered-digits",
        drawn=False,
    ),
    "metadata-shortcut": Sets(
        "The pictures of sevens have another size.", "plain-digits", "enlarged-digits", each=True
    ),
    "rare-class": Sets("There are six nines.", "plain-digits", "rare-digits", drawn=False),
    "label-errors": Sets(
        "A fifth of the digits carry the label of another digit.",
        "plain-digits",
        "mislabelled-digits",
    ),
    "outliers": Sets("A picture of noise and a blank one.", "photographs", "odd-photographs"),
    "covariate-shift": Sets(
        "The validation part was photographed with less light.",
        "parted-digits",
        "shifted-digits",
    ),
    "mixed-sizes": Sets(
        "Every fourth picture is six times as large.",
        "photographs",
        "photographs-of-two-sizes",
    ),
    "low-resolution": Sets(
        "Squares of 8 pixels.", "large-photographs", "tiny-photographs", each=True
    ),
    "multicollinearity": Sets(
        "Alcohol is there in per cent and in grams a litre.",
        "wines",
        "wines-in-two-units",
        drawn=False,
    ),
}


def exhibition(code: str) -> Exhibition:
    """How the sets of a code are shown."""
    sets = SETS[code]
    about = f"{sets.about} `python tools/finding_sets.py {sets.sick} .` makes the second set, "
    about += f"`{sets.healthy}` the first one."
    caption = "A few pictures of both, enlarged"
    caption += "." if sets.each else ": any of the healthy one, of the other those that are named."
    return Exhibition(
        "set",
        about,
        lambda side, place: _look(code, sets, side, place),
        strict=False,
        draw=pictures_figure if sets.drawn else None,
        caption=caption,
    )


def _look(code: str, sets: Sets, side: int, place: Path) -> Shown:
    name = (sets.healthy, sets.sick)[side]
    data = Path(make_data(name, place))
    seen = phoropter.look(data, project=place / "project")
    named = next((item for item in seen.findings if item.code == code), None)
    numbers = {
        "samples": f"{seen.samples:,}",
        "files that are no sample": str(len(seen.rejected)),
        "classes": ", ".join(f"{name}: {count}" for name, count in seen.classes.items()),
    }
    pictures = _pictures(data, None if sets.each else named) if sets.drawn else []
    return Shown(f"phoropter look {name}", seen.findings, numbers, pictures)


def _pictures(data: Path, named: Finding | None) -> Pictures:
    """What the finding names, or else one picture of each class."""
    groups = [[item.id for item in group] for group in exhibits(named)] if named else []
    if not groups:
        files = sorted(data.rglob("*.png"))
        first = {path.parent: path for path in reversed(files)}
        groups = [[str(path.relative_to(data))] for path in sorted(first.values())]
        if len(groups) < MOST:
            groups = [[str(path.relative_to(data))] for path in files[:: len(files) // MOST]]
    most = MOST if named else MOST_CLASSES
    return [[_picture(data, name) for name in group] for group in groups[:most]]


def _picture(data: Path, name: str) -> tuple[str, bytes, tuple[int, int]]:
    path = data / name
    with Image.open(path) as image:
        small = image.convert("RGB")
        small.thumbnail((DRAWN_PX, DRAWN_PX))
        file = io.BytesIO()
        small.save(file, "WEBP", quality=QUALITY, lossless=max(image.size) < DRAWN_PX / 2)
        return str(path.parent.relative_to(data)), file.getvalue(), image.size
