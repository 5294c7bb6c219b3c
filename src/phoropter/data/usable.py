"""What must hold before anything can be learnt from a data set."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from phoropter.core.errors import NothingUsableError
from phoropter.core.records import Dataset, Rejected


def usable(dataset: Dataset) -> Dataset:
    """The data set without the samples that cannot take part, each listed as rejected.

    A class that only a given validation or test part holds cannot be predicted.

    Raises:
        NothingUsableError: If no sample is left, or classes to tell apart are fewer than two.
    """
    if not len(dataset):
        raise NothingUsableError(
            f"No sample of {str(dataset.root)!r} can be used{_why(dataset)}.",
            hint="`phoropter look --json` lists every rejected file with its reason.",
        )
    if dataset.task != "classification":
        return dataset
    dataset = _without_unlearnable(dataset)
    labels = dataset.table[dataset.targets[0]]
    if labels.n_unique() < 2:
        only = f"only one class, {labels[0]!r}" if len(labels) else "no class with training images"
        raise NothingUsableError(
            f"{str(dataset.root)!r} holds {only}{_why(dataset)}.",
            hint="Classification needs one folder (or label) for each of at least two classes.",
        )
    return dataset


def _without_unlearnable(dataset: Dataset) -> Dataset:
    table, target = dataset.table, dataset.targets[0]
    if table["part"].null_count() == table.height:
        return dataset
    samples = "images" if dataset.modality == "image" else "rows"
    learnable = table.filter(pl.col("part").is_null() | (pl.col("part") == "train"))
    known = pl.col(target).is_in(learnable[target].unique().to_list())
    lost = tuple(
        Rejected(name, f"class {label!r} has no training {samples}", "unusable")
        for name, label in table.filter(~known).select("id", target).iter_rows()
    )
    return replace(dataset, table=table.filter(known), rejected=dataset.rejected + lost)


def _why(dataset: Dataset) -> str:
    if not dataset.rejected:
        return ""
    first = dataset.rejected[0]
    return f"; {len(dataset.rejected)} rejected, the first: {first.path!r} ({first.reason})"
