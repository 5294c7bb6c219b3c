"""From what `look` has seen to the content of its page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.core.events import Progress
from phoropter.core.records import Dataset, Finding, Split
from phoropter.data.decode import UnreadableImageError, decode, decode_values
from phoropter.data.parallel import ordered
from phoropter.look.evidence import MOST_TEXTS, LookEvidence
from phoropter.look.exemplars import exemplars
from phoropter.look.map import drawn, map_of
from phoropter.look.object_profile import class_of_value, object_profile
from phoropter.look.table_profile import table_profile
from phoropter.look.text_profile import text_profile
from phoropter.project.opened import Project
from phoropter.report.excerpts import excerpts_of
from phoropter.report.look_content import ClassGallery, LookContent, wanted
from phoropter.report.look_page import write_look_page
from phoropter.report.overlay import class_colours
from phoropter.report.small_pictures import (
    ANNOTATED_PX,
    SIDE_PX,
    cell,
    mean_of,
    sheet_of,
    squashed,
    tinted,
    webp,
)

_EACH = 5
_MOST_CLASSES = 24
_STAGE = "drawing the page"


@dataclass(frozen=True, slots=True, eq=False)
class _Small:
    """What is kept of one picture: for the sheet, for the mean, and, if wanted, to be shown."""

    cell: NDArray[np.uint8]
    squashed: NDArray[np.uint8]
    large: bytes | None


def write_page_of(
    project: Project,
    evidence: LookEvidence,
    split: Split,
    findings: tuple[Finding, ...],
    *,
    lang: str = "en",
) -> Path:
    """Writes the page of `look` and returns its path."""
    dataset = project.dataset
    project.listener(Progress(_STAGE, 0, 2, "map"))
    unsealed = evidence.parts != "test"  # what is sealed stays unseen
    content = LookContent(
        name=dataset.name,
        dataset=dataset,
        split=split,
        findings=findings,
        features=evidence.feature_source,
        galleries=_galleries(evidence, unsealed),
        map=map_of(evidence),
        placed=evidence.objects,
        objects=object_profile(evidence),
        texts=text_profile(evidence) if dataset.modality == "text" else None,
        table=table_profile(evidence) if dataset.modality == "table" else None,
    )
    project.listener(Progress(_STAGE, 1, 2, "samples"))
    on_map = content.map.rows if content.map else np.zeros(0, dtype=np.int64)
    points = evidence.ids[on_map[unsealed[on_map]]].tolist()
    if dataset.modality == "image":
        content = _with_pictures(project, evidence, content, points=points, among=unsealed)
    else:
        content = replace(content, excerpts=excerpts_of(dataset, {*wanted(content), *points}))
    project.listener(Progress(_STAGE, 2, 2))
    return write_look_page(content, project.folder.look_page, lang=lang)


def _with_pictures(
    project: Project,
    evidence: LookEvidence,
    content: LookContent,
    *,
    points: list[str],
    among: NDArray[np.bool_],
) -> LookContent:
    """The content with all pictures of it."""
    small = dict(_decoded(project, set(wanted(content)), points))
    return replace(
        content,
        pictures={name: one.large for name, one in small.items() if one.large is not None},
        sheet=sheet_of({name: small[name].cell for name in points if name in small}),
        means={} if content.objects else _means(evidence, small, among, content.galleries),
    )


def _galleries(evidence: LookEvidence, among: NDArray[np.bool_]) -> dict[str, ClassGallery]:
    """Galleries of the first classes; samples evenly spread over the order of the files."""
    labels = evidence.labels
    found: dict[str, ClassGallery] = {}
    compared = among
    if evidence.dataset.modality != "image":
        compared = among & np.isin(np.arange(len(among)), drawn(evidence, MOST_TEXTS))
    for name, one in list(exemplars(evidence, compared, count=_EACH).items())[:_MOST_CLASSES]:
        rows = np.flatnonzero(among if labels is None else among & (labels == name))
        found[name] = ClassGallery(
            samples=_spread(evidence.ids[rows]),
            typical=tuple(evidence.ids[one.typical].tolist()),
            unusual=tuple(evidence.ids[one.unusual].tolist()),
        )
    return found | _galleries_of_objects(evidence, among)


def _galleries_of_objects(
    evidence: LookEvidence, among: NDArray[np.bool_]
) -> dict[str, ClassGallery]:
    """Images that hold an object of each of the first classes, where there are several."""
    if evidence.objects is None or len(evidence.dataset.classes) < 2:
        return {}
    unsealed = evidence.ids[among]
    found = {}
    for name in evidence.dataset.classes[:_MOST_CLASSES]:
        holding = evidence.objects.filter(pl.col("label") == name)["id"].to_numpy()
        found[name] = ClassGallery(_spread(unsealed[np.isin(unsealed, holding)]), (), ())
    return {name: gallery for name, gallery in found.items() if gallery.samples}


def _spread(ids: NDArray[np.str_]) -> tuple[str, ...]:
    """A few identifiers, evenly spread over their order."""
    places = np.unique(np.linspace(0, len(ids) - 1, min(_EACH, len(ids))).round().astype(np.int64))
    return tuple(ids[places].tolist())


def _decoded(
    project: Project, large: set[str], others: Iterable[str]
) -> Iterator[tuple[str, _Small]]:
    """Small versions of every picture that is wanted; files that have gone are left out."""
    dataset = project.dataset
    wanted_names = large | set(others)
    masks = dataset.table["mask_path"] if "mask_path" in dataset.table.columns else None
    table = dataset.table.select("id", "path", mask=masks)
    files = {str(name): (path, mask) for name, path, mask in table.iter_rows()}
    named = [(name, *files[name]) for name in sorted(wanted_names & files.keys())]
    annotated = dataset.objects is not None or masks is not None
    side_px = ANNOTATED_PX if annotated else SIDE_PX
    colours = _colours(dataset)

    def small(item: tuple[str, str, str | None]) -> tuple[str, _Small] | None:
        name, path, mask = item
        try:
            pixels = decode(dataset.root / path, min_side_px=side_px)
        except UnreadableImageError:  # it was there when it was indexed; the page can do without
            return None
        shown = pixels if mask is None else _tinted(pixels, dataset.root / mask, colours)
        kept = webp(shown, side_px=side_px) if name in large else None
        return name, _Small(cell(pixels), squashed(pixels), kept)

    for done, found in enumerate(ordered(small, named), start=1):
        project.listener(Progress("pictures", done, len(named)))
        if found is not None:
            yield found


def _colours(dataset: Dataset) -> dict[int, int]:
    """The number of the colour that each value of a mask is shown in."""
    by_class = class_colours(dataset.classes)
    return {value: by_class[name] for value, name in class_of_value(dataset).items()}


def _tinted(pixels: NDArray[np.uint8], mask: Path, colours: Mapping[int, int]) -> NDArray[np.uint8]:
    try:
        _, values = decode_values(mask)
    except UnreadableImageError:  # the finding about masks tells it
        return pixels
    return tinted(pixels, values, colours)


def _means(
    evidence: LookEvidence,
    small: Mapping[str, _Small],
    among: NDArray[np.bool_],
    galleries: Mapping[str, ClassGallery],
) -> dict[str, bytes]:
    labels = evidence.labels
    found = {}
    for name in galleries:
        rows = np.flatnonzero(among if labels is None else among & (labels == name))
        pictures = [small[one].squashed for one in evidence.ids[rows].tolist() if one in small]
        if pictures:
            found[name] = mean_of(pictures)
    return found
