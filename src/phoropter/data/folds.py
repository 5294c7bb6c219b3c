"""Folds for cross-validation: stratified, grouped, repeated, one unit a fold, or along time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from phoropter.core.errors import CorruptFileError, NothingUsableError, UsageError
from phoropter.core.records import Dataset, Split
from phoropter.core.seed import derive
from phoropter.core.tables import read_table, write_table
from phoropter.data.assign import fold_numbers
from phoropter.data.chronology import runs_of_time
from phoropter.data.units import strata

LEAVE_ONE_OUT = "leave-one-out"

_SCHEMA = {"id": pl.String, "repeat": pl.Int64, "fold": pl.Int64}


@dataclass(frozen=True, slots=True)
class Folds:
    """In which fold each sample is held out, for every repeat.

    Args:
        table: Columns `id`, `repeat` and `fold`, both counted from 0; samples of the sealed test
            part are in none. The earliest samples of folds along time are never held out: their
            `fold` is null.
        reasons: One sentence for each decision that shaped them.
        seed: The seed of whatever was drawn at random.
        in_time: Whether folds follow each other in time, so that each may be predicted only from
            what comes before it.
    """

    table: pl.DataFrame
    reasons: tuple[str, ...]
    seed: int
    in_time: bool = False

    def trained_and_held(self, fold: int, *, repeat: int = 0) -> tuple[pl.Series, pl.Series]:
        """Identifiers of the samples to train on, and of those to be predicted, for one fold."""
        rows = self.table.filter(pl.col("repeat") == repeat)
        own = pl.col("fold").fill_null(-1)
        trained = own < fold if self.in_time else own != fold
        return rows.filter(trained)["id"], rows.filter(own == fold)["id"]


def make_folds(
    dataset: Dataset, split: Split, *, count: int | str = 5, repeats: int = 1, seed: int = 0
) -> Folds:
    """Divides what is not sealed into folds, each class (or range of the target) alike.

    Samples that the split keeps together (a group, exact copies, near copies) are held out
    together. Every repeat deals them anew.

    Where the split follows time, so do the folds, as runs of about one length: the first is only
    trained on, and each later one is predicted from all before it (a rolling origin; Tashman,
    "Out-of-sample tests of forecasting accuracy", 2000).

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
    held = split.table.filter(pl.col("part") != "test").drop("part")
    if "moment" in held.columns:
        return _along_time(held, count, repeats=repeats, seed=seed)
    pool = table.join(held, on="id", how="inner", maintain_order="left")
    available = pool["unit"].n_unique()
    alone = count == LEAVE_ONE_OUT
    wanted = available if alone else _whole(count)
    _check(wanted, available, repeats=repeats, alone=alone)
    deals = [
        fold_numbers(pool, wanted, seed=derive(seed, "folds", number)) for number in range(repeats)
    ]
    rows = [(name, number, deal[name]) for number, deal in enumerate(deals) for name in pool["id"]]
    return Folds(
        table=pl.DataFrame(rows, schema=_SCHEMA, orient="row"),
        reasons=_reasons(pool, wanted, repeats=repeats, alone=alone),
        seed=seed,
    )


def write_folds(path: Path, folds: Folds) -> None:
    """Writes the folds as Parquet, reasons and seed in its metadata, whole or not at all."""
    about = {
        "reasons": json.dumps(folds.reasons),
        "seed": str(folds.seed),
        "in_time": json.dumps(folds.in_time),
    }
    write_table(path, folds.table, about)


def read_folds(path: Path) -> Folds:
    """What `write_folds` wrote.

    Raises:
        CorruptFileError: If the file is damaged or holds no folds.
    """
    try:
        table, about = read_table(path)
        table = table.select("id", "repeat", "fold")
        reasons, in_time = tuple(json.loads(about["reasons"])), json.loads(about["in_time"])
        return Folds(table, reasons, int(about["seed"]), bool(in_time))
    except (pl.exceptions.PolarsError, OSError, KeyError, ValueError) as error:
        raise CorruptFileError(
            f"The folds {str(path)!r} cannot be read: {error}.",
            hint="Delete the file and make them again: the same seed gives the same folds.",
        ) from error


def _along_time(pool: pl.DataFrame, count: int | str, *, repeats: int, seed: int) -> Folds:
    if count == LEAVE_ONE_OUT or repeats != 1:
        raise UsageError(
            "Folds in the order of time are dealt once and hold out a run each, got "
            f"{count!r} folds and {repeats} repeats.",
            hint="Say how many: --folds 5.",
        )
    wanted = _whole(count)
    run = runs_of_time(pool["moment"].to_numpy(), [1 / (wanted + 1)] * (wanted + 1))
    fold = pl.Series("fold", run - 1, dtype=pl.Int64)
    table = pool.select("id", pl.lit(0, dtype=pl.Int64).alias("repeat"), fold)
    first = int((run == 0).sum())
    reason = (
        f"{wanted} folds of {len(pool):,} samples follow each other in time; each is predicted "
        f"from all before it, the first from the earliest {first:,} samples, which no fold holds "
        "out; the test part is in none."
    )
    table = table.with_columns(pl.when(fold >= 0).then(fold).alias("fold"))
    return Folds(table, (reason,), seed, in_time=True)


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
