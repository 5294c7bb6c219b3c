"""Copies and groups that are found, or named, stay on one side of the split."""

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from PIL import Image

import phoropter
from phoropter.core.errors import UsageError
from phoropter.data.split import read_split


def visits(folder, patients=40, each=4):
    """Pictures of patients, named `00012_3.png`, and a table with a doctor for each."""
    rng = np.random.default_rng(0)
    basis = rng.normal(size=(12, 16, 16)).repeat(2, axis=1).repeat(2, axis=2)
    folder.mkdir()
    rows = []
    for patient in range(patients):
        person = rng.normal(size=12)
        for visit in range(each):
            mixed = np.tensordot(person + 0.8 * rng.normal(size=12), basis, axes=1)
            name = f"{patient:05d}_{visit}.png"
            Image.fromarray(np.clip(128 + 10 * mixed, 0, 255).astype(np.uint8)).save(folder / name)
            rows.append((name, "sick" if patient % 2 else "well"))
    pl.DataFrame(rows, schema=["path", "label"], orient="row").write_csv(folder / "labels.csv")
    return folder


def parts_of(folder):
    table = read_split(folder / "data" / "split.parquet").table
    return table.with_columns(patient=pl.col("id").str.extract(r"(\d{5})_"))


def test_found_patients_are_not_divided_and_the_split_says_why(tmp_path):
    data = visits(tmp_path / "clinic")
    result = phoropter.split(data, project=tmp_path / "p")
    assert parts_of(tmp_path / "p").group_by("patient").agg(pl.n_unique("part"))["part"].max() == 1
    assert any("40 groups of files that share the first part" in why for why in result.reasons)
    assert min(result.parts.values()) >= 20
    findings = {item.code: item for item in phoropter.look(data, project=tmp_path / "p").findings}
    assert findings["undeclared-groups"].severity == "info"
    assert phoropter.split(data, project=tmp_path / "p", groups="found") == result


def test_a_user_may_refuse_and_the_project_remembers_it(tmp_path):
    data = visits(tmp_path / "clinic")
    phoropter.split(data, project=tmp_path / "p", groups="none")
    assert parts_of(tmp_path / "p").group_by("patient").agg(pl.n_unique("part"))["part"].max() > 1
    with pytest.raises(UsageError, match="groups 'none', got 'found'"):
        phoropter.split(data, project=tmp_path / "p", groups="found")
    findings = {item.code: item for item in phoropter.look(data, project=tmp_path / "p").findings}
    assert findings["undeclared-groups"].severity == "warning"


def test_a_column_may_be_named_and_must_be_there(tmp_path):
    data = visits(tmp_path / "clinic")
    with pytest.raises(UsageError, match="no column 'doctor'"):
        phoropter.split(data, project=tmp_path / "p", groups="doctor")
    # Each class as one group leaves a part empty, which is the user's own doing.
    with pytest.raises(phoropter.PhoropterError):
        phoropter.split(data, project=tmp_path / "q", groups="label")


def test_any_column_of_the_table_keeps_groups_together_though_the_reader_drops_it(tmp_path):
    data = visits(tmp_path / "clinic", patients=30, each=2)
    table = pl.read_csv(data / "labels.csv")
    wards = pl.Series("ward", [f"w{row // 6}" for row in range(60)])
    table.with_columns(wards).write_csv(data / "labels.csv")
    result = phoropter.split(data, project=tmp_path / "p", target="label", groups="ward")
    placed = read_split(tmp_path / "p" / "data" / "split.parquet").table.sort("id")
    placed = placed.with_columns(wards)
    assert placed.group_by("ward").agg(pl.n_unique("part"))["part"].max() == 1
    assert "one value of 'ward' stay together: named by you" in " ".join(result.reasons)


def test_a_split_follows_the_time_in_names_or_in_a_column(tmp_path):
    data = visits(tmp_path / "clinic", patients=30, each=2)
    table = pl.read_csv(data / "labels.csv")
    days = pl.Series("day", [f"2024-{1 + row % 12:02d}-0{1 + row % 5}" for row in range(60)])
    table.with_columns(days).write_csv(data / "labels.csv")
    asked = {"target": "label", "groups": "none"}
    result = phoropter.split(data, project=tmp_path / "p", time="day", **asked)
    placed = read_split(tmp_path / "p" / "data" / "split.parquet").table.sort("id")
    placed = placed.with_columns(days)
    assert placed.filter(part="train")["day"].max() < placed.filter(part="val")["day"].min()
    assert placed.filter(part="val")["day"].max() < placed.filter(part="test")["day"].min()
    assert "The time is told by the column 'day'." in result.reasons
    with pytest.raises(UsageError, match="started with time 'day', got 'order'"):
        phoropter.split(data, project=tmp_path / "p", time="order", **asked)
    folded = phoropter.split(data, project=tmp_path / "p", time="day", folds=3, **asked)
    assert len(folded.folds) == 3
    ordered = phoropter.split(data, project=tmp_path / "q", time="order", **asked)
    assert dict(ordered.parts) == {"train": 36, "val": 12, "test": 12}
    assert not (tmp_path / "r" / "data" / "split.parquet").exists()
    with pytest.raises(UsageError, match="no column 'when'"):
        phoropter.split(data, project=tmp_path / "r", time="when", **asked)
    again = phoropter.split(data, project=tmp_path / "r", time="order", **asked)
    assert again.digest == ordered.digest
    assert phoropter.split(data, project=tmp_path / "r", **asked).digest == ordered.digest


def test_files_in_the_order_of_writers_are_cut_into_stretches(tmp_path):
    result = phoropter.split("digits", project=tmp_path / "p")
    assert any("found by the hidden-group probe, p = 0.001" in why for why in result.reasons)
    table = parts_of(tmp_path / "p").with_columns(
        place=pl.col("id").str.extract(r"(\d+)\.png").cast(pl.Int64)
    )
    along = table.sort("place")["part"].to_list()
    assert sum(a != b for a, b in pairwise(along)) <= 9
    assert result.parts == {"train": 1079, "val": 359, "test": 359}
