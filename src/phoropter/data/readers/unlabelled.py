"""Images of which nothing is said: a folder, in part folders or not."""

from __future__ import annotations

from pathlib import Path

from phoropter.core.errors import UsageError
from phoropter.core.records import PARTS, Dataset
from phoropter.data.image_sets import image_table, listed_images
from phoropter.data.images import contains_image
from phoropter.data.parts import part_of


def detects(path: Path) -> float:
    """How sure this reader is, in [0, 1]; never surer than one that finds labels."""
    return 0.05 if path.is_dir() and contains_image(path, deep=True) else 0.0


def read(path: Path, *, target: str | None) -> Dataset:
    """The images anywhere below a folder.

    Args:
        path: The folder.
        target: None: there is nothing to predict.

    Raises:
        UsageError: If a target is asked for.
    """
    if target is not None:
        raise UsageError(
            f"There is no column {target!r}: nothing says what these images show.",
            hint="Put them into one folder a class, or give a CSV file with path and label.",
        )
    found, refused = listed_images(path, path)
    rows = []
    for shown in found:
        first, _, rest = shown.partition("/")
        part = part_of(first) if rest else None
        rows.append((shown, part, first if part else None))
    table = image_table(rows)
    parts = [part for part in PARTS if part in table["part"].unique()]
    given = f", given parts: {', '.join(parts)}" if parts else ""
    return Dataset(
        name=path.name,
        root=path,
        layout="unlabelled",
        description=f"images without labels, {table.height} images{given}",
        task="unlabelled",
        targets=(),
        table=table,
        rejected=tuple(refused),
    )
