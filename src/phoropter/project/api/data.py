"""Commands that begin with data, or go on with a project."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from phoropter.core.errors import UsageError
from phoropter.core.events import Listener, silent
from phoropter.core.recipe import Recipe
from phoropter.project.options import Data, Options, Place
from phoropter.project.together import together

if TYPE_CHECKING:
    from phoropter.metrics.function import MetricFunction
    from phoropter.project.results import (
        AugmentResult,
        ConvertResult,
        LookResult,
        LrRangeResult,
        ProjectResult,
        RunResult,
        SplitResult,
    )


@together
def run(
    data: Data,
    *,
    project: Place | None = None,
    target: str | None = None,
    task: str | None = None,
    layout: str | None = None,
    metric: str | MetricFunction | None = None,
    recipe: Place | Recipe | None = None,
    settings: Mapping[str, Any] | None = None,
    budget_s: float = 600.0,
    seed: int | None = None,
    track: str | None = None,
    lang: str = "en",
    listener: Listener = silent,
) -> ProjectResult:
    """Takes data to a model: look, split, baselines, the loop, the sealed test, report, bundle.

    Args:
        data: A folder, a file, a built-in name, or a data set object of another library.
        project: Folder of the project; `NAME.phoropter` where you stand if left out.
        target: The target column, where the data have several.
        task: "classification" or "regression", where the data leave it open.
        layout: The reader to use, where the wrong one is chosen.
        metric: The primary metric, by name or an object of your own; chosen by the data if left
            out.
        recipe: The first recipe, or a YAML file with it; planned by the data if left out.
        settings: Dotted recipe keys to set; parts of your own may be given as objects.
        budget_s: Wall time for everything, seconds.
        seed: Decides the split and every other draw; 0 if left out. A project keeps its own.
        track: "tensorboard" or "mlflow", to follow the runs there too.
        lang: Language of the report, "en" or "ko".
        listener: Told what is going on.

    Raises:
        PhoropterError: If the data, the options or the machine do not allow it.
    """
    begun = time.monotonic()  # loading what is needed takes seconds of the budget
    from phoropter.project.steps import Budget, run_project

    options = Options(
        data, project, target, task, metric, recipe, settings or {}, seed, layout, track=track
    )
    return run_project(options, Budget(begun, budget_s), listener=listener, lang=lang)


@together
def improve(
    project: Place,
    *,
    settings: Mapping[str, Any] | None = None,
    accept: int | None = None,
    refuse: int | None = None,
    pin: Sequence[str] = (),
    unpin: Sequence[str] = (),
    budget_s: float = 600.0,
    track: str | None = None,
    lang: str = "en",
    listener: Listener = silent,
) -> ProjectResult:
    """Goes on with the loop of a project; `settings` are tried first, as your own idea.

    Args:
        project: Its folder.
        settings: Dotted recipe keys and the values to try.
        accept: Number of a refused step whose run is to be the reference all the same.
        refuse: Number of an accepted step to go back behind.
        pin: Recipe keys, or sections such as "train", that the loop is to leave alone from now on.
        unpin: Those that it may change again.
        budget_s: Seconds it may take.
        track: The tracker that the curves go to as well.
        lang: Language of the report, "en" or "ko".
        listener: Told what is going on.

    Raises:
        PhoropterError: If the folder is no project, or there is no such step or key.
    """
    begun = time.monotonic()
    from phoropter.project.steering import Steering
    from phoropter.project.steps import Budget, improve_project

    return improve_project(
        project,
        settings or {},
        Budget(begun, budget_s),
        steering=Steering(accept, refuse, tuple(pin), tuple(unpin)),
        track=track,
        lang=lang,
        listener=listener,
    )


def look(
    data: Data,
    *,
    project: Place | None = None,
    target: str | None = None,
    task: str | None = None,
    layout: str | None = None,
    seed: int | None = None,
    lang: str = "en",
    listener: Listener = silent,
) -> LookResult:
    """What the data are and what is wrong with them; `look.html` in the project shows it.

    Raises:
        PhoropterError: If there is nothing to look at.
    """
    from phoropter.project.single import look_at

    options = Options(data, project, target, task, seed=seed, layout=layout)
    return look_at(options, lang=lang, listener=listener)


def split(
    data: Data,
    *,
    project: Place | None = None,
    target: str | None = None,
    task: str | None = None,
    layout: str | None = None,
    seed: int | None = None,
    groups: str | None = None,
    ratios: str | None = None,
    time: str | None = None,
    folds: int | str | None = None,
    repeats: int = 1,
    listener: Listener = silent,
) -> SplitResult:
    """The project's split, made on first use and kept.

    Args:
        data: A folder, a file or a built-in name.
        project: Folder of the project.
        target: The target column.
        task: The task, where the data leave it open.
        layout: How the data are to be read, where what is found is wrong.
        seed: Decides the draw.
        groups: What stays together besides declared groups and copies: "found" (groups that
            phoropter finds, also if left out), "none", or a column of the table.
        ratios: Shares of train, val and test, such as "6:2:2"; by size if left out.
        time: Trains on the past and tests on the future: "found" (the camera's clock, time stamps
            in file names, or else the order), "order" (of files or rows), or a column.
        folds: How many folds to deal besides, from all but the test part, or "leave-one-out".
        repeats: How often the folds are dealt.
        listener: Told what is going on.

    Raises:
        PhoropterError: If the data cannot be split.
    """
    if folds is None and repeats != 1:
        raise UsageError(
            f"--repeats {repeats} deals folds again, and no --folds are asked for.",
            hint="Say how many, such as --folds 5.",
        )
    from phoropter.project.single import folds_of, split_of

    options = Options(
        data,
        project,
        target,
        task,
        seed=seed,
        layout=layout,
        groups=groups,
        ratios=ratios,
        time=time,
    )
    if folds is None:
        return split_of(options, listener=listener)
    return folds_of(options, count=folds, repeats=repeats, listener=listener)


def convert(
    data: Place,
    folder: Place,
    *,
    to: str,
    layout: str | None = None,
    listener: Listener = silent,
) -> ConvertResult:
    """Writes annotated images into a new folder in another format, whole or not at all.

    Args:
        data: A folder or file with annotated objects.
        folder: Where to write; new or empty.
        to: "coco", "voc" or "yolo".
        layout: What `data` is ("coco", "yolo", ...), if it is not recognised.
        listener: Told what is going on.

    Raises:
        PhoropterError: If there are no objects at `data`, or the folder cannot be written.
    """
    from phoropter.project.converting import convert_data

    return convert_data(data, folder, to=to, layout=layout, listener=listener)


@together
def train(
    data: Data,
    *,
    project: Place | None = None,
    target: str | None = None,
    task: str | None = None,
    layout: str | None = None,
    recipe: Place | Recipe | None = None,
    settings: Mapping[str, Any] | None = None,
    budget_s: float | None = None,
    seed: int | None = None,
    track: str | None = None,
    keep: int = 1,
    lang: str = "en",
    listener: Listener = silent,
) -> RunResult:
    """One run of one recipe, measured on the validation part; the same run is never made twice.

    The `keep` passes with the lowest validation losses leave their weights; the best one counts.
    `lang` is the language of the page with the learning curves, "en" or "ko".

    Raises:
        PhoropterError: If the data or the recipe do not allow it.
    """
    from phoropter.project.single import train_one

    options = Options(
        data, project, target, task, None, recipe, settings or {}, seed, layout, track=track
    )
    return train_one(options, budget_s=budget_s, keep=keep, lang=lang, listener=listener)


def augment(
    data: Data,
    *,
    project: Place | None = None,
    target: str | None = None,
    task: str | None = None,
    layout: str | None = None,
    recipe: Place | Recipe | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int | None = None,
    samples: int = 8,
    draws: int = 7,
    lang: str = "en",
    listener: Listener = silent,
) -> AugmentResult:
    """Pictures of what the network sees, epoch by epoch; `augment.html` in the project shows them.

    Raises:
        PhoropterError: If the data are no images or the recipe does not fit them.
    """
    from phoropter.project.views import views_of

    options = Options(data, project, target, task, None, recipe, settings or {}, seed, layout)
    return views_of(options, samples=samples, draws=draws, lang=lang, listener=listener)


def lr_range(
    data: Data,
    *,
    project: Place | None = None,
    target: str | None = None,
    task: str | None = None,
    layout: str | None = None,
    recipe: Place | Recipe | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int | None = None,
    steps: int = 150,
    lang: str = "en",
    listener: Listener = silent,
) -> LrRangeResult:
    """The learning-rate range test (Smith 2017) of a recipe; `lr-range.html` shows it.

    Raises:
        PhoropterError: If the data or the recipe do not allow it.
    """
    from phoropter.project.rates import range_test

    options = Options(data, project, target, task, None, recipe, settings or {}, seed, layout)
    return range_test(options, steps=steps, lang=lang, listener=listener)
