from collections import Counter
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold, TimeSeriesSplit

from phoropter.core.errors import CorruptFileError, NothingUsableError, UsageError
from phoropter.core.records import Dataset, Split
from phoropter.data.folds import make_folds, read_folds, write_folds


def samples(labels, *, groups=None):
    table = pl.DataFrame(
        {
            "id": [f"s{number:04d}" for number in range(len(labels))],
            "label": list(labels),
            "group": pl.Series(groups or [None] * len(labels), dtype=pl.String),
            "part": pl.Series([None] * len(labels), dtype=pl.String),
        }
    )
    return Dataset("x", Path("/x"), "folders", "", "classification", ("label",), table)


def sealing(dataset, sealed=()):
    parts = ["test" if name in sealed else "train" for name in dataset.table["id"]]
    whole = dataset.table.select("id", pl.coalesce("group", "id").alias("unit"))
    return Split(whole.with_columns(part=pl.Series(parts, dtype=pl.String)), (), 0)


def by_fold(dataset, folds, label, repeat=0):
    table = folds.table.filter(pl.col("repeat") == repeat).join(dataset.table, on="id")
    return Counter(table.filter(pl.col("label") == label)["fold"])


@given(
    labels=st.lists(st.sampled_from("abc"), min_size=20, max_size=120),
    count=st.integers(2, 7),
    seed=st.integers(0, 5),
)
def test_every_sample_is_held_out_once_and_classes_as_evenly_as_scikit_learn(labels, count, seed):
    dataset = samples(labels)
    folds = make_folds(dataset, sealing(dataset), count=count, seed=seed)
    assert sorted(folds.table["id"]) == sorted(dataset.table["id"])
    sizes = Counter(folds.table["fold"])
    assert max(sizes.values()) - min(sizes.get(fold, 0) for fold in range(count)) <= 1
    for label in set(labels):
        ours = by_fold(dataset, folds, label)
        spread = max(ours.values()) - min(ours.get(fold, 0) for fold in range(count))
        assert spread <= 1
    if min(Counter(labels).values()) >= count:
        theirs = StratifiedKFold(count).split(labels, labels)
        assert sorted(sizes.values()) == sorted(len(held) for _, held in theirs)


@given(groups=st.lists(st.integers(0, 12), min_size=30, max_size=90), seed=st.integers(0, 5))
def test_groups_are_held_out_together(groups, seed):
    dataset = samples(
        ["a", "b"] * (len(groups) // 2), groups=[f"g{n}" for n in groups][: len(groups) // 2 * 2]
    )
    if dataset.table["group"].n_unique() < 3:
        return
    folds = make_folds(dataset, sealing(dataset), count=3, seed=seed)
    together = (
        folds.table.join(dataset.table, on="id").group_by("group").agg(pl.col("fold").n_unique())
    )
    assert together["fold"].max() == 1


def test_the_sealed_part_is_in_no_fold():
    dataset = samples("ab" * 20)
    folds = make_folds(dataset, sealing(dataset, {"s0003", "s0007"}), count=4)
    assert set(dataset.table["id"]) - set(folds.table["id"]) == {"s0003", "s0007"}
    assert "the test part is in none" in folds.reasons[0]


def test_repeats_deal_anew_and_seeds_repeat():
    dataset = samples("ab" * 30)
    folds = make_folds(dataset, sealing(dataset), count=3, repeats=2, seed=1)
    first, second = (
        folds.table.filter(pl.col("repeat") == number)["fold"].to_list() for number in (0, 1)
    )
    assert first != second
    assert make_folds(dataset, sealing(dataset), count=3, repeats=2, seed=1).table.equals(
        folds.table
    )
    mixed = dataset.table.sample(fraction=1, shuffle=True, seed=3)
    shuffled = replace(dataset, table=mixed)
    again = make_folds(shuffled, sealing(dataset), count=3, repeats=2, seed=1)
    assert again.table.sort("repeat", "id").equals(folds.table.sort("repeat", "id"))


def test_leaving_one_out_leaves_one_sample_or_group_out():
    dataset = samples("ab" * 5, groups=["p", "p", *[None] * 8])
    folds = make_folds(dataset, sealing(dataset), count="leave-one-out")
    assert folds.table["fold"].n_unique() == 9
    assert folds.table.filter(pl.col("id").is_in(["s0000", "s0001"]))["fold"].n_unique() == 1
    assert "one for each sample or group" in folds.reasons[0]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"count": 1}, UsageError, "got 1"),
        ({"count": "all"}, UsageError, "got 'all'"),
        ({"repeats": 0}, UsageError, "repeated 0 times"),
        ({"count": "leave-one-out", "repeats": 2}, UsageError, "repeated 2 times"),
        ({"count": 11}, NothingUsableError, "there are 10"),
    ],
)
def test_what_cannot_be_folded(options, error, message):
    dataset = samples("ab" * 5)
    with pytest.raises(error, match=message):
        make_folds(dataset, sealing(dataset), **options)


def in_time(count, moments=None, sealed=()):
    dataset = samples("ab" * (count // 2))
    split = sealing(dataset, sealed)
    column = pl.Series("moment", range(count) if moments is None else moments, dtype=pl.Int64)
    return dataset, replace(split, table=split.table.with_columns(column))


@pytest.mark.parametrize(("size", "count"), [(24, 5), (100, 4), (30, 2)])
def test_folds_in_time_are_those_of_scikit_learn(size, count):
    dataset, split = in_time(size)
    folds = make_folds(dataset, split, count=count)
    expected = TimeSeriesSplit(count, test_size=size // (count + 1)).split(range(size))
    for fold, (train, test) in enumerate(expected):
        trained, held = folds.trained_and_held(fold)
        assert trained.to_list() == [f"s{row:04d}" for row in train]
        assert held.to_list() == [f"s{row:04d}" for row in test]


@given(
    moments=st.lists(st.integers(0, 30), min_size=20, max_size=60).filter(
        lambda moments: len(set(moments)) >= 12
    ),
    count=st.integers(2, 6),
)
def test_folds_in_time_are_predicted_from_their_past(moments, count):
    moments = moments[: len(moments) // 2 * 2]
    dataset, split = in_time(len(moments), moments, sealed=("s0003",))
    folds = make_folds(dataset, split, count=count)
    when = dict(zip(dataset.table["id"], moments, strict=True))
    seen = []
    for fold in range(count):
        trained, held = folds.trained_and_held(fold)
        assert max(when[name] for name in trained) < min(when[name] for name in held)
        assert "s0003" not in {*trained, *held}
        seen += held.to_list()
    first = folds.table.filter(pl.col("fold").is_null())["id"].to_list()
    assert sorted([*seen, *first, "s0003"]) == sorted(dataset.table["id"])


def test_drawn_folds_are_predicted_from_all_others():
    dataset = samples("ab" * 10)
    folds = make_folds(dataset, sealing(dataset, ("s0000",)), count=3, repeats=2)
    trained, held = folds.trained_and_held(1, repeat=1)
    assert not set(trained) & set(held)
    assert len(trained) + len(held) == 19
    assert len(held) in {6, 7}


@pytest.mark.parametrize("options", [{"repeats": 2}, {"count": "leave-one-out"}])
def test_folds_in_time_are_dealt_once(options):
    dataset, split = in_time(20)
    with pytest.raises(UsageError, match="in the order of time are dealt once"):
        make_folds(dataset, split, **options)
    with pytest.raises(NothingUsableError, match="20 different moments"):
        make_folds(dataset, split, count=20)


def test_folds_are_read_back_and_damage_is_told(tmp_path):
    dataset = samples("ab" * 10)
    folds = make_folds(dataset, sealing(dataset), count=3)
    path = tmp_path / "folds.parquet"
    write_folds(path, folds)
    again = read_folds(path)
    assert again.table.equals(folds.table)
    assert (again.reasons, again.seed) == (folds.reasons, folds.seed)
    assert not again.in_time
    write_folds(path, make_folds(*in_time(20), count=3))
    assert read_folds(path).in_time
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(CorruptFileError, match="folds"):
        read_folds(path)
