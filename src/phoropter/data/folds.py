"""Folds for cross-validation: stratified, grouped, repeated, or one unit a fold."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from phoropter.core.errors import CorruptFileError, NothingUsableError, UsageError
from phoropter.core.files import whole_file
from phoropter.core.records import Dataset, Split
from phoropter.core.seed import derive
from phoropter.data.assign import fold_numbers
from phoropter.data.units import strata

LEAVE_ONE_OUT = "leave-one-out"


@dataclass(frozen=True, slots=True)
class Folds:
    """In which fold each sample is held out, for every repeat.

    Args:
        table: Columns `id`, `repeat` and `fold`, both counted from 0; samples of the sealed test
            part are in none.
        reasons: One sentence for each decision that shaped them.
        seed: The seed of whatever was drawn at random.
    """

    table: pl.DataFrame
    reasons: tuple[str, ...]
    seed: int


def make_folds(
    dataset: Dataset, split: Split, *, count: int | str = 5, repeats: int = 1, seed: int = 0
) -> Folds:
    """Divides what is not sealed into folds, each class (or range of the target) alike.

    Samples that the split keeps together (a group, exact copies, near copies) are held out
    together. Every repeat deals them anew.

    Args:
        dataset: The samples; indexed, so that copies are known.
        split: Its test part stays out, its units stay whole.
        count: Folds a repeat, at least 2; or "leave-one-out": one for every sample or group.
        repeats: How often, at least 1.
        seed: Decides the draws.

    Raises:
        UsageError: If count or repeats do not fit.
        NothingUsableError: If there are fewer samples or groups than folds.
    """
    table = dataset.table.with_columns(stratum=strata(dataset))
    held = split.table.filter(pl.col("part") != "test").select("id", "unit")
    pool = table.join(held, on="id", how="inner", maintain_order="left")
    available = pool["unit"].n_unique()
    alone = count == LEAVE_ONE_OUT
    wanted = available if alone else _whole(count)
    _check(wanted, available, repeats=repeats, alone=alone)
    deals = [
        fold_numbers(pool, wanted, seed=derive(seed, "folds", number)) for number in range(repeats)
    ]
    rows = [(name, number, deal[name]) for number, deal in enumerate(deals) for name in pool["id"]]
    schema = {"id": pl.String, "repeat": pl.Int64, "fold": pl.Int64}
    return Folds(
        table=pl.DataFrame(rows, schema=schema, orient="row"),
        reasons=_reasons(pool, wanted, repeats=repeats, alone=alone),
        seed=seed,
    )


def write_folds(path: Path, folds: Folds) -> None:
    """Writes the folds as Parquet, reasons and seed in its metadata, whole or not at all."""
    about = {"reasons": json.dumps(folds.reasons), "seed": str(folds.seed)}
    with whole_file(path) as partial:
        folds.table.write_parquet(partial, metadata=about)


def read_folds(path: Path) -> Folds:
    """What `write_folds` wrote.

    Raises:
        CorruptFileError: If the file is damaged or holds no folds.
    """
    try:
        about = pl.read_parquet_metadata(path)
        table = pl.read_parquet(path, columns=["id", "repeat", "fold"])
        return Folds(table, tuple(json.loads(about["reasons"])), int(about["seed"]))
    except (pl.exceptions.PolarsError, OSError, KeyError, ValueError) as error:
        raise CorruptFileError(
            f"The folds {str(path)!r} cannot be read: {error}.",
            hint="Delete the file and make them again: the same seed gives the same folds.",
        ) from error


def _whole(count: int | str) -> int:
    if isinstance(count, int) and count >= 2:
        return count
    raise UsageError(
        f"Folds must be a whole number from 2 on or {LEAVE_ONE_OUT!r}, got {count!r}.",
        hint="5 and 10 are usual.",
    )


def _check(wanted: int, available: int, *, repeats: int, alone: bool) -> None:
    if repeats < 1 or (alone and repeats > 1):
        raise UsageError(
            f"The folds cannot be repeated {repeats} times.",
            hint="At least once; leaving one out gives the same folds every time.",
        )
    if available < max(wanted, 2):
        raise NothingUsableError(
            f"{wanted} folds need as many samples or groups, and there are {available}.",
            hint="Ask for fewer folds.",
        )


def _reasons(pool: pl.DataFrame, wanted: int, *, repeats: int, alone: bool) -> tuple[str, ...]:
    together = len(pool) - pool["unit"].n_unique()
    unit = "sample or group" if together else "sample"
    reasons = [
        f"{wanted:,} folds, one for each {unit}."
        if alone
        else f"{wanted} folds of {len(pool):,} samples, classes or ranges divided alike, "
        f"{'once' if repeats == 1 else f'{repeats} times'}; the test part is in none."
    ]
    if together:
        reasons.append(f"{together:,} samples are held out together with others they belong to.")
    return tuple(reasons)
