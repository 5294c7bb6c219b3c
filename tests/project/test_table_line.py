"""Tables of numbers through the public functions: trained on, judged, tested."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import phoropter
from phoropter.core.errors import UsageError

SMALL = {"train.epochs": 8, "train.numerics": "float32"}


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 2, 200)
    frame = {"big": 1e6 + 1e4 * labels + draw.normal(size=200), "small": draw.normal(size=200)}
    words = [("yes", "no")[label] for label in labels]
    pl.DataFrame({**frame, "target": words}).write_csv("table.csv")
    return Path("table.csv")


def test_a_network_learns_from_columns_in_any_unit(table):
    run = phoropter.train(table, settings=SMALL)
    folder = Path(run.project) / "runs" / run.run
    assert run.metrics[0].value > 0.9
    how = json.loads((folder / "run.json").read_text())["preprocessing"]
    assert how["columns"] == ["big", "small"]
    assert how["normalization"]["mean"][0] == pytest.approx(1e6, rel=0.02)
    assert phoropter.evaluate(folder).metrics == run.metrics
    assert phoropter.test(run.project).metrics[0].value > 0.9
    codes = {finding.code for finding in phoropter.diagnose(folder).findings}
    assert "input-ignored" not in codes


def test_raw_columns_are_left_as_they_are(table):
    run = phoropter.train(table, settings={**SMALL, "data.normalize": "none"})
    folder = Path(run.project) / "runs" / run.run
    how = json.loads((folder / "run.json").read_text())["preprocessing"]
    assert how["normalization"] == {"mean": [0.0, 0.0], "std": [1.0, 1.0]}


def test_classic_models_and_mixup_fit_tables_too(table):
    run = phoropter.train(table, settings={"model.name": "random_forest"})
    assert run.metrics[0].value > 0.9
    blended = phoropter.train(table, settings={**SMALL, "data.augment.mixup": 0.2})
    assert blended.metrics[0].value > 0.9
    assert phoropter.test(run.project, run=run.run).metrics[0].value > 0.9


def test_numbers_are_predicted_from_numbers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = phoropter.train("diabetes", settings={**SMALL, "train.loss": "huber"})
    assert run.primary == "rmse"


def test_what_takes_images_says_so(table):
    run = phoropter.train(table, settings=SMALL)
    for start in (
        lambda: phoropter.run(table),
        lambda: phoropter.export(run.run, project=run.project),
        lambda: phoropter.report(run.project),
        lambda: phoropter.improve(run.project),
    ):
        with pytest.raises(UsageError, match="takes images"):
            start()
    with pytest.raises(UsageError, match="'cnn' is one for images"):
        phoropter.train(table, settings={**SMALL, "model.name": "cnn"})


def test_words_are_refused_with_the_columns_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [(n % 7, ("red", "blue")[n % 3 == 0], ("a", "b")[n % 2]) for n in range(60)]
    frame = pl.DataFrame(rows, schema=["x", "colour", "target"], orient="row")
    frame.write_csv("words.csv")
    with pytest.raises(UsageError, match="hold words: 'colour'"):
        phoropter.train("words.csv", settings=SMALL)
