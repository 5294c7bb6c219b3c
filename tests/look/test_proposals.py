from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from phoropter.core.records import Dataset, Finding
from phoropter.data.corrections import DROP, Correction
from phoropter.look.checks import column_outliers, exact_duplicates, text_statistics
from phoropter.look.evidence import LookEvidence
from phoropter.look.proposals import proposals


def noise(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32)).astype(np.uint8)


def test_sound_pictures_need_no_correction(evidence_of):
    assert proposals(evidence_of(noise(60), ["a", "b"] * 30), ()) == ()


def test_of_identical_files_all_but_one_may_go(evidence_of):
    evidence = evidence_of(
        noise(60),
        ["a", "b"] * 30,
        digest=["same"] * 3 + [f"d{n}" for n in range(57)],
    )
    labels = evidence.labels
    found = {item.path: item for item in proposals(evidence, ())}
    assert {item.suggestion for item in found.values()} == {DROP}
    assert set(found) == set(evidence.ids[:3])  # two labels among three: any may be wrong
    assert "labelled 'b', but the same file as" in found[evidence.ids[1]].problem
    assert labels[1] == "b"


def test_the_copy_in_the_training_part_goes_not_the_test_pictures(evidence_of):
    evidence = evidence_of(
        noise(60),
        ["a"] * 30 + ["b"] * 30,
        digest=["same"] * 2 + [f"d{n}" for n in range(58)],
        part=["train", "test", *["train"] * 58],
    )
    [only] = proposals(evidence, ())
    assert only.path == evidence.ids[0]
    assert only.problem == f"the same file as {evidence.ids[1]}"
    assert not only.accepted


def test_of_near_copies_the_larger_file_stays(evidence_of):
    pictures = noise(80)
    pictures[7] = np.clip(pictures[3].astype(int) + 2, 0, 255)
    evidence = evidence_of(
        pictures,
        ["a"] * 40 + ["b"] * 40,
        height=[64] * 7 + [200] + [64] * 72,
        width=[64] * 7 + [200] + [64] * 72,
    )
    [only] = proposals(evidence, ())
    assert only.path == evidence.ids[3]
    assert only.problem == f"a copy of {evidence.ids[7]}"


def test_doubted_labels_and_odd_pictures_come_from_the_findings(evidence_of):
    doubt = {"id": "1.png", "given": "a", "suggested": "b", "doubt": 0.9, "part": "test"}
    findings = [
        Finding("label-errors", "warning", 0.9, "", {"samples": [doubt]}),
        Finding("outliers", "info", 0.9, "", {"samples": [{"id": "2.png", "why": "flat"}]}),
        Finding("outliers", "info", 0.9, "", {"samples": [{"id": "3.png", "value": 999.0}]}),
        Finding("outliers", "info", 0.9, "", {"samples": [{"id": "4", "characters": 2000}]}),
        Finding(
            "outliers", "info", 0.9, "",
            {"samples": [{"id": "5", "column": "fare", "value": "infinite", "spans": "infinite"}]},
        ),
    ]  # fmt: skip
    said = "labelled 'a', looks like 'b'; it is in the test part, so look at it yourself"
    assert proposals(evidence_of(noise(60), ["a", "b"] * 30), findings) == (
        Correction("1.png", said, "label=b"),
        Correction("2.png", "like no other: flat", DROP),
        Correction("3.png", "like no other: its target 999 is out of range", DROP),
        Correction("4", "like no other: it has 2,000 characters", DROP),
        Correction("5", "like no other: its 'fare' infinite is out of range", DROP),
    )


def rows_of(modality, **columns):
    """Evidence of texts or of rows of a table, and what their own check of outliers finds."""
    count = len(next(iter(columns.values())))
    free = {name: [None] * count for name in ("group", "part", "part_name")}
    names = [f"rows.csv:{row + 2}" for row in range(count)]
    table = pl.DataFrame(
        {"id": names, "path": "rows.csv", "target": ["a", "b"] * (count // 2)}
        | {"digest": names, **free, **columns},
        schema_overrides=dict.fromkeys(free, pl.String),
    )
    dataset = Dataset(
        "rows", Path(), modality, "", "classification", ("target",), table,
        modality=modality, inputs=tuple(columns),
    )  # fmt: skip
    evidence = LookEvidence(dataset, None, None, np.zeros((count, 32, 32), dtype=np.uint8))
    check = text_statistics.check if modality == "text" else column_outliers.check
    return evidence, [one for one in check(evidence) if one.code == "outliers"]


def test_a_text_that_is_far_too_long_is_proposed():
    rng = np.random.default_rng(0)
    texts = [" ".join(map(str, rng.integers(0, 10**6, 6))) for _ in range(40)]
    texts[4] = "and so on " * 2000
    [only] = proposals(*rows_of("text", text=texts))
    assert only == Correction("rows.csv:6", "like no other: it has 20,000 characters", DROP)


def test_cells_of_a_table_that_are_out_of_range_are_proposed():
    ages = [20.0 + number for number in range(40)]
    ages[3], ages[9] = 1e12, float("inf")
    assert proposals(*rows_of("table", age=ages)) == (
        Correction("rows.csv:11", "like no other: its 'age' infinite is out of range", DROP),
        Correction("rows.csv:5", "like no other: its 'age' 1e+12 is out of range", DROP),
    )


def test_rows_that_agree_by_chance_are_not_to_be_dropped():
    rng = np.random.default_rng(0)
    columns = {name: rng.integers(0, 4, 200) for name in ("a", "b", "c")}
    evidence, _ = rows_of("table", **columns)
    spelt = [str(row) for row in zip(*columns.values(), strict=True)]
    table = evidence.dataset.table.with_columns(digest=pl.Series(spelt), target=pl.lit("a"))
    agreeing = replace(evidence, dataset=replace(evidence.dataset, table=table))
    [remark] = exact_duplicates.check(agreeing)
    assert remark.severity == "info"
    assert proposals(agreeing, [remark]) == ()
    first = proposals(agreeing, ())[0]
    assert first.problem.startswith("the same row as rows.csv:")
