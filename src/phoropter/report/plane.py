"""The points of a map in per cent of its sides, and what each one says and shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phoropter.data.moments import natural_order
from phoropter.report.look_content import LookContent
from phoropter.report.numbers import number
from phoropter.report.sentences import Sentences

COLOURS = 10
"""Groups with a colour of their own; the smaller ones share one."""

_VALUE_BINS = 5
_BEGINNING = 90


@dataclass(frozen=True, slots=True)
class MapPoint:
    """One sample on the map.

    Args:
        x: From the left, per cent.
        y: From the top, per cent.
        colour: Number of its colour.
        title: What it is.
        column: Of its picture on the sheet; -1 where it has none.
        row: Likewise.
    """

    x: float
    y: float
    colour: int
    title: str
    column: int
    row: int


@dataclass(frozen=True, slots=True)
class Plane:
    """A map: its points and what their colours mean."""

    title: str
    points: tuple[MapPoint, ...]
    legend: tuple[tuple[int, str], ...]


def planes(content: LookContent, say: Sentences) -> tuple[Plane, ...]:
    """Neighbourhoods coloured by target, principal components coloured by cluster."""
    found = content.map
    if found is None:
        return ()
    names = _targets(content, found.rows, say)
    clusters = [say("cluster", number=int(one) + 1) for one in found.clusters.numbers]
    explained = f"{sum(found.explained):.0%}"
    return (
        _plane(content, (found.rows, found.tsne), names, say("map-tsne")),
        _plane(content, (found.rows, found.pca), clusters, say("map-pca", share=explained)),
    )


def _plane(
    content: LookContent,
    located: tuple[NDArray[np.int64], NDArray[np.float64]],
    groups: Sequence[str],
    title: str,
) -> Plane:
    rows, places = located
    colours = _colours(groups)
    ids = content.dataset.table["id"].gather(rows).to_list()
    low, high = places.min(axis=0), places.max(axis=0)
    spots = 2.0 + 96.0 * (places - low) / np.where(high > low, high - low, 1.0)
    sheet = content.sheet
    points = []
    for identifier, (x, y), group in zip(ids, spots.tolist(), groups, strict=True):
        place = sheet.places.get(str(identifier), -1) if sheet else -1
        row, column = divmod(place, sheet.columns) if sheet and place >= 0 else (-1, -1)
        points.append(
            MapPoint(
                x=x,
                y=100.0 - y,
                colour=colours[group],
                title=_title(content, str(identifier), group),
                column=column,
                row=row,
            )
        )
    legend = [(colour, name) for name, colour in colours.items() if colour < COLOURS]
    return Plane(title, tuple(points), tuple(legend))


def _title(content: LookContent, identifier: str, group: str) -> str:
    """What a point says under the pointer; of texts how they begin, unless they are sealed."""
    cells = content.excerpts.get(identifier, {})
    if content.dataset.modality != "text" or not cells:
        return f"{identifier} · {group}"
    begins = " ".join(cells[name] for name in content.dataset.inputs if name in cells)
    return f"{begins[:_BEGINNING]} · {group} · {identifier}"


def _colours(groups: Sequence[str]) -> dict[str, int]:
    """A colour for each group, in the order of names and numbers; the largest have their own."""
    names, counts = np.unique(np.asarray(groups, dtype=np.str_), return_counts=True)
    order = natural_order(names.tolist())
    names, counts = names[order], counts[order]
    largest = set(names[np.argsort(-counts, kind="stable")[:COLOURS]].tolist())
    named = {name: place for place, name in enumerate(n for n in names.tolist() if n in largest)}
    return named | {name: COLOURS for name in names.tolist() if name not in largest}


def _targets(content: LookContent, rows: NDArray[np.int64], say: Sentences) -> list[str]:
    """Class of each point, or the fifth of the values that it lies in, or its part."""
    dataset = content.dataset
    if dataset.task == "classification":
        labels = dataset.table[dataset.targets[0]].gather(rows).to_list()
        return [str(label) for label in labels]
    if dataset.task == "regression":
        values = dataset.table[dataset.targets[0]].gather(rows).to_numpy().astype(np.float64)
        edges = np.unique(np.nanquantile(values, np.linspace(0, 1, _VALUE_BINS + 1)))
        bins = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, max(len(edges) - 2, 0))
        ends = [*edges.tolist(), edges[-1]]
        return [f"{b + 1}. {number(ends[b])} … {number(ends[b + 1])}" for b in bins.tolist()]
    parts = dict(zip(content.split.table["id"], content.split.table["part"], strict=True))
    ids = dataset.table["id"].gather(rows).to_list()
    return [say(str(parts[one])) if one in parts else "–" for one in ids]
