"""What a trained network answers in larger and smaller company, for the pages of docs/findings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from finding_figures import beside
from markupsafe import Markup

from phoropter.core.events import silent
from phoropter.core.predictions import ClassPredictions
from phoropter.prediction.run import outputs
from phoropter.project.folder import Folder
from phoropter.project.opened import existing
from phoropter.project.run_record import RunRecord
from phoropter.report.svg import frame, join, span
from phoropter.training.execute import restored
from phoropter.training.sources import open_images

SIZES = tuple(2**power for power in range(9))


def company_figure(healthy: RunRecord, sick: RunRecord) -> str:
    """Validation accuracy by the number of images in a batch, on a logarithmic axis."""
    sides = [accuracy_by_company(run) for run in (healthy, sick)]
    limits = span([value for side in sides for value in side.values()], margin=0.2)
    return beside(
        "Validation accuracy by how many images are asked about at a time",
        [_line(side, limits) for side in sides],
    )


def accuracy_by_company(run: RunRecord) -> Mapping[int, float]:
    """Of the kept weights on the validation part, by the size of the batch.

    Raises:
        TypeError: If the run is not of classes.
    """
    if not isinstance(run.predictions, ClassPredictions):
        raise TypeError(type(run.predictions).__name__)
    with existing(Folder(run.path.parents[1])) as project:
        problem = project.problem()
        images = open_images(run.recipe, problem, listener=silent)
        network, rows = restored(run.path)[0], problem.rows("val")
    found = {}
    for size in SIZES:
        raw = outputs(
            network, images.inputs, rows, normalization=images.normalization, batch_size=size
        )
        found[size] = float(np.mean(raw.argmax(axis=1) == run.predictions.truth))
    return found


def _line(accuracy: Mapping[int, float], limits: tuple[float, float]) -> Markup:
    area = frame((1.0, float(SIZES[-1])), limits, log_x=True)
    points = [(float(size), value) for size, value in accuracy.items()]
    return join([area.axes("images at a time", "accuracy"), area.line(points, class_="val")])
