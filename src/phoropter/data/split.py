"""Which samples are for training, for validation and for the sealed test."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from phoropter.core.errors import CorruptFileError, InputError, NothingUsableError, UsageError
from phoropter.core.records import PARTS, Dataset, Part, Rows, Split
from phoropter.core.tables import read_table, write_table
from phoropter.data.assign import Assignment, assign
from phoropter.data.chronology import runs_of_time, unit_moments
from phoropter.data.units import strata, units

RATIOS: tuple[tuple[int, tuple[float, float, float], str], ...] = (
    (10_000, (0.6, 0.2, 0.2), "up to 10,000 samples, small parts would measure too coarsely"),
    (1_000_000, (0.8, 0.1, 0.1), "a tenth of more than 10,000 samples measures finely enough"),
    (
        2**63,
        (0.98, 0.01, 0.01),
        "one per cent of more than a million samples measures finely enough",
    ),
)
"""Shares of train, val and test by the largest number of samples they are meant for, and why."""

_ALIKE = {
    "classification": "each class divided alike",
    "multilabel": "each class divided alike",
    "regression": "each range of the target divided alike",
    "unpaired": "each set divided alike",
}
_IN_TIME = "in the order of time: the earliest to train on, the latest to test"


def make_split(
    dataset: Dataset,
    *,
    seed: int = 0,
    ratios: tuple[float, float, float] | None = None,
    because: tuple[str, ...] = (),
) -> Split:
    """Divides a data set, each class (or range of the target) alike.

    Samples of one `group` stay together, and so do exact copies of an image, and rows that share
    a value in a column `family` (near copies) or `found` (groups), where the table has one. Parts
    that the data bring are kept; a missing one is cut from train. The outcome depends on the
    samples' identifiers and the seed, not on the order of the rows.

    Where the table has a column `moment`, nothing is drawn: the earliest samples are for training,
    the latest for the test, and what belongs together goes where its latest sample belongs.

    Args:
        dataset: The samples; indexed, so that copies are known.
        seed: Decides the draw.
        ratios: Wanted shares of train, val and test, in any unit; by size where left out.
        because: Sentences on where the columns `found` and `moment` come from, kept with the
            reasons.

    Raises:
        UsageError: If the ratios are not three positive numbers.
        NothingUsableError: If there are too few samples or groups to fill the parts.
    """
    shares, why = _shares(len(dataset), ratios)
    given = [part for part in PARTS if part in dataset.table["part"].unique()]
    missing = tuple(part for part in PARTS[1:] if part not in given)
    table = dataset.table.with_columns(unit=units(dataset), stratum=strata(dataset)).with_columns(
        fixed=pl.col("part").is_in(["val", "test"]).fill_null(value=False)
    )
    pool = table.filter(~pl.col("fixed"))
    if missing and not pool.height:
        raise NothingUsableError(
            f"The data bring only {' and '.join(given)}; nothing is left to train on.",
            hint="Add a train part.",
        )
    cut = _assigned(pool, _cut_shares(shares, missing), held=_held(table), seed=seed)
    parts = {**dict(table.filter("fixed").select("id", "part").iter_rows()), **cut.parts}
    result = table.select(
        "id",
        pl.Series("part", [parts[name] for name in table["id"]], dtype=pl.String),
        "unit",
        *([unit_moments(table)] if "moment" in table.columns else []),
    )
    _check_filled(result, dataset)
    reasons = (
        *_reasons(dataset, given, missing, shares=shares, why=why),
        *because,
        *_togetherness(table, cut),
        *_out_of_time(table, cut),
        *_rare(result, dataset),
    )
    told = [name for name in ("group", "found") if name in table.columns]
    grouped = any(table[name].null_count() < table.height for name in told)
    return Split(table=result, reasons=reasons, seed=seed, grouped=grouped)


def read_ratios(text: str) -> tuple[float, float, float]:
    """The shares of train, val and test that a text such as "7:1.5:1.5" asks for.

    Of two numbers the second is shared by val and test.

    >>> read_ratios("6:2:2"), read_ratios("8:2")
    ((6.0, 2.0, 2.0), (8.0, 1.0, 1.0))

    Raises:
        UsageError: If these are not two or three positive numbers.
    """
    try:
        numbers = [float(word) for word in text.split(":")]
    except ValueError:
        numbers = []
    if len(numbers) == 2:
        numbers = [numbers[0], numbers[1] / 2, numbers[1] / 2]
    if len(numbers) != 3 or not all(np.isfinite(share) and share > 0 for share in numbers):
        raise UsageError(
            f"Ratios are positive numbers for train, val and test, got {text!r}.",
            hint="For example 6:2:2 or 7:1.5:1.5; 8:2 leaves 8 for training.",
        )
    train, val, test = numbers
    return train, val, test


def rows(dataset: Dataset, split: Split, part: Part) -> Rows:
    """Positions in `dataset.table` of the samples of one part, ascending, int64.

    Raises:
        InputError: If the split does not know every sample.
    """
    joined = dataset.table.select("id").join(
        split.table, on="id", how="left", maintain_order="left"
    )
    strangers = joined.filter(pl.col("part").is_null())
    if strangers.height:
        raise InputError(
            f"The split does not know {strangers.height} samples, for example "
            f"{strangers['id'][0]!r}: files were added since it was made.",
            hint="Use a new project folder to split the data as they are now.",
        )
    return np.flatnonzero((joined["part"] == part).to_numpy()).astype(np.int64)


def digest(split: Split) -> str:
    """A hash of who is where, 16 hexadecimal digits; the order of the rows does not matter."""
    sums = hashlib.blake2b(digest_size=8)
    for name, part in split.table.select("id", "part").sort("id").iter_rows():
        sums.update(json.dumps([name, part]).encode())
    return sums.hexdigest()


def write_split(path: Path, split: Split) -> None:
    """Writes the split as Parquet, reasons and seed in its metadata, whole or not at all."""
    about = {
        "reasons": json.dumps(split.reasons),
        "seed": str(split.seed),
        "grouped": json.dumps(split.grouped),
    }
    write_table(path, split.table, about)


def read_split(path: Path) -> Split:
    """What `write_split` wrote.

    Raises:
        CorruptFileError: If the file is damaged or is no split.
    """
    try:
        table, about = read_table(path)
        table = table.select("id", "part", "unit", pl.col("^moment$"))
        reasons = tuple(json.loads(about["reasons"]))
        grouped = bool(json.loads(about["grouped"]))
        return Split(table=table, reasons=reasons, seed=int(about["seed"]), grouped=grouped)
    except (pl.exceptions.PolarsError, OSError, KeyError, ValueError) as error:
        raise CorruptFileError(
            f"The split {str(path)!r} cannot be read: {error}.",
            hint="Restore it, or start a new project: another split means other results.",
        ) from error


def _shares(
    count: int, ratios: tuple[float, float, float] | None
) -> tuple[Mapping[str, float], str]:
    if ratios is None:
        chosen, why = next((shares, why) for limit, shares, why in RATIOS if count <= limit)
    else:
        chosen, why = ratios, "as asked for"
    if np.shape(chosen) != (3,) or not all(np.isfinite(share) and share > 0 for share in chosen):
        raise UsageError(
            f"The ratios of a split must be three positive numbers, got {ratios!r}.",
            hint="For example 6, 2, 2 for train, val and test.",
        )
    return {part: share / sum(chosen) for part, share in zip(PARTS, chosen, strict=True)}, why


def _cut_shares(shares: Mapping[str, float], missing: tuple[str, ...]) -> dict[str, float]:
    """How the pool is divided among train and the missing parts."""
    kept = {part: shares[part] for part in ("train", *missing)}
    return {part: share / sum(kept.values()) for part, share in kept.items()}


def _assigned(
    pool: pl.DataFrame, shares: Mapping[str, float], *, held: set[str], seed: int
) -> Assignment:
    """Who goes where, by the draw or, where the table tells it, by time."""
    if "moment" not in pool.columns:
        return assign(pool, shares, held=held, seed=seed)
    free = pool.filter(~pl.col("unit").is_in(list(held)))
    names = list(shares)
    runs = runs_of_time(unit_moments(free).to_numpy(), list(shares.values()))
    parts = dict.fromkeys(pool["id"], names[0])
    parts |= {name: names[run] for name, run in zip(free["id"], runs, strict=True)}
    return Assignment(parts, ())


def _held(table: pl.DataFrame) -> set[str]:
    """Units that a given validation or test part also holds: their other samples stay in train."""
    return set(table.filter("fixed")["unit"])


def _check_filled(result: pl.DataFrame, dataset: Dataset) -> None:
    present = set(result["part"])
    empty = [part for part in PARTS if part not in present]
    if not empty:
        return
    grouped = dataset.table["group"].null_count() < len(dataset)
    groups = f" in {dataset.table['group'].n_unique()} groups" if grouped else ""
    raise NothingUsableError(
        f"Too few samples to split: {len(dataset)}{groups} leave {' and '.join(empty)} empty.",
        hint="Add samples; five of each class are the least that can be divided sensibly.",
    )


def _reasons(
    dataset: Dataset,
    given: list[Part],
    missing: tuple[Part, ...],
    *,
    shares: Mapping[str, float],
    why: str,
) -> list[str]:
    alike = _ALIKE.get(dataset.task, "drawn at random")
    if "moment" in dataset.table.columns:
        alike = _IN_TIME
    if given and not missing:
        return [f"The data bring {', '.join(given)}; they are kept."]
    if "val" in given or "test" in given:
        cut = _cut_shares(shares, missing)
        return [
            f"The data bring {' and '.join(given)}; {part} is missing and is {cut[part]:.0%} "
            f"of train, {alike}."
            for part in missing
        ]
    percent = ", ".join(f"{part} {share:.0%}" for part, share in shares.items())
    return [f"{percent} of {len(dataset):,} samples ({why}), {alike}."]


def _togetherness(table: pl.DataFrame, cut: Assignment) -> list[str]:
    reasons = []
    groups = table["group"].drop_nulls()
    if len(groups):
        reasons.append(f"{groups.n_unique()} groups are not divided.")
    if "digest" in table.columns:
        copies = table.height - table["digest"].n_unique()
        if copies:
            stay = (
                "copy stays with its original"
                if copies == 1
                else "copies stay with their originals"
            )
            reasons.append(f"{copies} exact {stay}.")
    if "family" in table.columns and (found := table["family"].drop_nulls().n_unique()):
        are = (
            "family of near copies, found by looking, is"
            if found == 1
            else ("families of near copies, found by looking, are")
        )
        reasons.append(f"{found} {are} not divided.")
    torn = table.group_by("unit").agg(pl.col("fixed").n_unique().alias("kinds"))
    straddling = torn.filter(pl.col("kinds") > 1).height
    if straddling:
        reasons.append(
            f"{straddling} groups or copies stand in train and in a given val or test part; "
            "the given parts are kept."
        )
    reasons += [f"Class {name!r} is kept whole in train: {why}." for name, why in cut.kept_whole]
    return reasons


def _out_of_time(table: pl.DataFrame, cut: Assignment) -> list[str]:
    """How many samples were taken along into a later part by others of their unit."""
    if "moment" not in table.columns:
        return []
    places = pl.DataFrame({"id": list(cut.parts), "place": list(cut.parts.values())})
    dealt = table.join(places, on="id")
    train = pl.col("place") == "train"
    last = dealt.filter(train)["moment"].max()
    early = dealt.filter(~train & (pl.col("moment") <= last)).height
    if not early:
        return []
    why = "they belong together with later ones"
    return [f"{early:,} held-out samples are older than the last one to train on: {why}."]


def _rare(result: pl.DataFrame, dataset: Dataset) -> list[str]:
    """Which classes a part lacks."""
    if dataset.task not in {"classification", "multilabel"}:
        return []
    labels = pl.DataFrame({"label": dataset.table[dataset.targets[0]], "part": result["part"]})
    if dataset.task == "multilabel":
        labels = labels.explode("label").drop_nulls("label")
    every = set(labels["label"])
    reasons = []
    for part in PARTS:
        lacking = sorted(every - set(labels.filter(pl.col("part") == part)["label"]))
        if lacking:
            names = ", ".join(map(repr, lacking[:5])) + (", ..." if len(lacking) > 5 else "")
            reasons.append(f"Too few samples: {part} has none of {names}.")
    return reasons
