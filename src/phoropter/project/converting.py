"""From one annotation format to another; what is lost on the way is said."""

from __future__ import annotations

from pathlib import Path

from phoropter.core import registry
from phoropter.core.errors import NothingUsableError
from phoropter.core.events import Listener, Note, Progress
from phoropter.data.open import open_dataset
from phoropter.data.writing import Lost, Writer, place_file, planned, whole_folder
from phoropter.project.results import ConvertResult

WRITERS = "phoropter.writers"

_UNREAD = {
    "coco": "licences, addresses and dates of images, and groups of categories",
    "voc": "sources, owners and depths of images",
}


def convert_data(
    data: str | Path, folder: str | Path, *, to: str, layout: str | None, listener: Listener
) -> ConvertResult:
    """Writes the annotated images at `data` into a new folder in another format."""
    writer: Writer = registry.load(WRITERS, to)
    dataset = open_dataset(data, layout=layout)
    listener(Note(f"{dataset.description}."))
    plan = planned(dataset)
    if not plan.images:
        raise NothingUsableError(f"No image of {str(data)!r} can be converted.")
    place = Path(folder).expanduser().resolve()
    linked = 0
    with whole_folder(place) as partial:
        for done, image in enumerate(plan.images, start=1):
            target = partial / writer.image_path(image)
            linked += place_file(dataset.root / image.id, target)
            listener(Progress("placing images", done, len(plan.images)))
        lost = [*plan.lost, *writer.write(plan, partial)]
    if dataset.layout in _UNREAD:
        lost.append(Lost(_UNREAD[dataset.layout], 0, "not read"))
    return ConvertResult(
        folder=str(place),
        description=dataset.description,
        layout=dataset.layout,
        to=to,
        samples=len(plan.images),
        objects=sum(len(items) for items in plan.objects.values()),
        classes=plan.classes,
        linked=linked,
        copied=len(plan.images) - linked,
        lost=tuple(lost),
        rejected=dataset.rejected,
    )
