"""An opened project: the data, the split and the problem they pose, each made once and kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from phoropter.core import registry
from phoropter.core.errors import InputError, UsageError
from phoropter.core.events import Listener, Note, silent
from phoropter.core.predictions import ValuePredictions
from phoropter.core.protocols import Task
from phoropter.core.records import PARTS, Dataset, Split
from phoropter.core.references import is_reference, reference_to
from phoropter.data.corrections import corrected, read_corrections
from phoropter.data.index import index
from phoropter.data.open import open_dataset, place_of
from phoropter.data.sample_objects import is_dataset_object, unpack_object
from phoropter.data.split import digest as split_digest
from phoropter.data.split import make_split, read_ratios, read_split, rows, write_split
from phoropter.metrics import named, registry_names
from phoropter.metrics.contract import check_metric, made_up
from phoropter.metrics.expressions import is_expression
from phoropter.metrics.primary import PrimaryChoice, choose_primary
from phoropter.metrics.regression import mape_caution
from phoropter.project.cost_table import cost_metric
from phoropter.project.folder import (
    Folder,
    Settings,
    agreed,
    folder_for,
    locked,
    read_settings,
    start,
)
from phoropter.project.grouping import arrange
from phoropter.project.notebook import Notebook
from phoropter.project.options import Options
from phoropter.project.tracking import check_tracker, tracked
from phoropter.training.problem import Problem, data_digest, problem_digests, whole_digest


@dataclass(frozen=True, slots=True, eq=False)
class Project:
    """Everything the stages work on.

    Args:
        folder: Where it lies.
        settings: What it was started with.
        dataset: The indexed data, with the corrections that the user accepted.
        found: The indexed data as they are on disk; the split is theirs.
        notebook: The record.
        listener: Told what is going on.
    """

    folder: Folder
    settings: Settings
    dataset: Dataset
    found: Dataset
    notebook: Notebook
    listener: Listener = silent

    @property
    def task(self) -> Task:
        """The task, from the registry.

        Raises:
            UsageError: If nothing can be trained on such data yet.
        """
        self._check_trainable()
        task: Task = registry.load("phoropter.tasks", self.dataset.task)()
        return task

    def _check_trainable(self) -> None:
        known = registry.names("phoropter.tasks")
        if self.dataset.modality in {"image", "table"} and self.dataset.task in known:
            return
        raise UsageError(
            f"phoropter can look at and split these data, but not train on them: "
            f"{self.dataset.description}.",
            hint=f"It trains on images and tables of numbers: {', '.join(known)}.",
        )

    def check_images(self) -> None:
        """Refuses what is no image, where only those can be dealt with so far.

        Raises:
            UsageError: If the samples are rows of a table.
        """
        if self.dataset.modality != "image":
            raise UsageError(
                f"This command takes images, and these are none: {self.dataset.description}.",
                hint="On a table: look, split, train, evaluate, diagnose, compare, test.",
            )

    def split(self) -> Split:
        """The project's split: made once, then read; new data call for a new project.

        Raises:
            InputError: If the data have changed since the split was made.
        """
        if self.folder.split.exists():
            kept = read_split(self.folder.split)
            self._check_unchanged(kept)
            self._record(kept)  # a kill may have come between the file and its record
            return kept
        arranged, because = arrange(self.found, self.folder, self.settings)
        asked = self.settings.ratios
        made = make_split(
            arranged,
            seed=self.settings.seed,
            ratios=None if asked is None else read_ratios(asked),
            because=because,
        )
        write_split(self.folder.split, made)
        parts = self._record(made)
        self.listener(Note(f"Split: {', '.join(f'{n} {p}' for p, n in parts.items())}."))
        return made

    def _record(self, made: Split) -> dict[str, int]:
        """Notes the split in the notebook, once; how many samples each part has."""
        parts: dict[str, int] = {part: len(rows(self.dataset, made, part)) for part in PARTS}
        self.notebook.record_split(split_digest(made), {"parts": parts, "reasons": made.reasons})
        return parts

    def choice(self, split: Split) -> PrimaryChoice:
        """The primary metric and the reason for it."""
        if self.settings.metric is not None:
            return PrimaryChoice(
                self.settings.metric, f"Chosen by you. {self._caution(split)}".strip()
            )
        schema = self.task.schema(self.dataset, rows(self.dataset, split, "train"))
        return choose_primary(schema)

    def _caution(self, split: Split) -> str:
        """What speaks against the metric that the user chose, "" where nothing does."""
        if self.settings.metric != "mape":
            return ""
        train = self.dataset.table[rows(self.dataset, split, "train")]
        truth = train.select(self.dataset.targets).to_numpy().astype(np.float64)
        ids = train["id"].to_numpy()
        return mape_caution(ValuePredictions(ids, truth, truth, self.dataset.targets))

    def problem(self) -> Problem:
        """The learning problem that every run of the project shares."""
        split = self.split()
        metric = self.choice(split).name
        schema = self.task.schema(self.dataset, rows(self.dataset, split, "train"))
        if is_reference(metric):
            check_metric(named(metric), metric, schema)
        elif is_expression(metric):
            named(metric)(made_up(schema))  # tells of classes that there are not
        made_of = problem_digests(self.dataset, split, metric)
        return Problem(
            dataset=self.dataset,
            split=split,
            task=self.task,
            schema=schema,
            metric=metric,
            cache=self.folder.cache,
            digest=whole_digest(made_of),
            made_of=made_of,
        )

    def _check_unchanged(self, kept: Split) -> None:
        now, then = set(self.found.table["id"]), set(kept.table["id"])
        if now == then:
            return
        raise InputError(
            f"The data have changed since this project was split: {len(now - then)} samples are "
            f"new and {len(then - now)} are gone.",
            hint="Start a new project with --project DIR, so that the sealed test stays sealed.",
        )


@contextmanager
def started(options: Options, *, listener: Listener) -> Iterator[Project]:
    """The project on the data of `options`, held for writing.

    Raises:
        PhoropterError: If the data cannot be opened or another process holds the project.
    """
    data = _place(options.data)
    place = place_of(data)
    folder = folder_for(data, options.project)
    metric = options.metric
    if metric is not None and not isinstance(metric, str):
        metric = reference_to(metric)
    elif metric is not None and metric.casefold().endswith(".csv"):
        metric = cost_metric(Path(metric).expanduser())
    settings = Settings(
        data=data if place is None else str(place),
        task=options.task,
        target=options.target,
        metric=metric,
        seed=options.seed or 0,
        layout=options.layout,
        groups=options.groups,
        ratios=options.ratios,
        time=options.time,
    )
    if options.ratios is not None:
        read_ratios(options.ratios)  # refused before a project is begun
    check_tracker(options.track)
    settings = agreed(folder, settings)  # before opening: the target may be kept there
    dataset = _read(settings, data)
    _check_metric(metric, dataset)
    with locked(folder), tracked(options.track, folder, listener) as told:
        yield from _opened(folder, start(folder, settings), dataset, told)


def check_seed(options: Options) -> None:
    """Refuses a seed that an existing project cannot take on any more.

    Raises:
        UsageError: If the project was split with another seed.
    """
    folder = folder_for(_place(options.data), options.project)
    if options.seed is None or not folder.settings.exists():
        return
    kept = read_settings(folder).seed
    if options.seed != kept:
        raise UsageError(
            f"The project {str(folder.path)!r} was split with the seed {kept}, got {options.seed}.",
            hint="Choose another folder with --project DIR; `phoropter train` takes any seed.",
        )


def _place(data: object) -> str:
    """Where the data lie; objects of other libraries are written to the cache first."""
    return str(unpack_object(data)) if is_dataset_object(data) else str(data)


def _read(settings: Settings, data: str) -> Dataset:
    return open_dataset(data, target=settings.target, task=settings.task, layout=settings.layout)


def _check_metric(name: str | None, dataset: Dataset) -> None:
    """Refuses a metric that cannot be used before it becomes a project's setting."""
    if name is None or dataset.task not in registry.names("phoropter.tasks"):
        return
    kind = registry.load("phoropter.tasks", dataset.task).kind
    if named(name).kind != kind:
        raise UsageError(
            f"The metric {name!r} is not one for {dataset.task}.",
            hint=f"Choose one of: {', '.join(registry_names(kind))}.",
        )


@contextmanager
def existing(folder: Folder, *, listener: Listener = silent) -> Iterator[Project]:
    """A project that was started before, held for writing.

    Raises:
        PhoropterError: If there is none, or its data are gone.
    """
    settings = read_settings(folder)
    dataset = _read(settings, settings.data)
    with locked(folder):
        yield from _opened(folder, settings, dataset, listener)


def _with_corrections(dataset: Dataset, folder: Folder, listener: Listener) -> Dataset:
    accepted = [item for item in read_corrections(folder.issues) if item.accepted]
    if accepted:
        listener(Note(f"{len(accepted)} accepted corrections from {str(folder.issues)!r}."))
    return corrected(dataset, accepted)


def _opened(
    folder: Folder, settings: Settings, dataset: Dataset, listener: Listener
) -> Iterator[Project]:
    listener(Note(f"{dataset.description}."))
    dataset = index(dataset, cache=folder.index, listener=listener)
    if settings.task is not None:
        dataset = replace(dataset, task=settings.task)
    found, dataset = dataset, _with_corrections(dataset, folder, listener)
    notebook = Notebook(folder.notebook)
    try:
        facts = {
            "description": dataset.description,
            "samples": len(dataset),
            "rejected": len(dataset.rejected),
        }
        notebook.record_dataset(data_digest(dataset), facts)
        yield Project(folder, settings, dataset, found, notebook, listener)
    finally:
        notebook.close()
