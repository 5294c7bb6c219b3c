"""From what the user typed to a data set."""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path

import polars as pl

from phoropter.core import registry
from phoropter.core.errors import InputError, NothingUsableError, UsageError, nearest
from phoropter.core.protocols import Reader
from phoropter.core.records import Dataset, Rejected
from phoropter.data.images import is_image
from phoropter.data.readers.builtin import builtin_folder, builtin_names
from phoropter.data.usable import usable

READERS = "phoropter.readers"
_TASKS = ("classification", "regression")
_OBJECT_TASKS = ("detection", "instances")


def open_dataset(
    source: str | Path,
    *,
    target: str | None = None,
    task: str | None = None,
    layout: str | None = None,
) -> Dataset:
    """The data set at a path, or the built-in one of that name; files are listed, not opened.

    Args:
        source: A folder, a table file, or a built-in name; a path that exists wins.
        target: The column to predict, several numbers separated by commas.
        task: "classification" or "regression", where the targets suggest the wrong one.
        layout: The reader to use, where the wrong one is chosen.

    Raises:
        InputError: If there is nothing at the path, or no reader knows what is there.
        UsageError: If target, task or layout do not fit.
        NothingUsableError: If there is nothing to learn from (exit code 3).
    """
    path, name = _located(source)
    reader = _chosen(path, layout)
    dataset = reader.read(path, target=target)
    if name is not None:
        dataset = replace(dataset, name=name)
    return usable(_forced(dataset, task))


def place_of(source: str) -> Path | None:
    """The absolute path of a file or folder that is there, or None where nothing is.

    A project called like a built-in set (`--project digits`) does not hide the set.
    """
    path = Path(source).expanduser()
    if not path.exists() or (source in builtin_names() and (path / "project.yaml").is_file()):
        return None
    return path.resolve()


def _located(source: str | Path) -> tuple[Path, str | None]:
    """The absolute path, and the name where it is a built-in set."""
    text = str(source).strip()
    if not text:
        raise UsageError("No data given.", hint="Name a folder, a CSV file, or 'digits'.")
    place = place_of(text)
    if place is not None:
        return place, None
    if text in builtin_names():
        return builtin_folder(text), text
    path = Path(text).expanduser()
    raise InputError(
        f"There is no file or folder {text!r}, and no built-in data of that name.",
        hint=_suggestion(path, text),
    )


def _suggestion(path: Path, text: str) -> str:
    siblings = [child.name for child in path.parent.iterdir()] if path.parent.is_dir() else []
    close = difflib.get_close_matches(path.name, siblings, n=1)
    if close and not difflib.get_close_matches(text, builtin_names(), n=1):
        return f"Did you mean {str(path.parent / close[0])!r}?"
    return nearest(text, builtin_names()).replace("Known:", "Built-in data:")


def _chosen(path: Path, layout: str | None) -> Reader:
    if layout is not None:
        reader: Reader = registry.load(READERS, layout)
        return reader
    best: Reader | None = None
    most = 0.0
    for _, candidate in registry.load_all(READERS):
        sure = candidate.detects(path)
        if sure > most:
            best, most = candidate, sure
    if best is None:
        raise _nothing_found(path)
    return best


def _nothing_found(path: Path) -> InputError | NothingUsableError:
    """Why no reader knows what to do with `path`."""
    advice = (
        "Expected one folder a class, a CSV file with the columns path and label, a table, or one "
        "of the layouts of the documentation's page on data."
    )
    if path.is_file():
        what = "is a single image" if is_image(path) else "is no table, archive or array"
        return InputError(f"{str(path)!r} {what}.", hint=advice)
    if not any(path.iterdir()):
        return NothingUsableError(f"{str(path)!r} is empty.", hint=advice)
    return NothingUsableError(f"There is no image and no table in {str(path)!r}.", hint=advice)


def _forced(dataset: Dataset, task: str | None) -> Dataset:
    """The data set with its targets read for the task that the user asks for."""
    if task is None or task == dataset.task:
        return dataset
    if not dataset.targets:
        return _without_column(dataset, task)
    known = sorted({*_TASKS, *registry.names("phoropter.tasks")})
    if task not in known:
        raise UsageError(f"Unknown task {task!r}.", hint=nearest(task, known))
    if task == "classification":
        return _as_classes(dataset)
    if task == "regression":
        return _as_values(dataset)
    return replace(dataset, task=task)


def _without_column(dataset: Dataset, task: str) -> Dataset:
    """Objects with masks have boxes too, and may be taken for either; nothing else can change."""
    if dataset.objects is not None and task in _OBJECT_TASKS:
        return replace(dataset, task=task)
    raise UsageError(
        f"These data are for {dataset.task}, not for {task!r}: {dataset.description}.",
        hint="Leave --task out.",
    )


def _as_classes(dataset: Dataset) -> Dataset:
    _check_single(dataset, "classification")
    if len(dataset.targets) > 1:
        raise UsageError(
            f"Classification has one target, got {len(dataset.targets)}: "
            f"{', '.join(dataset.targets)}.",
            hint="Name one of them with --target.",
        )
    name = dataset.targets[0]
    labels = [f"{value:.12g}" for value in dataset.table[name]]
    table = dataset.table.with_columns(pl.Series(name, labels, dtype=pl.String))
    return replace(dataset, task="classification", table=table)


def _check_single(dataset: Dataset, task: str) -> None:
    """Refuses to read as one value a sample what is none, or many."""
    if dataset.task not in _TASKS:
        raise UsageError(
            f"These data cannot be read for {task}: {dataset.description}.",
            hint="Leave --task out.",
        )


def _as_values(dataset: Dataset) -> Dataset:
    _check_single(dataset, "regression")
    name = dataset.targets[0]
    values = pl.col(name).cast(pl.Float64, strict=False)
    table = dataset.table.with_columns(values)
    sound = pl.col(name).is_finite().fill_null(value=False)
    lost = dataset.table.filter(table.select(sound).to_series().not_())
    if lost.height == table.height:
        raise UsageError(
            f"Regression needs numbers, but {name!r} holds {lost[name][0]!r}.",
            hint="Name a column of numbers with --target.",
        )
    rejected = tuple(
        Rejected(sample, f"the target {label!r} is not a number", "unusable")
        for sample, label in lost.select("id", name).iter_rows()
    )
    return replace(
        dataset,
        task="regression",
        table=table.filter(sound),
        rejected=dataset.rejected + rejected,
    )
