"""Images in folders that are no classes: the table that the readers of such sets share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from phoropter.core.records import Part, Rejected
from phoropter.data.images import files_below, is_note, refusal


def listed_images(root: Path, folder: Path) -> tuple[list[str], list[Rejected]]:
    """The images anywhere below a folder, relative to the root, and what else lies there."""
    found, refused = [], []
    for shown, problem in _asked(root, folder):
        if problem is None:
            found.append(shown)
        elif problem.reason and not is_note(Path(shown).name):
            refused.append(problem)
    return found, refused


def image_table(
    rows: Sequence[tuple[str, Part | None, str | None]],
    targets: Mapping[str, Sequence[str]] | None = None,
) -> pl.DataFrame:
    """A data set's table of (path, part, the data's word for the part), in the order of paths.

    Args:
        rows: One for each image.
        targets: Further columns, in the order of `rows`.
    """
    paths = [path for path, *_ in rows]
    columns = {
        "id": paths,
        "path": paths,
        **(targets or {}),
        "group": [None] * len(rows),
        "part": [part for _, part, _ in rows],
        "part_name": [word for *_, word in rows],
    }
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)).sort("id")


def _asked(root: Path, folder: Path) -> Iterator[tuple[str, Rejected | None]]:
    for path in files_below(folder):
        shown = path.relative_to(root).as_posix()
        yield shown, refusal(path, shown)
