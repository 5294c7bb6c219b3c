"""Numbers instead of classes: how bright a small image is, from a table of two targets."""

import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image

import phoropter
from phoropter.core.errors import UsageError
from phoropter.project.run_record import read_run

SMALL = {"model.width": 8, "model.depth": 2, "train.epochs": 3, "train.numerics": "float32"}
LADDER = ("mean", "ridge", "random_forest")
COUNT = 200


def write_table(folder, angles):
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["file", "angle", "other"])
        table.writerows((f"{n}.png", f"{angle:.3f}", n % 7) for n, angle in enumerate(angles))
    return folder / "table.csv"


def write_images(folder):
    """Noisy images whose mean grey is the target, give or take."""
    folder.mkdir()
    draw = np.random.default_rng(0)
    angles = draw.uniform(20, 235, COUNT)
    for number, angle in enumerate(angles):
        pixels = (angle + draw.normal(0, 10, (12, 12))).clip(0, 255)
        Image.fromarray(np.rint(pixels).astype(np.uint8)).save(folder / f"{number}.png")
    return write_table(folder, angles)


def make_runs(folder):
    table, project = write_images(folder / "pictures"), folder / "p.phoropter"
    network = phoropter.train(table, project=project, target="angle", settings=SMALL)
    simple = {
        name: phoropter.train(table, project=project, settings={"model.name": name})
        for name in LADDER
    }
    return {"cnn": network, **simple}


@pytest.fixture(scope="module")
def trained(shared):
    return shared("regression", make_runs)


@pytest.fixture
def runs(trained):
    return trained[1]


@pytest.fixture
def project(trained):
    return trained[0] / "p.phoropter"


@pytest.fixture
def copy(trained, tmp_path):
    """The project and its data, to be changed."""
    for name in ("pictures", "p.phoropter"):
        shutil.copytree(trained[0] / name, tmp_path / name)
    settings = tmp_path / "p.phoropter" / "project.yaml"
    settings.write_text(settings.read_text().replace(str(trained[0]), str(tmp_path)))
    return tmp_path / "p.phoropter"


def value(run, name):
    return next(metric.value for metric in run.metrics if metric.name == name)


def test_all_runs_are_measured_alike(runs):
    assert {run.primary for run in runs.values()} == {"rmse"}
    for run in runs.values():
        assert {metric.name for metric in run.metrics} >= {"rmse", "mae", "r2"}
        assert {metric.n for metric in run.metrics} == {40}
        assert run.stopped_by == "finished"
    assert (runs["cnn"].epochs, runs["cnn"].steps) == (3, 6)
    assert {(runs[name].epochs, runs[name].steps) for name in LADDER} == {(0, 0)}


def test_who_has_learnt_something(runs, project):
    record = read_run(project / "runs" / runs["mean"].run)
    spread = np.std(record.predictions.truth)
    assert value(runs["mean"], "rmse") == pytest.approx(spread, rel=0.1)
    assert value(runs["ridge"], "rmse") < 0.05 * spread
    assert value(runs["random_forest"], "rmse") < 0.15 * spread
    assert value(runs["ridge"], "r2") > 0.99


def test_predictions_are_in_the_unit_of_the_table(runs, project, trained):
    with (trained[0] / "pictures" / "table.csv").open(encoding="utf-8") as file:
        angles = {row["file"]: float(row["angle"]) for row in csv.DictReader(file)}
    for run in runs.values():
        predictions = read_run(project / "runs" / run.run).predictions
        assert predictions.names == ("angle",)
        assert predictions.truth[:, 0].tolist() == [angles[name] for name in predictions.ids]
        assert predictions.values.min() > 0
        assert predictions.values.max() < 260


def test_the_target_is_scaled_by_the_training_part(runs, project):
    facts = json.loads((project / "runs" / runs["cnn"].run / "run.json").read_text())
    schema = facts["schema"]
    assert schema["kind"] == "values"
    assert schema["offset"][0] == pytest.approx(127, abs=25)
    assert schema["scale"][0] == pytest.approx(215 / np.sqrt(12), rel=0.15)


def test_the_target_is_said_once(trained, copy):
    table = copy.parent / "pictures" / "table.csv"
    split = phoropter.split(table, project=copy)
    assert sum(split.parts.values()) == COUNT
    looked = phoropter.look(table, project=copy)
    assert looked.task == "regression"
    assert list(looked.targets) == ["angle"]
    assert looked.classes == {}
    with pytest.raises(UsageError, match="started with target 'angle', got 'other'"):
        phoropter.look(table, project=copy, target="other")


def test_the_better_run_is_told_by_the_paired_test(copy, runs):
    verdict = phoropter.compare(runs["mean"].run, runs["ridge"].run, project=copy)
    assert (verdict.metric, verdict.verdict, verdict.looks) == ("rmse", "better", 1)
    assert verdict.high < 0
    worse = phoropter.compare(runs["ridge"].run, runs["random_forest"].run, project=copy)
    assert worse.delta == pytest.approx(
        value(runs["random_forest"], "rmse") - value(runs["ridge"], "rmse")
    )
    assert (worse.verdict, worse.looks) == ("worse", 2)


@pytest.mark.parametrize("name", ["cnn", *LADDER])
def test_every_run_can_be_diagnosed(project, runs, name):
    found = phoropter.diagnose(runs[name].run, project=project)
    assert found.limits["bias"] >= 0
    assert found.limits["variance"] >= 0


def test_the_seal_is_opened_for_the_latest_run_or_the_one_named(copy, runs):
    latest = phoropter.test(copy)
    assert (latest.run, latest.openings) == (runs["random_forest"].run, 1)
    named = phoropter.test(copy, run=runs["ridge"].run)
    assert (named.run, named.openings) == (runs["ridge"].run, 2)
    assert named.primary.value < latest.primary.value
    assert named.primary.n == 40


@pytest.mark.parametrize("name", ["cnn", "ridge"])
def test_an_exported_run_says_what_the_run_says(trained, copy, runs, name, tmp_path):
    exported = phoropter.export(runs[name].run, project=copy, to=tmp_path / "model")
    predictions = read_run(copy / "runs" / runs[name].run).predictions
    files = [trained[0] / "pictures" / str(name) for name in predictions.ids[:5]]
    spoken = phoropter.predict(exported.bundle, files)
    for row, expected in zip(spoken, predictions.values[:5, 0], strict=True):
        [said] = row["values"].values() if "values" in row else [row["prediction"]]
        assert said == pytest.approx(expected, rel=1e-3)


def test_a_corrected_target_makes_other_runs_that_are_not_compared(copy, runs):
    """A run belongs to the data it was made of."""
    truth = read_run(copy / "runs" / runs["ridge"].run).predictions
    with (copy.parent / "pictures" / "table.csv").open(encoding="utf-8") as file:
        angles = {row["file"]: float(row["angle"]) for row in csv.DictReader(file)}
    angles[str(truth.ids[0])] += 50
    table = write_table(copy.parent / "pictures", angles.values())
    again = phoropter.train(table, project=copy, settings={"model.name": "ridge"})
    assert again.run != runs["ridge"].run
    with pytest.raises(UsageError, match="truth"):
        phoropter.compare(runs["ridge"].run, again.run, project=copy)
    assert phoropter.test(copy).openings == 1
