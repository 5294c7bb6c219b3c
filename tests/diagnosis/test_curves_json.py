import json

import pytest

from phoropter.core.errors import InputError
from phoropter.core.registry import load
from phoropter.diagnosis.curves_file import read_curves

HISTORY = {
    "accuracy": [0.5, 0.6],
    "loss": [1.0, 0.8],
    "val_accuracy": [0.4, 0.5],
    "val_loss": [1.1, 1.0],
    "learning_rate": [0.01, 0.001],
}


def written(path, content):
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def rows(evidence):
    return [(row.epoch, row.train_loss, row.val_loss, row.val_metric) for row in evidence.history]


@pytest.mark.parametrize("kind", ["dictionary", "file", "nested", "csv"])
def test_keras_history_is_read_in_all_its_forms(tmp_path, kind):
    if kind == "dictionary":
        evidence = read_curves(HISTORY)
    elif kind == "csv":  # as keras.callbacks.CSVLogger writes it
        lines = ["epoch,accuracy,learning_rate,loss,val_accuracy,val_loss"]
        lines += ["0,0.5,0.01,1.0,0.4,1.1", "1,0.6,0.001,0.8,0.5,1.0"]
        (tmp_path / "log.csv").write_text("\n".join(lines), encoding="utf-8")
        evidence = read_curves(tmp_path / "log.csv")
    else:
        content = {"history": HISTORY} if kind == "nested" else HISTORY
        evidence = read_curves(written(tmp_path / "history.json", content))
    assert rows(evidence) == [(1, 1.0, 1.1, 0.4), (2, 0.8, 1.0, 0.5)]
    assert (evidence.metric, evidence.history[0].train_metric) == ("accuracy", 0.5)
    assert evidence.recipe.train.lr == 0.01


def test_the_state_of_the_trainer_is_read(tmp_path):
    log = [
        {"epoch": 0.5, "grad_norm": 2.0, "learning_rate": 5e-5, "loss": 1.2, "step": 50},
        {"epoch": 1.0, "grad_norm": 1.0, "learning_rate": 4e-5, "loss": 1.0, "step": 100},
        {"epoch": 1.0, "eval_accuracy": 0.7, "eval_loss": 0.9, "eval_runtime": 3.0, "step": 100},
        {"epoch": 2.0, "loss": 0.5, "step": 200},
        {"epoch": 2.0, "eval_accuracy": 0.8, "eval_loss": 0.6, "step": 200},
        {"epoch": 2.0, "train_loss": 9.9, "train_runtime": 60.0, "step": 200},
    ]
    evidence = read_curves(written(tmp_path / "trainer_state.json", {"log_history": log}))
    assert rows(evidence) == [(1, 1.1, 0.9, 0.7), (2, 0.5, 0.6, 0.8)]
    assert [row.step for row in evidence.history] == [100, 200]
    assert evidence.summary.steps == 200
    assert evidence.history[0].grad_norm == 1.0


def test_the_test_part_is_not_taken_for_validation(tmp_path):
    kept = {**HISTORY, "test_loss": [7.0, 8.0]}
    assert rows(read_curves(kept)) == rows(read_curves(HISTORY))
    log = [{"epoch": 1.0, "loss": 1.0}, {"epoch": 1.0, "eval_loss": 0.9, "test_loss": 7.0}]
    evidence = read_curves(written(tmp_path / "trainer_state.json", {"log_history": log}))
    assert rows(evidence) == [(1, 1.0, 0.9, 0.9)]  # without a metric the loss stands for it


def test_the_log_of_lightning_is_read(tmp_path):
    lines = ["epoch,step,train_loss,val_loss,val_acc", "0,9,1.5,,", "0,9,,1.4,0.3", "1,19,1.0,,"]
    (tmp_path / "metrics.csv").write_text("\n".join([*lines, "1,19,,1.1,0.5"]), encoding="utf-8")
    evidence = read_curves(tmp_path / "metrics.csv")
    assert rows(evidence) == [(1, 1.5, 1.4, 0.3), (2, 1.0, 1.1, 0.5)]


def test_a_row_without_an_epoch_belongs_to_the_next_one_that_has_one(tmp_path):
    lines = ["epoch,lr-Adam,step,train_loss,val_loss", ",0.001,0,,", "0,,9,1.5,1.4"]
    lines += [",0.0005,10,,", "1,,19,1.0,1.1", ",0.0001,20,,"]
    (tmp_path / "metrics.csv").write_text("\n".join(lines), encoding="utf-8")
    history = read_curves(tmp_path / "metrics.csv").history
    assert [(row.epoch, row.train_loss, row.val_loss) for row in history] == [
        (1, 1.5, 1.4),
        (2, 1.0, 1.1),
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([1, 2], "holds no curves"),
        ({"loss": [1.0], "val_loss": [1.0, 2.0]}, r"lists of \[1, 2\] numbers"),
        ({"loss": ["high"]}, "'high' in 'loss' is no number"),
        ({"loss": 1.0}, "no list of numbers"),
        ({"val_loss": [1.0]}, "no training loss"),
        ({"log_history": []}, "log history is empty"),
        ({"log_history": [{"epoch": 1.0, "loss": 1.0}, {"loss": 0.5}]}, "row without an epoch"),
    ],
)
def test_other_json_is_refused_with_the_reason(tmp_path, content, words):
    with pytest.raises(InputError, match=words):
        read_curves(written(tmp_path / "x.json", content))


def test_a_broken_file_is_refused(tmp_path):
    (tmp_path / "x.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="Cannot read"):
        read_curves(tmp_path / "x.json")


@pytest.mark.parametrize(("logged_until", "told"), [(6000, 1), (2500, 0)])
def test_a_loss_that_is_logged_in_some_passes_only_shows_overfitting(tmp_path, logged_until, told):
    """Every 500 steps, of 300 a pass: 12 training losses beside 20 of validation."""
    log = [
        {"epoch": step / 300, "loss": 0.02 + 0.8 ** (step / 300), "step": step}
        for step in range(500, logged_until + 1, 500)
    ]
    log += [
        {"epoch": float(n), "eval_loss": 0.5 + 0.08 * abs(n - 10), "step": 300 * n}
        for n in range(1, 21)
    ]
    made = read_curves(written(tmp_path / "trainer_state.json", {"log_history": log}))
    assert len(list(load("phoropter.rules", "overfit")(made))) == told
