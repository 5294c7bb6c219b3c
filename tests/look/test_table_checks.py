"""Checks on columns: each must speak where something is planted and be silent on sound tables."""

import csv
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.linear_model import LinearRegression

from phoropter.core.records import Dataset
from phoropter.data.open import open_dataset
from phoropter.data.split import make_split
from phoropter.look.checks import column_outliers, exact_duplicates
from phoropter.look.collinearity import correlations, same_partition, variance_inflation
from phoropter.look.evidence import LookEvidence
from phoropter.look.run import look
from phoropter.prediction.row_features import TableFeatures

COUNT = 200


def looked_at(dataset):
    flat = np.zeros((len(dataset), 32, 32), dtype=np.uint8)
    evidence = LookEvidence(dataset, make_split(dataset), TableFeatures(), flat)
    return look(evidence).findings


def sound(seed=0):
    """Columns of a table without any fault."""
    rng = np.random.default_rng(seed)
    size = rng.normal(size=COUNT)
    weight = rng.gamma(2.0, size=COUNT)
    kind = rng.choice(["red", "green", "blue"], COUNT)
    likely = 1 / (1 + np.exp(-size - (kind == "red")))
    label = np.where(rng.random(COUNT) < likely, "yes", "no")
    return {"size": size, "weight": weight, "kind": kind, "label": label}


@pytest.fixture
def findings(tmp_path):
    """A function that writes columns as a CSV file and gives the findings by code."""

    def found(columns, *, target="label", files=("data",)):
        places = np.array_split(np.arange(COUNT), len(files))
        for name, rows in zip(files, places, strict=True):
            with (tmp_path / f"{name}.csv").open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(columns)
                writer.writerows(zip(*(np.asarray(c)[rows] for c in columns.values()), strict=True))
        by_code = {}
        for finding in looked_at(open_dataset(tmp_path, target=target)):
            by_code.setdefault(finding.code, []).append(finding)
        return by_code

    return found


def test_a_sound_table_has_nothing_to_say(findings):
    assert set(findings(sound())) <= {"class-imbalance", "rare-class"}


def test_copies_and_other_units(findings):
    columns = sound()
    columns = {"inches": columns["size"] / 2.54, "turned": -columns["weight"], **columns}
    columns["colour"] = np.char.add("c-", columns["kind"])
    columns["inches"][3] = 1e12
    (finding,) = findings(columns)["multicollinearity"]
    assert finding.severity == "warning"
    pairs = {tuple(sorted(pair)) for pair in finding.evidence["same"]}
    assert pairs == {("inches", "size"), ("turned", "weight"), ("colour", "kind")}


def test_a_sum_of_others_is_inflated(findings):
    columns = sound()
    third = np.random.default_rng(5).normal(size=COUNT)
    total = columns["size"] + columns["weight"] + third
    (finding,) = findings({"third": third, "total": total, **columns})["multicollinearity"]
    assert finding.severity == "info"
    assert finding.evidence["vif"]["total"] > 1e5
    assert finding.evidence["same"] == []


@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(30, 80))
def test_inflation_is_that_of_the_regressions(seed, width, count):
    rng = np.random.default_rng(seed)
    columns = rng.normal(size=(count, width)) @ rng.normal(size=(width, width))
    factors = variance_inflation(columns)
    for at in range(width):
        others = np.delete(columns, at, axis=1)
        fit = LinearRegression().fit(others, columns[:, at]).score(others, columns[:, at])
        expected = 1 / max(1 - fit, 1e-9)
        if expected < 1_000:  # beyond, rounding and the limit for exact ties show
            assert factors[at] == pytest.approx(expected, rel=1e-2)
        else:
            assert factors[at] > 500


def test_inflation_of_two_columns_has_a_closed_form():
    rng = np.random.default_rng(0)
    first = rng.normal(size=500)
    second = 0.8 * first + 0.6 * rng.normal(size=500)
    r = np.corrcoef(first, second)[0, 1]
    factors = variance_inflation(np.stack([first, second, np.ones(500)], axis=1))
    assert factors == pytest.approx([1 / (1 - r**2), 1 / (1 - r**2), 1])


def test_correlations_equal_numpys_over_the_rows_that_both_have():
    rng = np.random.default_rng(1)
    columns = rng.normal(size=(60, 4)) @ rng.normal(size=(4, 4))
    columns[rng.random(columns.shape) < 0.2] = np.nan
    columns[:, 3] = 7
    result = correlations(columns)
    for a in range(3):
        for b in range(3):
            both = np.isfinite(columns[:, [a, b]]).all(axis=1)
            assert result[a, b] == pytest.approx(np.corrcoef(columns[both][:, [a, b]].T)[0, 1])
    assert result[3].tolist() == [0, 0, 0, 0]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1))
def test_same_partition_means_that_pairs_agree(pairs):
    first, second = (np.array(values) for values in zip(*pairs, strict=True))
    alike = all(
        (a == c) == (b == d)
        for a, b in zip(first, second, strict=True)
        for c, d in zip(first, second, strict=True)
    )
    assert same_partition(first, second) == alike


def test_constant_empty_and_nearly_constant_columns(findings):
    nearly = np.zeros(COUNT)
    nearly[7] = 1
    columns = {"same": ["x"] * COUNT, "empty": [""] * COUNT, "nearly": nearly, **sound()}
    (finding,) = findings(columns)["constant-column"]
    assert finding.severity == "warning"
    assert finding.evidence["constant"] == ["same", "empty"]
    assert finding.evidence["nearly"] == ["nearly"]


def test_row_names_are_told_and_do_not_hide_repeated_rows(findings):
    columns = sound()
    for values in columns.values():
        values[100:110] = values[:10]
    columns = {"code": [f"R{n:05d}" for n in range(COUNT)], "id": np.arange(COUNT), **columns}
    found = findings(columns)
    (finding,) = found["identifier-column"]
    assert finding.evidence["columns"] == ["code", "id (column)"]
    (repeats,) = found["exact-duplicates"]
    assert repeats.evidence["repeats"] == 10
    assert "repeat another row in every input" in repeats.message


def test_rows_alike_with_other_targets_are_a_remark_on_a_table(findings):
    columns = sound()
    for name in ("size", "weight", "kind"):
        columns[name][100:110] = columns[name][:10]
    columns["label"][:10], columns["label"][100:110] = "yes", "no"
    (finding,) = findings(columns)["conflicting-duplicates"]
    assert finding.severity == "info"
    assert finding.evidence["pairs"] == 10


def test_missing_cells_and_a_column_that_one_part_lacks(findings):
    columns = sound()
    columns["often"] = np.where(np.arange(COUNT) % 10 < 7, "", "3.5")
    columns["only in train"] = np.where(np.arange(COUNT) < 100, np.arange(COUNT) % 7 / 2, np.nan)
    (finding,) = findings(columns, files=("train", "test"))["missing-values"]
    assert finding.severity == "warning"
    assert finding.evidence["columns"] == {"often": 0.7, "only in train": 0.5}
    assert finding.evidence["lacking_in_part"] == {"test": ["only in train"]}


def test_few_missing_cells_are_a_remark(findings):
    columns = sound()
    columns["size"] = np.where(np.arange(COUNT) == 3, "", columns["size"].astype(str))
    (finding,) = findings(columns)["missing-values"]
    assert finding.severity == "info"
    assert finding.evidence["columns"] == {"size": 1 / COUNT}


def test_words_among_numbers_and_dates_as_text(findings):
    columns = sound()
    columns["size"] = columns["size"].astype(str).astype(object)
    columns["size"][[3, 5, 9]] = ["?", "n/a", "?"]
    columns["when"] = [f"2024-01-{n % 28 + 1:02d} 10:00:00" for n in range(COUNT)]
    mixed, dates = findings(columns)["mixed-types"]
    assert mixed.evidence["columns"] == {"size": {"cells": 3, "examples": {"?": 2, "n/a": 1}}}
    assert mixed.evidence["samples"] == ["data.csv#line5", "data.csv#line7", "data.csv#line11"]
    assert (mixed.severity, dates.severity) == ("warning", "info")
    assert dates.evidence["dates"] == ["when"]


def test_one_category_in_several_spellings(findings):
    columns = sound()
    columns["kind"] = columns["kind"].astype("U10")
    columns["kind"][:3] = ["Red", "RED", "r-e d"]
    (finding,) = findings(columns)["inconsistent-spelling"]
    assert set(finding.evidence["columns"]["kind"][0]) == {"red", "Red", "RED", "r-e d"}
    assert finding.evidence["cells"] == 3


@pytest.mark.parametrize("kind", ["number", "word"])
def test_a_column_that_is_the_target_in_other_words(findings, kind):
    columns = sound()
    rng = np.random.default_rng(3)
    yes = columns["label"] == "yes"
    leak = yes + rng.normal(scale=0.05, size=COUNT) if kind == "number" else np.where(yes, "j", "n")
    (finding,) = findings({"after": leak, **columns})["leaking-column"]
    assert finding.severity == "critical"
    assert list(finding.evidence["columns"]) == ["after"]


def test_a_column_that_gives_a_number_away(findings):
    columns = sound() | {"goal": np.random.default_rng(2).normal(size=COUNT)}
    del columns["label"]
    assert "leaking-column" not in findings(columns, target="goal")
    (finding,) = findings({"cents": columns["goal"] * 100, **columns}, target="goal")[
        "leaking-column"
    ]
    assert list(finding.evidence["columns"]) == ["cents"]


def test_numbers_out_of_range(findings):
    columns = sound()
    columns["size"][[4, 9]] = [1e12, np.inf]
    columns["weight"][3] = 30
    (finding,) = findings(columns)["outliers"]
    assert finding.severity == "warning"
    assert [(s["id"], s["column"]) for s in finding.evidence["samples"]] == [
        ("data.csv#line11", "size"),
        ("data.csv#line6", "size"),
    ]


@pytest.mark.parametrize("draw", ["standard_normal", "standard_exponential", "standard_t"])
def test_heavy_tails_are_in_range(draw):
    rng = np.random.default_rng(0)
    values = rng.standard_t(3, 20_000) if draw == "standard_t" else getattr(rng, draw)(20_000)
    assert column_outliers.distances(values).max() < column_outliers.REACH
    incomes = np.exp(2 * rng.standard_normal(20_000))
    assert column_outliers.distances(incomes).max() < column_outliers.REACH


def test_shift_between_given_parts(findings):
    columns = sound()
    columns["size"][100:] += 3
    columns["kind"] = columns["kind"].astype("U10")
    columns["kind"][150:160] = "violet"
    unseen, shifted = sorted(
        findings(columns, files=("train", "test"))["covariate-shift"],
        key=lambda finding: finding.evidence["kind"],
        reverse=True,
    )
    assert unseen.evidence["categories"] == [{"column": "kind", "category": "violet", "rows": 10}]
    assert "size" in shifted.evidence["columns"]
    assert "weight" not in shifted.evidence["columns"]


def test_parts_drawn_alike_show_no_shift(findings):
    for seed in range(10):
        assert "covariate-shift" not in findings(sound(seed), files=("train", "test"))


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer, load_diabetes])
def test_clean_tables_have_no_warning(tmp_path: Path, load):
    data = load()
    frame = pl.DataFrame(data.data, schema=[str(name) for name in data.feature_names])
    names = getattr(data, "target_names", None)
    target = data.target if names is None else [str(names[number]) for number in data.target]
    frame.with_columns(pl.Series("target", target)).write_csv(tmp_path / "data.csv")
    found = looked_at(open_dataset(tmp_path / "data.csv"))
    assert [finding for finding in found if finding.severity != "info"] == []


def test_rows_that_were_copied_are_told_from_cases_that_happen_to_agree(findings):
    rng = np.random.default_rng(0)
    copied = sound()
    for values in copied.values():
        values[-10:] = values[:10]
    [repeats] = findings(copied)["exact-duplicates"]
    assert (repeats.severity, repeats.evidence["repeats"]) == ("warning", 10)
    assert repeats.evidence["least_agreement"] > 0.9
    few = {name: rng.integers(0, 5, COUNT) for name in ("class", "siblings", "children")}
    [agreeing] = findings({**few, "label": copied["label"]})["exact-duplicates"]
    assert agreeing.severity == "info"
    assert "probably different cases" in agreeing.message


@given(st.lists(st.tuples(*[st.integers(0, 2)] * 3), min_size=2, max_size=40))
def test_agreement_in_all_but_one_column_is_counted_by_pairs(rows):
    """The reference: every pair of rows, column by column."""
    names = ("a", "b", "c")
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    free = {name: [None] * len(rows) for name in ("group", "part", "part_name")}
    table = pl.DataFrame(
        {"id": [str(n) for n in range(len(rows))], "digest": [str(row) for row in rows]}
        | {"label": ["x"] * len(rows), **free, **columns},
        schema_overrides=dict.fromkeys(free, pl.String),
    )
    dataset = Dataset(
        "t", Path(), "table", "", "classification", ("label",), table, (), "table", names
    )
    flat = np.zeros((len(rows), 32, 32), dtype=np.uint8)
    found = list(exact_duplicates.check(LookEvidence(dataset, None, None, flat)))
    pairs = [(a, b) for at, a in enumerate(rows) for b in rows[at + 1 :]]
    same = sum(a == b for a, b in pairs)
    assert bool(found) == bool(same)
    elsewhere = [sum(a[:n] + a[n + 1 :] == b[:n] + b[n + 1 :] for a, b in pairs) for n in range(3)]
    if same:
        assert found[0].evidence["least_agreement"] == pytest.approx(same / max(elsewhere))
