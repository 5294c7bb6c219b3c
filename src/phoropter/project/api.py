"""The commands as functions; each returns a frozen record with the fields of its JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phoropter.core.events import Listener, silent
from phoropter.core.recipe import Recipe
from phoropter.project.options import Data, Options, Place
from phoropter.project.together import together

if TYPE_CHECKING:
    from phoropter.core.records import Comparison, ModelCard
    from phoropter.metrics.function import MetricFunction
    from phoropter.project.results import (
        AugmentResult,
        ConvertResult,
        DiagnoseResult,
        DoctorResult,
        ExportResult,
        LookResult,
        LrRangeResult,
        ProjectResult,
        ReportResult,
        RunResult,
        SplitResult,
        TestResult,
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
        listener: Told what is going on.

    Raises:
        PhoropterError: If the data, the options or the machine do not allow it.
    """
    from phoropter.project.steps import run_project

    options = Options(
        data, project, target, task, metric, recipe, settings or {}, seed, layout, track=track
    )
    return run_project(options, budget_s=budget_s, listener=listener)


@together
def improve(
    project: Place,
    *,
    settings: Mapping[str, Any] | None = None,
    budget_s: float = 600.0,
    track: str | None = None,
    listener: Listener = silent,
) -> ProjectResult:
    """Goes on with the loop of a project; `settings` are tried first, as your own idea.

    Raises:
        PhoropterError: If the folder is no project.
    """
    from phoropter.project.steps import improve_project

    return improve_project(
        project, settings or {}, budget_s=budget_s, track=track, listener=listener
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
    listener: Listener = silent,
) -> RunResult:
    """One run of one recipe, measured on the validation part; the same run is never made twice.

    The `keep` passes with the lowest validation losses leave their weights; the best one counts.

    Raises:
        PhoropterError: If the data or the recipe do not allow it.
    """
    from phoropter.project.single import train_one

    options = Options(
        data, project, target, task, None, recipe, settings or {}, seed, layout, track=track
    )
    return train_one(options, budget_s=budget_s, keep=keep, listener=listener)


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


def evaluate(
    run: Place, *, project: Place | None = None, epoch: int | None = None, by: Sequence[str] = ()
) -> RunResult:
    """The metrics of a run, of its best pass or of `epoch`, on the validation part.

    `by` names properties to slice the results by: "class", "size", "brightness", "contrast",
    "sharpness", "format", "mode", any column of the data's table, or "all".

    Raises:
        PhoropterError: If there is no such run or property, or the pass was not kept.
    """
    if epoch is not None:
        from phoropter.project.single import evaluate_pass

        return evaluate_pass(run, project, epoch)
    from phoropter.project.judging import evaluate_run

    return evaluate_run(run, project, by=by)


def diagnose(
    run: Place | None = None,
    *,
    project: Place | None = None,
    curves: Place | None = None,
    human: str | None = None,
    collect: bool = False,
    listener: Listener = silent,
) -> DiagnoseResult:
    """The findings of a run, or of a CSV of learning curves, with prescriptions.

    `human` is how often people err ("0.02", "3/150"); `collect` trains on parts of the data first,
    to tell what more data would bring.

    Raises:
        PhoropterError: If there is no such run or file.
    """
    from phoropter.project.judging import diagnose_curves, diagnose_run

    if curves is not None:
        return diagnose_curves(Path(curves))
    return diagnose_run(run or "", project, human=human, collect=collect, listener=listener)


def compare(a: Place, b: Place, *, project: Place | None = None) -> Comparison:
    """The paired verdict on run `b` against run `a`; counts as a look at the validation part.

    Raises:
        PhoropterError: If the runs cannot be compared.
    """
    from phoropter.project.judging import compare_runs

    return compare_runs(a, b, project)


def test(project: Place, *, run: Place | None = None, listener: Listener = silent) -> TestResult:
    """Opens the seal for the project's chosen run, or for `run`; the opening is recorded.

    Raises:
        PhoropterError: If the project has no run.
    """
    from phoropter.project.single import open_seal_of

    return open_seal_of(project, run, listener=listener)


def predict(
    bundle: Place, files: Sequence[Place], *, listener: Listener = silent
) -> list[dict[str, Any]]:
    """One row a file: what the bundle's model says of it.

    Raises:
        PhoropterError: If the bundle cannot be loaded or no file is found.
    """
    from phoropter.bundle.load import load

    return load(Path(bundle)).predict(files, listener=listener)


def export(
    run: Place, *, project: Place | None = None, to: Place | None = None, epoch: int | None = None
) -> ExportResult:
    """Writes a run's best pass, or `epoch`, as a bundle, checked on real samples.

    Raises:
        PhoropterError: If the copy does not agree with the original, or the pass was not kept.
    """
    from phoropter.project.single import export_run

    return export_run(run, project, to, epoch)


def report(project: Place | None = None, *, lang: str = "en") -> ReportResult:
    """Writes the project's page anew from its records, in English ("en") or Korean ("ko").

    Raises:
        PhoropterError: If the folder is no project.
    """
    from phoropter.project.single import report_on

    return report_on(project, lang=lang)


def models(
    task: str | None = None,
    *,
    names: Sequence[str] = (),
    measure: bool = False,
    listener: Listener = silent,
) -> tuple[ModelCard, ...]:
    """The models known by name, without importing any of them, and what they cost here if measured.

    Args:
        task: Only those that fit it.
        names: Only these, of the list or any that timm knows.
        measure: Time answers and training steps of each network, and its memory, and keep it.
        listener: Told what is being measured.

    Raises:
        PhoropterError: If a name is unknown, or a named network cannot be measured.
    """
    from phoropter.project.measured import listed, measured

    if measure:
        return measured(task, names, listener=listener)
    return listed(task, names)


def doctor() -> DoctorResult:
    """This machine: devices, threads, memory, weights and extras."""
    from phoropter.project.machine import examine

    return examine()
