from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoropter.core.errors import CorruptFileError, InputError, NothingUsableError, UsageError
from phoropter.core.records import PARTS, Dataset, Split
from phoropter.data.assign import quotas
from phoropter.data.split import digest, make_split, read_split, rows, write_split
from phoropter.data.units import strata, units


def samples(
    labels: Sequence[str] | Sequence[float],
    *,
    groups: Sequence[str | None] | None = None,
    digests: Sequence[str] | None = None,
    parts: Sequence[str | None] | None = None,
) -> Dataset:
    count = len(labels)
    numeric = count > 0 and isinstance(labels[0], float)
    table = pl.DataFrame(
        {
            "id": [f"s{number:05d}" for number in range(count)],
            "label": list(labels),
            "group": pl.Series(groups or [None] * count, dtype=pl.String),
            "part": pl.Series(parts or [None] * count, dtype=pl.String),
        }
    )
    if digests is not None:
        table = table.with_columns(digest=pl.Series(digests, dtype=pl.String))
    task = "regression" if numeric else "classification"
    return Dataset("x", Path("/x"), "folders", "", task, ("label",), table)


def sizes(split: Split) -> dict[str, int]:
    return dict(Counter(split.table["part"]))


def by_class(dataset: Dataset, split: Split, part: str) -> Counter[str]:
    return Counter(dataset.table["label"].filter(split.table["part"] == part))


def reasons(split: Split) -> str:
    return " ".join(split.reasons)


labelled = st.lists(st.sampled_from("abcd"), min_size=30, max_size=200)


@given(labels=labelled, seed=st.integers(0, 9))
def test_every_sample_is_in_exactly_one_part(labels: list[str], seed: int) -> None:
    dataset = samples(labels)
    split = make_split(dataset, seed=seed)
    assert split.table["id"].to_list() == dataset.table["id"].to_list()
    assert set(split.table["part"]) == set(PARTS)
    together = np.concatenate([rows(dataset, split, part) for part in PARTS])
    assert sorted(together.tolist()) == list(range(len(dataset)))
    assert together.dtype == np.int64


@given(labels=labelled, seed=st.integers(0, 9))
def test_classes_are_divided_alike_within_one_sample(labels: list[str], seed: int) -> None:
    dataset = samples(labels)
    split = make_split(dataset, seed=seed, ratios=(6, 2, 2))
    for part, share in zip(PARTS, (0.6, 0.2, 0.2), strict=True):
        found = by_class(dataset, split, part)
        for label, count in Counter(labels).items():
            assert abs(found[label] - share * count) < 1 + 1e-9
        assert abs(sum(found.values()) - share * len(labels)) < 3
    assert set(by_class(dataset, split, "train")) == set(labels)


@given(labels=labelled, data=st.data())
def test_the_order_of_the_rows_does_not_matter(labels: list[str], data: st.DataObject) -> None:
    groups = data.draw(
        st.lists(st.sampled_from([None, *"stuvwxyz"]), min_size=len(labels), max_size=len(labels))
    )
    dataset = samples(labels, groups=groups)
    order = data.draw(st.permutations(range(len(labels))))
    shuffled = replace(dataset, table=dataset.table[list(order)])
    first, second = make_split(dataset, seed=1), make_split(shuffled, seed=1)
    assert digest(first) == digest(second)
    assert first.table.sort("id").equals(second.table.sort("id"))
    assert second.table["id"].to_list() == shuffled.table["id"].to_list()


@given(
    draw=st.integers(0, 2**32).map(np.random.default_rng),
    count=st.integers(60, 150),
    ratios=st.sampled_from([(6.0, 2.0, 2.0), (7.0, 1.5, 1.5), (0.5, 0.25, 0.25)]),
)
def test_groups_and_copies_stay_together(
    draw: np.random.Generator, count: int, ratios: tuple[float, float, float]
) -> None:
    labels = draw.choice(list("abcd"), count).tolist()
    people = draw.integers(0, count // 3, count)
    groups = [f"g{number}" if number % 4 else None for number in people]
    digests = [f"d{number}" for number in range(count)]
    for copy, original in draw.integers(0, count, (count // 12, 2)):
        digests[copy] = digests[original]
    dataset = samples(labels, groups=groups, digests=digests)
    split = make_split(dataset, ratios=ratios)
    frame = dataset.table.with_columns(place=split.table["part"])
    for column in ("group", "digest"):
        known = frame.filter(pl.col(column).is_not_null())
        assert known.group_by(column).agg(pl.col("place").n_unique())["place"].max() == 1
    assert set(by_class(dataset, split, "train")) == set(labels)


def test_grouped_parts_are_near_their_sizes_and_classes() -> None:
    draw = np.random.default_rng(0)
    people = [f"p{number}" for number in range(60) for _ in range(draw.integers(1, 12))]
    habits = {name: draw.dirichlet([1, 1, 1]) for name in people}
    labels = [str(draw.choice(list("abc"), p=habits[name])) for name in people]
    dataset = samples(labels, groups=people)
    split = make_split(dataset, seed=0)
    for part, share in zip(PARTS, (0.6, 0.2, 0.2), strict=True):
        found = by_class(dataset, split, part)
        assert sum(found.values()) == pytest.approx(share * len(labels), abs=6)
        for label, count in Counter(labels).items():
            assert found[label] == pytest.approx(share * count, abs=6)
    assert "60 groups are not divided" in reasons(split)


def test_seeds_differ_and_repeat() -> None:
    dataset = samples(list("ab") * 50)
    digests = [digest(make_split(dataset, seed=seed)) for seed in (0, 1, 0)]
    assert digests[0] == digests[2] != digests[1]
    assert make_split(dataset, seed=3).seed == 3


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (100, {"train": 60, "val": 20, "test": 20}),
        (20_000, {"train": 16_000, "val": 2000, "test": 2000}),
    ],
)
def test_default_ratios_by_size(count: int, expected: dict[str, int]) -> None:
    split = make_split(samples(list("ab") * (count // 2)))
    assert sizes(split) == expected
    assert f"of {count:,} samples" in split.reasons[0]


def test_asked_ratios() -> None:
    split = make_split(samples(["a"] * 100 + ["b"] * 100), ratios=(7, 1.5, 1.5))
    assert sizes(split) == {"train": 140, "val": 30, "test": 30}
    assert "train 70%, val 15%, test 15%" in split.reasons[0]
    assert "as asked for" in split.reasons[0]


@pytest.mark.parametrize("ratios", [(1, 0, 1), (1, -1, 1), (1, float("nan"), 1), (0.8, 0.2)])
def test_impossible_ratios(ratios: tuple[float, float, float]) -> None:
    with pytest.raises(UsageError, match="three positive numbers"):
        make_split(samples(list("ab") * 20), ratios=ratios)


@pytest.mark.parametrize(
    ("given_parts", "expected", "reason"),
    [
        (["train", "val", "test"], {"train": 60, "val": 60, "test": 60}, "they are kept"),
        (
            ["train", "val", "val"],
            {"train": 45, "val": 120, "test": 15},
            "test is missing and is 25%",
        ),
        (
            ["train", "test", "test"],
            {"train": 45, "val": 15, "test": 120},
            "val is missing and is 25%",
        ),
        (["train", "train", "train"], {"train": 108, "val": 36, "test": 36}, "of 180 samples"),
        ([None, None, "test"], {"train": 90, "val": 30, "test": 60}, "val is missing and is 25%"),
    ],
)
def test_given_parts_are_kept_and_missing_ones_cut_from_train(
    given_parts: list[str | None], expected: dict[str, int], reason: str
) -> None:
    dataset = samples(list("ab") * 90, parts=given_parts * 60)
    split = make_split(dataset)
    assert sizes(split) == expected
    assert reason in split.reasons[0]
    for before, after in zip(dataset.table["part"], split.table["part"], strict=True):
        assert before in {after, "train", None}


def test_no_part_to_train_on() -> None:
    with pytest.raises(NothingUsableError, match="only test"):
        make_split(samples(list("ab") * 10, parts=["test"] * 20))


def test_copies_of_given_test_images_are_not_moved_to_validation() -> None:
    parts = ["train"] * 40 + ["test"] * 40
    digests = [f"d{number % 40}" for number in range(80)]
    digests[:20] = [f"only{number}" for number in range(20)]
    split = make_split(samples(list("ab") * 40, parts=parts, digests=digests))
    moved = split.table.filter(pl.col("part") == "val")["id"]
    assert set(moved) <= {f"s{number:05d}" for number in range(20)}
    assert "20 groups or copies stand in train and in a given val or test" in reasons(split)
    assert "20 exact copies stay with their originals" in reasons(split)


def test_class_of_one_stays_in_train() -> None:
    split = make_split(samples(["a"] * 20 + ["b"] * 20 + ["rare"]))
    assert split.table["part"][-1] == "train"
    assert "Class 'rare' is kept whole in train: it has one sample." in split.reasons
    assert "val has none of 'rare'" in reasons(split)


def test_class_of_one_group_stays_in_train() -> None:
    groups = [f"g{number % 10}" for number in range(40)] + ["alone"] * 5
    split = make_split(samples(["a", "b"] * 20 + ["rare"] * 5, groups=groups))
    assert set(split.table["part"][-5:]) == {"train"}
    assert "its samples belong together" in reasons(split)


def test_group_that_fits_elsewhere_is_moved_to_train_for_its_rare_class() -> None:
    labels = ["a"] * 59 + ["rare"] + ["b"] * 30
    groups = ["g1"] * 30 + ["g2"] * 30 + [None] * 30
    split = make_split(samples(labels, groups=groups))
    assert set(split.table["part"][:60]) == {"train"}


@pytest.mark.parametrize("labels", [["a", "b"], ["a", "b", "c", "d"], ["a", "a", "b"]])
def test_too_few_samples(labels: list[str]) -> None:
    with pytest.raises(NothingUsableError, match=f"Too few samples to split: {len(labels)}"):
        make_split(samples(labels))


def test_too_few_groups() -> None:
    with pytest.raises(NothingUsableError, match="40 in 2 groups"):
        make_split(samples(list("ab") * 20, groups=["x"] * 20 + ["y"] * 20))


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=50, max_size=300), seed=st.integers(0, 3))
def test_ranges_of_a_numeric_target_are_divided_alike(values: list[float], seed: int) -> None:
    dataset = samples(values)
    split = make_split(dataset, seed=seed, ratios=(6, 2, 2))
    ranges = strata(dataset)
    for part, share in zip(PARTS, (0.6, 0.2, 0.2), strict=True):
        found = Counter(ranges.filter(split.table["part"] == part))
        for name, count in Counter(ranges).items():
            assert abs(found[name] - share * count) < 2
    assert "each range of the target" in split.reasons[0]


def test_ranges_hold_equally_many_and_do_not_divide_equal_values() -> None:
    assert sorted(Counter(strata(samples(np.arange(200.0).tolist()))).values()) == [20] * 10
    mostly_zero = [0.0] * 72 + np.linspace(-1, 1, 28).tolist()
    assert strata(samples(mostly_zero)).head(72).n_unique() == 1
    assert strata(samples([3.0] * 50)).n_unique() == 1


def test_units_join_over_groups_and_copies() -> None:
    dataset = samples(
        list("aaaaaa"),
        groups=["g", "g", None, None, "h", None],
        digests=["1", "2", "2", "3", "3", "4"],
    )
    assert units(dataset).to_list() == ["s00000"] * 3 + ["s00003"] * 2 + ["s00005"]


@given(
    totals=st.lists(st.integers(0, 50), min_size=1, max_size=40),
    shares=st.sampled_from([[0.6, 0.2, 0.2], [0.98, 0.01, 0.01], [0.75, 0.25], [1.0]]),
)
def test_quotas(totals: list[int], shares: list[float]) -> None:
    counts = np.array(totals)
    result = quotas(counts, shares, first_served=True)
    exact = np.outer(counts, shares)
    assert (result >= 0).all()
    assert (result.sum(axis=1) == counts).all()
    assert (np.abs(result - exact) < 1 + 1e-9).all()
    assert (result[counts > 0, 0] > 0).all()
    assert (np.abs(result.sum(axis=0) - exact.sum(axis=0)) < len(shares)).all()


@pytest.mark.parametrize("seed", range(12))
def test_samples_of_several_classes_are_divided_alike(seed: int) -> None:
    """Within six samples of each class; drawn at random, a part is off by up to twelve."""
    draw = np.random.default_rng(seed)
    sets = [{name for name in "abcde" if draw.random() < 0.4} for _ in range(40 + 10 * seed)]
    dataset = several(sets)
    split = make_split(dataset, seed=seed)
    held = sizes(split)
    assert abs(held["val"] - 0.2 * len(sets)) <= 3
    assert abs(held["test"] - 0.2 * len(sets)) <= 3
    for label in "abcde":
        with_label = dataset.table["label"].list.contains(label)
        total = with_label.sum()
        for part, share in (("train", 0.6), ("val", 0.2), ("test", 0.2)):
            there = (with_label & (split.table["part"] == part)).sum()
            assert abs(there - share * total) <= 6


def test_classes_of_several_that_a_part_lacks_are_named() -> None:
    split = make_split(several([{"a"}] * 30 + [{"a", "b"}]))
    assert "val has none of 'b'" in reasons(split)
    assert split.table["part"][30] == "train"


def several(sets: Sequence[set[str]]) -> Dataset:
    dataset = samples(["x"] * len(sets))
    labels = pl.Series("label", [sorted(one) for one in sets], dtype=pl.List(pl.String))
    return replace(dataset, task="multilabel", table=dataset.table.with_columns(labels))


@given(draw=st.integers(0, 2**32).map(np.random.default_rng), count=st.integers(20, 120))
def test_in_the_order_of_time_nothing_to_train_on_is_younger(
    draw: np.random.Generator, count: int
) -> None:
    moments = draw.integers(0, 3 * count, count)
    pairs = draw.integers(0, 20 * count, count)
    dataset = samples(list("ab") * (count // 2) + ["a"] * (count % 2))
    table = dataset.table.with_columns(moment=pl.Series(moments), found=pl.Series(pairs).cast(str))
    dataset = replace(dataset, table=table)
    split = make_split(dataset, because=("The time is told.",))
    frame = table.join(split.table.select("id", "part", "unit", late="moment"), on="id")
    assert frame.group_by("unit").agg(pl.n_unique("part_right"))["part_right"].max() == 1
    assert frame.group_by("found").agg(pl.n_unique("part_right"))["part_right"].max() == 1
    ends = {part: frame.filter(part_right=part)["late"] for part in PARTS}
    assert ends["train"].max() < ends["val"].min() <= ends["val"].max() < ends["test"].min()
    # What is trained on is really older; what is held out may have older company.
    assert frame.filter(part_right="train")["moment"].max() < ends["val"].min()
    alone = frame.filter(pl.col("moment") == pl.col("late"), pl.col("part_right") != "train")
    assert alone["moment"].min() > frame.filter(part_right="train")["moment"].max()
    last = frame.filter(part_right="train")["moment"].max()
    early = frame.filter(pl.col("part_right") != "train", pl.col("moment") <= last).height
    assert ("older than the last one" in reasons(split)) == (early > 0)
    assert digest(make_split(dataset, seed=9)) == digest(split)


def test_a_given_test_part_leaves_the_latest_of_the_rest_for_validation() -> None:
    dataset = samples(list("ab") * 50, parts=["train"] * 80 + ["test"] * 20)
    late = pl.Series("moment", list(range(80)) + list(range(20)))
    split = make_split(replace(dataset, table=dataset.table.with_columns(late)))
    assert split.table["part"].to_list() == ["train"] * 60 + ["val"] * 20 + ["test"] * 20
    assert "in the order of time" in reasons(split)


def test_rows_of_a_changed_data_set() -> None:
    dataset = samples(list("ab") * 20)
    split = make_split(dataset)
    fewer = replace(dataset, table=dataset.table.tail(10))
    assert sum(len(rows(fewer, split, part)) for part in PARTS) == 10
    more = samples(list("ab") * 21)
    with pytest.raises(InputError, match="does not know 2 samples, for example 's00040'"):
        rows(more, split, "train")


def test_split_is_read_back(tmp_path: Path) -> None:
    split = make_split(samples(list("ab") * 20 + ["é"]), seed=7)
    write_split(tmp_path / "split.parquet", split)
    again = read_split(tmp_path / "split.parquet")
    assert again.table.equals(split.table)
    assert again.reasons == split.reasons
    assert again.seed == 7
    assert digest(again) == digest(split)


def test_a_split_in_the_order_of_time_is_read_back(tmp_path: Path) -> None:
    dataset = samples(list("ab") * 20)
    moments = pl.Series("moment", list(range(40)))
    split = make_split(replace(dataset, table=dataset.table.with_columns(moments)))
    write_split(tmp_path / "split.parquet", split)
    assert read_split(tmp_path / "split.parquet").table.equals(split.table)


def test_damaged_split(tmp_path: Path) -> None:
    path = tmp_path / "split.parquet"
    for content in (None, b"", b"no"):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(CorruptFileError, match="cannot be read"):
            read_split(path)
    pl.DataFrame({"id": ["a"], "part": ["train"], "unit": ["a"]}).write_parquet(path)
    with pytest.raises(CorruptFileError, match="reasons"):
        read_split(path)
