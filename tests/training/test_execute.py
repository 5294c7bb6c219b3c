import json
import time

import numpy as np
import pytest
import torch

from phoropter.core.errors import CorruptFileError, UsageError
from phoropter.core.events import Note, Progress
from phoropter.core.predictions import read_predictions
from phoropter.core.recipe import read_recipe
from phoropter.metrics import named
from phoropter.models.classic import fit_classic
from phoropter.prediction.run import outputs
from phoropter.training.execute import (
    execute,
    is_classic,
    predicted,
    restored,
)
from phoropter.training.gates import read_gates
from phoropter.training.history import read_history
from phoropter.training.problem import run_id
from phoropter.training.sources import open_images
from phoropter.training.summary import read_preprocessing, read_summary

FILES = {"recipe.yaml", "run.json", "predictions.parquet", "train_predictions.parquet"}
KINDS = {
    "a network on images": {},
    "augmented and mixed": {"data.augment.preset": "light", "data.augment.mixup": 0.2},
    "a head on frozen pixels": {
        "model.name": "pixels",
        "model.pretrained": True,
        "model.transfer": "features",
    },
    "a classic model on pixels": {"model.name": "logistic"},
    "a classic model on a frozen network": {"model.name": "knn", "model.backbone": "cnn"},
    "a classic model in mirrored views": {"model.name": "logistic", "predict.tta": 2},
    "a head on views of a frozen network": {
        "model.name": "efficientnet_lite0",
        "model.pretrained": True,
        "model.transfer": "features",
        "data.size": 32,
        "data.channels": 3,
        "data.normalize": "weights",
        "data.augment.preset": "light",
        "data.augment.views": 3,
        "predict.tta": 3,
    },
}


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "runs"


def files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def recorded(folder, name="predictions"):
    return read_predictions(folder / f"{name}.parquet")


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_says_the_same_when_it_is_read_back(kind, problem, tiny, runs):
    recipe = tiny().changed(KINDS[kind])
    folder = execute(recipe, problem, runs=runs)
    assert folder == runs / run_id(recipe, problem)
    assert {path.name for path in folder.iterdir()} >= FILES
    assert read_recipe(folder / "recipe.yaml") == recipe
    spoken = recorded(folder)
    again = predicted(folder, problem, problem.rows("val"))
    assert np.array_equal(again.probabilities, spoken.probabilities)
    assert again.ids.tolist() == spoken.ids.tolist()
    assert np.array_equal(again.truth, spoken.truth)
    assert spoken.classes == ("one", "two", "zero")


@pytest.mark.parametrize("kind", KINDS)
def test_the_restored_network_speaks_on_the_images_themselves(kind, problem, tiny, runs):
    recipe = tiny().changed(KINDS[kind])
    folder = execute(recipe, problem, runs=runs)
    network, read, summary, preprocessing = restored(folder)
    assert not network.training
    assert (read, summary.run) == (recipe, folder.name)
    images = open_images(recipe, problem, listener=lambda event: None)
    assert preprocessing == images.preprocessing == read_preprocessing(folder)
    rows = problem.rows("val")
    raw = outputs(
        network,
        images.inputs,
        rows,
        normalization=preprocessing.normalization,
        tta=recipe.predict.tta,
    )
    ids = [""] * len(rows)
    targets = problem.task.encode(problem.dataset, rows, problem.schema)
    spoken = problem.task.predictions(ids, targets, raw, problem.schema)
    np.testing.assert_allclose(spoken.probabilities, recorded(folder).probabilities, atol=1e-5)


def test_what_a_trained_run_leaves(problem, tiny, runs):
    folder = execute(tiny(), problem, runs=runs)
    summary = read_summary(folder)
    assert (summary.epochs, summary.stopped_by, summary.features) == (3, "finished", "")
    assert summary.steps == 3 * -(-len(problem.rows("train")) // 16)
    assert (summary.metric, summary.schema) == ("accuracy", problem.schema)
    assert summary.seconds > 0
    assert summary.samples_per_second > 0
    history = read_history(folder)
    assert [row.epoch for row in history] == [0, 1, 2, 3]
    best = history[summary.best_epoch]
    assert best.val_loss == min(row.val_loss for row in history)
    accuracy = named("accuracy")(recorded(folder))
    assert accuracy == pytest.approx(best.val_metric)
    assert {gate.name for gate in read_gates(folder)} >= {"loss-at-init", "no-gradient"}


def test_what_a_classic_run_leaves(problem, tiny, runs):
    folder = execute(tiny(model__name="logistic"), problem, runs=runs)
    summary = read_summary(folder)
    assert (summary.epochs, summary.steps, summary.best_epoch) == (0, 0, 0)
    assert (summary.features, summary.stopped_by) == ("pixels", "finished")
    assert read_history(folder) == ()
    assert read_gates(folder) == ()
    assert named("accuracy")(recorded(folder)) > 0.9


def test_a_classic_run_is_the_fit_on_normalised_pixels(problem, tiny, runs):
    recipe = tiny(model__name="logistic")
    folder = execute(recipe, problem, runs=runs)
    images = open_images(recipe, problem, listener=lambda event: None)
    mean, std = images.normalization.mean[0], images.normalization.std[0]
    everything = images.inputs.batch(np.arange(len(problem.dataset))).numpy() / 255.0
    train, val = problem.rows("train"), problem.rows("val")
    features = ((everything - mean) / std).reshape(len(everything), -1).astype(np.float32)
    targets = np.asarray(problem.task.encode(problem.dataset, train, problem.schema))
    head = fit_classic("logistic", features[train], targets, schema=problem.schema, seed=0)
    with torch.inference_mode():
        logits = head(torch.from_numpy(features[val]))
    np.testing.assert_allclose(logits.softmax(1).numpy(), recorded(folder).probabilities, atol=1e-4)


def test_the_training_samples_that_are_measured_are_training_samples(problem, tiny, runs):
    folder = execute(tiny(), problem, runs=runs)
    trained = set(problem.dataset.table["id"].gather(problem.rows("train")))
    assert set(recorded(folder, "train_predictions").ids) <= trained
    validated = problem.dataset.table["id"].gather(problem.rows("val")).to_list()
    assert recorded(folder).ids.tolist() == validated


def test_a_finished_run_is_found_and_left_alone(problem, tiny, runs):
    first = execute(tiny(), problem, runs=runs)
    before = files(first)
    assert execute(tiny(), problem, runs=runs) == first
    assert files(first) == before
    other = execute(tiny(seed=1), problem, runs=runs)
    assert other != first
    assert not np.array_equal(recorded(other).probabilities, recorded(first).probabilities)


def test_the_same_recipe_gives_the_same_run_elsewhere(problem, tiny, tmp_path):
    one, two = (execute(tiny(), problem, runs=tmp_path / name) for name in "ab")
    assert one.name == two.name
    assert np.array_equal(recorded(one).probabilities, recorded(two).probabilities)
    assert (one / "history.jsonl").read_bytes() == (two / "history.jsonl").read_bytes()


def test_a_run_cut_by_a_deadline_is_continued_to_the_same_end(problem, tiny, tmp_path):
    recipe = tiny(train__epochs=60)
    execute(tiny(), problem, runs=tmp_path / "warm up")
    begun = time.monotonic()
    whole = execute(recipe, problem, runs=tmp_path / "whole")
    needed = time.monotonic() - begun
    cut = tmp_path / "cut"
    folder = execute(recipe, problem, runs=cut, deadline=time.monotonic() + 0.3 * needed)
    first = read_summary(folder)
    assert first.stopped_by == "budget"
    assert first.steps < read_summary(whole).steps
    assert len(recorded(folder)) == len(recorded(whole))
    notes = []
    assert execute(recipe, problem, runs=cut, listener=notes.append) == folder
    assert any(isinstance(note, Note) and "Going on after step" in note.text for note in notes)
    second = read_summary(folder)
    assert (second.stopped_by, second.steps) == ("finished", read_summary(whole).steps)
    assert second.seconds > first.seconds
    assert np.array_equal(recorded(folder).probabilities, recorded(whole).probabilities)
    ended = [(row.epoch, row.val_loss) for row in read_history(folder)]
    assert ended == [(row.epoch, row.val_loss) for row in read_history(whole)]


def test_a_deadline_that_has_passed_leaves_a_run_that_can_be_used(problem, tiny, runs):
    folder = execute(tiny(), problem, runs=runs, deadline=time.monotonic() - 1)
    summary = read_summary(folder)
    assert (summary.stopped_by, summary.steps, summary.best_epoch) == ("budget", 0, 0)
    spoken = recorded(folder)
    np.testing.assert_allclose(spoken.probabilities.sum(1), 1)
    execute(tiny(), problem, runs=runs)
    assert read_summary(folder).stopped_by == "finished"


def test_someone_is_told(problem, tiny, runs):
    heard = []
    execute(tiny(), problem, runs=runs, listener=heard.append)
    training = [one for one in heard if isinstance(one, Progress) and one.stage == "training"]
    assert training[-1].done == training[-1].total == read_summary(next(runs.iterdir())).steps


@pytest.mark.parametrize(
    "change", [{"model.name": "cmm"}, {"model.name": "knn", "model.backbone": "cmm"}]
)
def test_an_unknown_model_leaves_no_finished_run(problem, tiny, runs, change):
    with pytest.raises(UsageError, match="'cmm'"):
        execute(tiny().changed(change), problem, runs=runs)
    assert list(runs.rglob("run.json")) == []


def test_classic_models_are_told_by_name(tiny):
    assert is_classic(tiny(model__name="ridge"))
    assert not is_classic(tiny())


@pytest.mark.parametrize(
    "content", ["[]", "3", "null", '"run"', "{}", '{"schema": {}}', '{"run": 1, "schema": null}']
)
def test_a_summary_of_something_else_is_damaged(tmp_path, content):
    (tmp_path / "run.json").write_text(content)
    for read in (read_summary, read_preprocessing):
        with pytest.raises(CorruptFileError, match=r"run\.json"):
            read(tmp_path)


def test_a_summary_that_lacks_a_field_is_damaged(problem, tiny, runs):
    folder = execute(tiny(model__name="majority"), problem, runs=runs)
    facts = json.loads((folder / "run.json").read_text())
    for name in ("own", "waiting", "waited_s", "kept", "members", "made_of", "files", "checksum"):
        del facts[name]  # runs of older versions lack them, and can be read
    (folder / "run.json").write_text(json.dumps(facts))
    restored(folder)
    for name in facts:
        rest = {key: value for key, value in facts.items() if key != name}
        (folder / "run.json").write_text(json.dumps(rest))
        with pytest.raises(CorruptFileError):
            restored(folder)
