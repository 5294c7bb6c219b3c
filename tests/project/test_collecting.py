"""Learning curves over parts of the data, through the public functions."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import phoropter
from phoropter.cli.main import main
from phoropter.core.errors import CorruptFileError, UsageError
from phoropter.core.predictions import read_predictions
from phoropter.core.records import Finding
from phoropter.project.collecting import FORECAST, ROLE, TRAIN_DEV, class_weights, read_collected
from phoropter.project.folder import Folder
from phoropter.project.notebook import Notebook
from phoropter.project.repeating import repeats_of, whole_runs
from phoropter.project.run_record import read_run
from phoropter.project.yardsticks import labels, people

CLASSIC = {"model.name": "logistic", "data.size": 8, "data.resize": "stretch"}
NETWORK = {
    "model.name": "mlp",
    "model.depth": 1,
    "train.epochs": 2,
    "train.patience": 1,
    "train.numerics": "float32",
}


@pytest.fixture(scope="module")
def collected(shared, write_digits):
    """A classic run on noisy digits, its diagnosis before and after collecting."""

    def make(folder):
        data = write_digits(folder / "digits", each=100)
        run = phoropter.train(data, project=folder / "p", settings=CLASSIC)
        before = phoropter.diagnose(run.run, project=folder / "p")
        after = phoropter.diagnose(run.run, project=folder / "p", collect=True)
        return run, before, after

    return shared("collected", make)


def test_parts_are_trained_and_the_curve_is_continued(collected):
    _, (run, before, after) = collected
    assert before.forecast is None
    assert before.plan == ()
    levels = after.forecast.levels
    # Digits come in found groups (writers) that stay whole: a part of an eighth may be missing.
    assert [level.draws for level in levels][1:] == [4, 2, 1]
    assert levels[-1].error == pytest.approx(1 - run.metrics[0].value)
    assert levels[0].error > levels[-1].error
    assert [gain.times for gain in after.forecast.gains] == [2, 4]
    assert {worth.name for worth in after.forecast.label_next} == {"three", "eight", "nine"}
    assert "2 times the data" in after.plan[0]


def test_the_half_that_was_not_trained_on_is_the_train_dev_part(collected):
    folder, (run, before, after) = collected
    assert before.limits["shift"] is None
    assert "shift" in before.unknown
    runs = folder / "p" / "runs"
    half = read_collected(runs / run.run).half
    held_out = read_predictions(runs / half / TRAIN_DEV)
    split = pl.read_parquet(folder / "p" / "data" / "split.parquet")
    train = set(split.filter(pl.col("part") == "train")["id"])
    assert set(held_out.ids) < train
    assert len(held_out) == pytest.approx(len(train) / 2, rel=0.3)
    own = read_predictions(runs / half / "predictions.parquet")
    errors = [np.mean(part.predicted != part.truth) for part in (own, held_out)]
    assert after.limits["shift"] == pytest.approx(errors[0] - errors[1])
    parts = ("bias", "variance", "shift")
    assert sum(after.limits[part] for part in parts) == pytest.approx(1 - run.metrics[0].value)
    (shift,) = (part for part in after.budget if part.name == "shift")
    assert shift.low <= 0 <= shift.high  # the parts were drawn at random


def test_parts_are_not_taken_for_repeats_of_the_whole(collected):
    folder, (run, _, _) = collected
    notebook = Notebook(Folder(folder / "p").notebook)
    runs = whole_runs(Folder(folder / "p"), notebook)
    notebook.close()
    record = read_run(folder / "p" / "runs" / run.run)
    assert list(runs) == [run.run]
    assert repeats_of(record, runs.values()) == [record]


def test_asked_again_nothing_is_trained_and_nothing_changes(collected):
    folder, (run, _, after) = collected
    written = {path: path.stat().st_mtime_ns for path in (folder / "p" / "runs").glob("*/run.json")}
    assert phoropter.diagnose(run.run, project=folder / "p").forecast == after.forecast
    again = phoropter.diagnose(run.run, project=folder / "p", collect=True)
    assert again.forecast == after.forecast
    assert written == {path: path.stat().st_mtime_ns for path in written}
    assert set(written) == set((folder / "p" / "runs").glob("*/run.json"))


def test_parts_do_not_count_as_runs_of_the_project(collected):
    folder, (run, _, _) = collected
    notebook = Notebook(Folder(folder / "p").notebook)
    roles = [role for name, role, _ in notebook.runs() if name != run.run]
    notebook.close()
    assert set(roles) == {ROLE}
    assert phoropter.test(folder / "p").run == run.run


def test_people_set_the_floor(collected):
    folder, (run, _, _) = collected
    found = phoropter.diagnose(run.run, project=folder / "p", human="3/150")
    assert found.limits["noise_floor"] == 0.02
    assert found.budget[0].low < 0.02 < found.budget[0].high


def test_networks_take_as_many_steps_on_a_part(tmp_path, write_digits):
    data = write_digits(tmp_path / "digits", each=60)
    run = phoropter.train(data, project=tmp_path / "p", settings=NETWORK)
    found = phoropter.diagnose(run.run, project=tmp_path / "p", collect=True)
    assert [level.draws for level in found.forecast.levels] == [1, 1, 1, 1]
    notebook = Notebook(Folder(tmp_path / "p").notebook)
    parts = [name for name, role, _ in notebook.runs() if role == ROLE]
    notebook.close()
    asked = [
        (tmp_path / "p" / "runs" / name / "recipe.yaml").read_text(encoding="utf-8")
        for name in parts
    ]
    assert [f"epochs: {epochs}" in text for epochs, text in zip((16, 8, 4), asked, strict=True)]
    assert all("patience: 8" in text for text in asked[:1])


def test_numbers_are_not_forecast(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = phoropter.train("diabetes", settings={"model.name": "ridge"})
    with pytest.raises(UsageError, match="classes only"):
        phoropter.diagnose(run.run, collect=True)
    with pytest.raises(UsageError, match="these are numbers"):
        phoropter.diagnose(run.run, human="0.1")
    assert phoropter.diagnose(run.run).limits["noise_floor"] is None


def test_too_few_samples_are_refused(tmp_path, write_digits):
    data = write_digits(tmp_path / "digits", each=8)
    run = phoropter.train(data, project=tmp_path / "p", settings=CLASSIC)
    with pytest.raises(UsageError, match="too few to be divided"):
        phoropter.diagnose(run.run, project=tmp_path / "p", collect=True)


def test_a_damaged_forecast_is_named(tmp_path):
    assert read_collected(tmp_path) is None
    (tmp_path / FORECAST).write_text('{"half": 3}')
    with pytest.raises(CorruptFileError, match=r"forecast\.json"):
        read_collected(tmp_path)


@pytest.mark.parametrize("text", ["", "two", "-0.1", "1.0", "3/0", "5/3", "nan"])
def test_what_is_no_error_of_people_is_refused(text):
    with pytest.raises(UsageError, match="error of people"):
        people(text)


def test_a_bare_share_of_people_has_no_width():
    found = people("0.02")
    assert (found.value, found.low, found.high) == (0.02, 0.02, 0.02)


def test_the_floor_is_the_share_of_wrong_labels_and_at_least_that_of_conflicts():
    wrong = Finding(
        "label-errors",
        "warning",
        0.9,
        "",
        {"share": 0.04, "low": 0.02, "high": 0.06, "judged": 500},
    )
    conflict = Finding("conflicting-duplicates", "warning", 0.9, "", {"share": 0.1})
    assert labels([]) is None
    assert labels([wrong]).value == 0.04
    both = labels([wrong, conflict])
    assert (both.value, both.low, both.high) == (0.05, 0.05, 0.06)
    assert labels([replace(conflict, evidence={"share": 0.02})]).value == 0.01


def test_classes_count_alike_where_the_metric_wants_it():
    truth = np.array([0] * 9 + [1])
    assert class_weights(truth, "accuracy").tolist() == [1.0] * 10
    weights = class_weights(truth, "macro_f1")
    assert weights.mean() == pytest.approx(1)
    assert weights[truth == 0].sum() == pytest.approx(weights[truth == 1].sum())


def test_the_command_line_shows_the_plan(collected, capsys):
    folder, (run, _, after) = collected
    words = ["diagnose", run.run, "--project", str(folder / "p")]
    assert main([*words, "--human", "0.01"]) == 0
    told = capsys.readouterr().out
    assert "limits: noise_floor 0.01" in told
    assert after.plan[0] in told
    assert main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["forecast"]["behaved"] is True
    assert document["plan"] == list(after.plan)
