"""The figures of the page of `look`: what is distributed how, part by part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.core.records import PARTS, Split
from phoropter.look.object_profile import ObjectProfile
from phoropter.look.table_profile import ColumnProfile, TableProfile
from phoropter.look.text_profile import TextProfile
from phoropter.report.figure import Figure, Table
from phoropter.report.figures.counts import class_counts, distribution
from phoropter.report.figures.heat import Square, heat_map
from phoropter.report.look_content import LookContent
from phoropter.report.numbers import number
from phoropter.report.sentences import Sentences

Numbers = NDArray[np.float64]

_PROPERTIES = ("brightness", "contrast", "sharpness", "entropy", "height", "width", "aspect")
_MOST_COLUMNS = 40


def property_figures(content: LookContent, say: Sentences) -> list[Figure]:
    """How light, texture and sizes of pictures are distributed."""
    table = content.dataset.table
    if {"height", "width"} <= set(table.columns):
        table = table.with_columns((pl.col("width") / pl.col("height")).alias("aspect"))
    return [
        figure
        for name in _PROPERTIES
        if name in table.columns
        for figure in _distributed(
            say(f"property-{name}"), table.select("id", name), content.split, say
        )
    ]


def object_figures(profile: ObjectProfile, split: Split, say: Sentences) -> list[Figure]:
    """Sizes and shapes of objects, how many there are in an image, and which classes meet."""
    figures = []
    if profile.pixels.height:
        title = say("pixels-by-class")
        figures.append(class_counts(_pixels_by_part(profile, split), say=say, title=title))
    per_image = say("classes-per-image") if profile.pixels.height else say("objects-per-image")
    figures += _distributed(per_image, profile.per_image, split, say)
    for name in ("side", "aspect"):
        if name in profile.objects.columns:
            title, table = say(f"object-{name}"), profile.objects.select("id", name)
            figures += _distributed(title, table, split, say)
    if len(profile.classes) > 1:
        figures.append(_together(profile, say))
    return figures


def text_figures(
    profile: TextProfile, ids: pl.Series, split: Split, say: Sentences
) -> list[Figure]:
    """Lengths of texts in characters and words."""
    columns = {"text-characters": profile.characters, "text-words": profile.words}
    return [
        figure
        for key, values in columns.items()
        for figure in _distributed(say(key), pl.DataFrame({"id": ids, key: values}), split, say)
    ]


def column_figures(
    profile: TableProfile, ids: pl.Series, split: Split, say: Sentences
) -> list[Figure]:
    """The distribution of each of the first columns of numbers and categories."""
    shown = [
        one for one in profile.columns if one.numbers is not None or one.categories is not None
    ]
    return [
        figure for column in shown[:_MOST_COLUMNS] for figure in _of_column(column, ids, split, say)
    ]


def correlation_figure(profile: TableProfile, say: Sentences) -> Figure | None:
    """Which columns of numbers vary together; None where there are fewer than two."""
    names = profile.correlated
    if not names:
        return None
    values = profile.correlation
    squares = [
        [
            Square(
                shade=float(abs(values[i, j])),
                css="hit" if values[i, j] >= 0 else "miss",
                text=f"{values[i, j]:.1f}".replace("-", "−"),
                said=f"{first}, {second}: {number(round(float(values[i, j]), 3))}",
            )
            for j, second in enumerate(names)
        ]
        for i, first in enumerate(names)
    ]
    title = say("correlation")
    rows = [
        [name, *(number(round(value, 3)) for value in values[i].tolist())]
        for i, name in enumerate(names)
    ]
    return Figure(
        title=title,
        drawing=heat_map(names, squares, label=title),
        numbers=Table(["", *names], rows),
        note=say("correlation-note"),
    )


def _of_column(column: ColumnProfile, ids: pl.Series, split: Split, say: Sentences) -> list[Figure]:
    if column.numbers is not None:
        table = pl.DataFrame({"id": ids, "value": column.numbers})
        return _distributed(column.name, table, split, say)
    categories = pl.DataFrame({"id": ids, "value": column.categories}).drop_nulls()
    counts: dict[str, dict[str, int]] = {}
    joined = categories.join(split.table.select("id", "part"), on="id")
    for name, part, count in joined.group_by("value", "part").len().sort("value").iter_rows():
        counts.setdefault(str(name), {})[str(part)] = int(count)
    return [class_counts(counts, say=say, title=column.name)] if counts else []


def _distributed(title: str, table: pl.DataFrame, split: Split, say: Sentences) -> list[Figure]:
    """A histogram by part of the second column of a table, or none where all values are alike."""
    name = table.columns[1]
    joined = table.join(split.table.select("id", assigned="part"), on="id", how="inner")
    values: Mapping[str, Numbers] = {
        part: joined.filter(pl.col("assigned") == part)[name].to_numpy().astype(np.float64)
        for part in PARTS
    }
    everything = np.concatenate(list(values.values()))
    everything = everything[np.isfinite(everything)]
    if not len(everything) or everything.min() == everything.max():
        return []
    return [replace(distribution(title, values, say=say), title=title)]


def _pixels_by_part(profile: ObjectProfile, split: Split) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    joined = profile.pixels.join(split.table.select("id", "part"), on="id")
    sums = joined.group_by("label", "part").agg(pl.col("pixels").sum()).sort("label", "part")
    for name, part, pixels in sums.iter_rows():
        counts.setdefault(str(name), {})[str(part)] = int(pixels)
    return counts


def _together(profile: ObjectProfile, say: Sentences) -> Figure:
    """Of the images that hold a class (rows), the share that hold another one as well."""
    counts = profile.together
    alone = np.maximum(np.diag(counts), 1)[:, None]
    names = profile.classes
    squares = [
        [
            Square(
                shade=float(0.94 * counts[i, j] / alone[i, 0]),
                css="hit",
                text=number(int(counts[i, j])) if counts[i, j] else "",
                said=f"{first} + {second}: {number(int(counts[i, j]))}",
            )
            for j, second in enumerate(names)
        ]
        for i, first in enumerate(names)
    ]
    title = say("classes-together")
    rows = [[name, *map(number, counts[i].tolist())] for i, name in enumerate(names)]
    return Figure(
        title=title,
        drawing=heat_map(names, squares, label=title),
        numbers=Table(["", *names], rows),
        note=say("classes-together-note"),
    )
