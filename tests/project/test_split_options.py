"""Shares and folds that the user asks for, through the public functions."""

import polars as pl
import pytest

import phoropter
from phoropter.core.errors import UsageError
from phoropter.data.folds import read_folds
from phoropter.data.split import read_ratios, read_split


@pytest.fixture
def data(write_digits, tmp_path):
    return write_digits(tmp_path / "digits", each=50)


def test_asked_shares_are_cut_once_and_kept(data, tmp_path):
    project = tmp_path / "p.phoropter"
    split = phoropter.split(data, project=project, ratios="8:2", groups="none")
    assert dict(split.parts) == {"train": 120, "val": 15, "test": 15}
    assert phoropter.split(data, project=project) == split
    with pytest.raises(UsageError, match="started with ratios '8:2', got '6:2:2'"):
        phoropter.split(data, project=project, ratios="6:2:2")


def test_folds_leave_the_sealed_part_alone(data, tmp_path):
    project = tmp_path / "p.phoropter"
    asked = {"project": project, "groups": "none"}
    split = phoropter.split(data, **asked, folds=4, repeats=2)
    assert split.folds == (30,) * 8
    kept = read_folds(project / "data" / "folds.parquet")
    sealed = read_split(project / "data" / "split.parquet").table.filter(pl.col("part") == "test")
    assert not set(kept.table["id"]) & set(sealed["id"])
    assert phoropter.split(data, **asked, folds=4, repeats=2) == split
    alone = phoropter.split(data, **asked, folds="leave-one-out")
    assert alone.folds == (1,) * 120
    assert alone.digest == split.digest


@pytest.mark.parametrize("text", ["6", "6:2:2:1", "a:b", "6:0:2", "nan:1:1", "", "inf:1"])
def test_ratios_that_are_none_begin_no_project(data, tmp_path, text):
    with pytest.raises(UsageError, match="Ratios are positive numbers"):
        read_ratios(text)
    with pytest.raises(UsageError, match="Ratios are positive numbers"):
        phoropter.split(data, project=tmp_path / "p.phoropter", ratios=text)
    assert not (tmp_path / "p.phoropter" / "project.yaml").exists()
