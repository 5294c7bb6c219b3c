"""From what `look` has seen to the content of its page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from phoropter.core.events import Progress
from phoropter.core.records import Finding, Split
from phoropter.data.decode import UnreadableImageError, decode
from phoropter.data.parallel import ordered
from phoropter.look.evidence import LookEvidence
from phoropter.look.exemplars import exemplars
from phoropter.look.map import map_of
from phoropter.project.opened import Project
from phoropter.report.look_content import ClassGallery, LookContent, wanted_pictures
from phoropter.report.look_page import write_look_page
from phoropter.report.small_pictures import SIDE_PX, cell, mean_of, sheet_of, squashed, webp

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
    content = LookContent(
        name=project.dataset.name,
        dataset=project.dataset,
        split=split,
        findings=findings,
        features=evidence.feature_source,
    )
    if project.dataset.modality == "image":
        content = _with_pictures(project, evidence, content)
    return write_look_page(content, project.folder.look_page, lang=lang)


def _with_pictures(project: Project, evidence: LookEvidence, content: LookContent) -> LookContent:
    """The content with galleries, map and all pictures of them."""
    project.listener(Progress(_STAGE, 0, 2, "map"))
    unsealed = evidence.parts != "test"  # what is sealed stays unseen
    content = replace(content, galleries=_galleries(evidence, unsealed), map=map_of(evidence))
    project.listener(Progress(_STAGE, 1, 2, "pictures"))
    on_map = content.map.rows if content.map else np.zeros(0, dtype=np.int64)
    on_map = on_map[unsealed[on_map]]
    large = set(wanted_pictures(content))
    small = dict(_decoded(project, large, evidence.ids[on_map].tolist()))
    project.listener(Progress(_STAGE, 2, 2))
    points = [name for name in evidence.ids[on_map].tolist() if name in small]
    return replace(
        content,
        pictures={name: one.large for name, one in small.items() if one.large is not None},
        sheet=sheet_of({name: small[name].cell for name in points}),
        means=_means(evidence, small, unsealed, content.galleries),
    )


def _galleries(evidence: LookEvidence, among: NDArray[np.bool_]) -> dict[str, ClassGallery]:
    """Galleries of the first classes; samples evenly spread over the order of the files."""
    labels = evidence.labels
    found: dict[str, ClassGallery] = {}
    for name, one in list(exemplars(evidence, among, count=_EACH).items())[:_MOST_CLASSES]:
        rows = np.flatnonzero(among if labels is None else among & (labels == name))
        spread = np.unique(np.linspace(0, len(rows) - 1, _EACH).round().astype(np.int64))
        found[name] = ClassGallery(
            samples=tuple(evidence.ids[rows[spread]].tolist()),
            typical=tuple(evidence.ids[one.typical].tolist()),
            unusual=tuple(evidence.ids[one.unusual].tolist()),
        )
    return found


def _decoded(
    project: Project, large: set[str], others: Iterable[str]
) -> Iterator[tuple[str, _Small]]:
    """Small versions of every picture that is wanted; files that have gone are left out."""
    wanted = large | set(others)
    table = project.dataset.table.select("id", "path")
    files = {str(name): project.dataset.root / path for name, path in table.iter_rows()}
    named = [(name, files[name]) for name in sorted(wanted & files.keys())]

    def small(item: tuple[str, Path]) -> tuple[str, _Small] | None:
        name, path = item
        try:
            pixels = decode(path, min_side_px=SIDE_PX)
        except UnreadableImageError:  # it was there when it was indexed; the page can do without
            return None
        kept = webp(pixels) if name in large else None
        return name, _Small(cell(pixels), squashed(pixels), kept)

    for done, found in enumerate(ordered(small, named), start=1):
        project.listener(Progress("pictures", done, len(named)))
        if found is not None:
            yield found


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
