"""Passes that were kept beside the best one: measured, handed over, chosen in retrospect."""

import json
import os
import shutil

import pytest

import phoropter
from phoropter.core.errors import CorruptFileError, InterruptedRunError, UsageError
from phoropter.project import seal

SMALL = {
    "model.name": "mlp",
    "model.pretrained": False,
    "data.size": 8,
    "data.channels": 1,
    "train.epochs": 4,
    "train.lr": 0.01,
    "train.patience": 0,
    "train.numerics": "float32",
}


@pytest.fixture(scope="module")
def made(shared, write_digits):
    def make(folder):
        data = write_digits(folder / "digits", each=30)
        return phoropter.train(data, project=folder / "p", settings=SMALL, keep=3)

    return shared("kept", make)


@pytest.fixture
def run(made, tmp_path):
    """A run's folder in a copy of the project, free to be changed."""
    shutil.copytree(made[0] / "p", tmp_path / "p")
    return tmp_path / "p" / "runs" / made[1].run


def history(run):
    return [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]


def test_the_lowest_validation_losses_are_kept(made, run):
    lowest = sorted(history(run), key=lambda row: row["val_loss"])[:3]
    assert [(one.epoch, one.val_loss) for one in made[1].kept] == [
        (row["epoch"], row["val_loss"]) for row in lowest
    ]
    assert made[1].epoch == lowest[0]["epoch"]
    assert all((run / one.weights).is_file() for one in made[1].kept)
    assert json.loads((run / "run.json").read_text())["kept"][2]["epoch"] == lowest[2]["epoch"]


def test_a_kept_pass_is_measured_as_the_history_says(made, run):
    rows = {row["epoch"]: row for row in history(run)}
    for one in made[1].kept:
        result = phoropter.evaluate(run, epoch=one.epoch)
        metrics = {metric.name: metric.value for metric in result.metrics}
        assert result.epoch == one.epoch
        assert metrics[result.primary] == pytest.approx(rows[one.epoch]["val_metric"])
        assert metrics["log_loss"] == pytest.approx(one.val_loss, rel=1e-4)
    assert phoropter.evaluate(run).metrics == made[1].metrics


def test_a_kept_pass_is_handed_over(made, run, tmp_path):
    best, _, third = made[1].kept
    image = next((made[0] / "digits" / "three").iterdir())
    answers = []
    for epoch in (best.epoch, third.epoch):
        bundle = phoropter.export(run, to=tmp_path / str(epoch), epoch=epoch).bundle
        answers.append(phoropter.predict(bundle, [str(image)])[0]["probabilities"])
    assert answers[0] != answers[1]


def test_a_pass_that_was_not_kept(made, run):
    kept = {one.epoch for one in made[1].kept}
    other = next(row["epoch"] for row in history(run) if row["epoch"] not in kept)
    with pytest.raises(UsageError, match=f"pass {other} were not kept; kept: "):
        phoropter.evaluate(run, epoch=other)


def test_a_run_that_kept_fewer_says_so(made, run):
    notes = []
    data, project = made[0] / "digits", run.parents[1]
    again = phoropter.train(
        data, project=project, settings=SMALL, keep=4, listener=lambda e: notes.append(str(e))
    )
    assert (again.run, again.kept) == (made[1].run, made[1].kept)
    assert any("3 of its passes kept" in note for note in notes)
    with pytest.raises(UsageError, match="got 0"):
        phoropter.train(data, project=project, settings=SMALL, keep=0)


@pytest.mark.parametrize("name", ["history.jsonl", "predictions.parquet", "recipe.yaml"])
def test_a_record_that_has_changed_is_named(run, name):
    content = bytearray((run / name).read_bytes())
    content[len(content) // 2] ^= 1
    (run / name).write_bytes(content)
    with pytest.raises(CorruptFileError, match=f"{name}' has changed"):
        phoropter.evaluate(run)


def test_weights_that_have_changed_are_not_used(made, run):
    path = run / made[1].kept[1].weights
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorruptFileError, match="has changed"):
        phoropter.evaluate(run, epoch=made[1].kept[1].epoch)


def test_an_opening_of_the_seal_that_was_stopped_is_counted_once(run, monkeypatch):
    def stop(*_args):
        raise InterruptedRunError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(seal, "write_predictions", stop)
        with pytest.raises(InterruptedRunError):
            phoropter.test(run.parents[1], run=run.name)
    assert phoropter.test(run.parents[1], run=run.name).openings == 1
    assert phoropter.test(run.parents[1], run=run.name).openings == 2


def test_halves_of_files_are_removed_when_a_project_is_opened(made, run):
    project = run.parents[1]
    half = run / "checkpoint" / ".last.pt.abc.part"
    half.write_text("half")
    (project / ".model.abc.part" / "model").mkdir(parents=True)
    (project / ".model.abc.part" / "replaced").mkdir()
    (project / ".model.abc.part" / "replaced" / "bundle.yaml").write_text("before")
    (run / ".findings.json.old.part").write_text("half")
    os.utime(run / ".findings.json.old.part", (0, 0))
    young = run / ".findings.json.abc.part"  # another command may be writing it
    young.write_text("half")
    phoropter.train(made[0] / "digits", project=project, settings=SMALL)
    assert list(project.rglob("*.part")) == [young]
    assert (project / "model" / "bundle.yaml").read_text() == "before"
