"""What enters the network: training images, preprocessed, and as each epoch varies them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from phoropter.augment.mixing import mixer
from phoropter.core.errors import UsageError
from phoropter.core.events import Listener
from phoropter.core.recipe import Recipe
from phoropter.core.records import Normalization, Rows
from phoropter.models.catalog import frozen_trunk
from phoropter.project.opened import started
from phoropter.project.options import Options
from phoropter.project.results import AugmentResult
from phoropter.project.steps import planned_baseline
from phoropter.report.views_page import SampleViews, write_views
from phoropter.training.execute import is_classic, training_data
from phoropter.training.feed import Feed
from phoropter.training.numerics import fixed
from phoropter.training.plan import make_plan
from phoropter.training.problem import Problem
from phoropter.training.records import TrainingData
from phoropter.training.sources import has_views, open_images
from phoropter.training.surviving import label_gate

Pixels = NDArray[np.uint8]


def views_of(
    options: Options, *, samples: int, draws: int, lang: str, listener: Listener
) -> AugmentResult:
    """Writes a page of some training images as the network gets them in several epochs."""
    with started(options, listener=listener) as project:
        project.check_images()
        problem = project.problem()
        recipe = planned_baseline(project, problem, options).recipe
        source = open_images(recipe, problem, listener=listener)
        data = training_data(recipe, problem, source)
        rows = _spread(problem, count=samples)
        plain, drawn = _views(recipe, data, rows, draws=draws)
        ids = problem.dataset.table["id"].gather(rows).to_list()
        shown = [
            SampleViews(str(name), plain[at], tuple(view[at] for view in drawn))
            for at, name in enumerate(ids)
        ]
        page = project.folder.path / "augment.html"
        seen = not is_classic(recipe) and (not frozen_trunk(recipe) or has_views(recipe))
        write_views(page, project.dataset.name, shown, recipe, seen=seen, lang=lang)
        audit = label_gate(recipe, data, problem.schema)
        change = [float(np.abs(view.astype(np.float64) - plain).mean() / 255) for view in drawn]
        return AugmentResult(
            project=str(project.folder.path),
            page=str(page),
            size=recipe.data.size,
            channels=recipe.data.channels,
            samples=tuple(map(str, ids)),
            draws=draws,
            augment=recipe.data.augment.model_dump(),
            change=sum(change) / len(change),
            seen=seen,
            lost=() if audit is None else tuple(audit.evidence["lost"]),
        )


def _spread(problem: Problem, *, count: int) -> Rows:
    """Training rows, evenly spread over them once they are sorted by their target."""
    rows = problem.rows("train")
    if len(rows) < 2:
        raise UsageError("There are fewer than two training images to show.")
    target = problem.dataset.table.select(problem.dataset.targets[0]).to_series().gather(rows)
    ordered = rows[target.arg_sort().to_numpy()]
    places = np.linspace(0, len(ordered) - 1, min(count, len(ordered))).round().astype(np.int64)
    return np.asarray(ordered[np.unique(places)], dtype=np.int64)


def _views(
    recipe: Recipe, data: TrainingData, rows: Rows, *, draws: int
) -> tuple[Pixels, list[Pixels]]:
    """The images unvaried, and as each of the first epochs would vary them, (n, c, h, w)."""
    plan = make_plan(recipe.train, samples=len(data.train_rows))
    numerics = fixed("float32", threads=torch.get_num_threads())
    feed = Feed(data, plan, seed=recipe.seed, device=torch.device("cpu"), numerics=numerics)
    plain = torch.cat([inputs for inputs, _ in feed.evaluation(rows)])
    blend = mixer(recipe.data.augment)
    views = []
    for epoch in range(1, draws + 1):
        batch = feed.training_batch(rows, epoch, 0)
        inputs = batch.inputs if blend is None else blend(batch.inputs, batch.generator)[0]
        views.append(_pixels(inputs, data.normalization))
    return _pixels(plain, data.normalization), views


def _pixels(inputs: torch.Tensor, normalization: Normalization | None) -> Pixels:
    """Network inputs as the bytes that a person can look at."""
    images = inputs
    if normalization is not None:
        mean = torch.tensor(normalization.mean).view(1, -1, 1, 1)
        std = torch.tensor(normalization.std).view(1, -1, 1, 1)
        images = inputs * std + mean
    pixels: Pixels = (images.clamp(0, 1) * 255).round().to(torch.uint8).numpy()
    return pixels
