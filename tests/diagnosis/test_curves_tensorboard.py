"""Real event files, written as PyTorch, Lightning and Keras write them."""

import pytest
from torch.utils.tensorboard import SummaryWriter

from phoropter.core.errors import InputError
from phoropter.diagnosis.curves_file import read_curves

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def write(folder, series):
    with SummaryWriter(str(folder)) as writer:
        for tag, points in series.items():
            for step, value in points:
                writer.add_scalar(tag, value, step)
    return folder


def test_rows_are_validations_and_training_losses_are_averaged_between_them(tmp_path):
    training = [(step, 2.0 - step / 100) for step in range(0, 100, 10)]
    write(
        tmp_path,
        {
            "train/loss": training,
            "eval/loss": [(49, 1.5), (99, 1.2)],
            "eval/accuracy": [(49, 0.5), (99, 0.75)],
            "train/learning_rate": [(0, 0.01), (40, 0.005), (60, 0.001)],
        },
    )
    evidence = read_curves(tmp_path)
    first, second = evidence.history
    assert (first.epoch, first.step, first.val_loss) == (1, 49, 1.5)
    assert first.train_loss == pytest.approx(sum(value for _, value in training[:5]) / 5)
    assert second.train_loss == pytest.approx(sum(value for _, value in training[5:]) / 5)
    assert (second.val_metric, evidence.metric) == (0.75, "accuracy")
    assert evidence.recipe.train.lr == pytest.approx(0.01)
    [file] = tmp_path.iterdir()
    assert read_curves(file).history == evidence.history


def test_the_folders_of_keras_say_which_part_it_is(tmp_path):
    write(tmp_path / "train", {"epoch_loss": [(0, 1.0), (1, 0.5)], "epoch_accuracy": [(0, 0.3)]})
    write(tmp_path / "validation", {"epoch_loss": [(0, 1.2), (1, 0.9)]})
    rows = read_curves(tmp_path).history
    assert [(row.epoch, row.train_loss, row.val_loss) for row in rows] == [
        (1, 1.0, pytest.approx(1.2)),
        (2, 0.5, pytest.approx(0.9)),
    ]


def test_tensors_of_tensorflow_two_are_read(tmp_path):
    with SummaryWriter(str(tmp_path)) as writer:
        for step, value in ((1, 1.0), (2, 0.5)):
            writer.add_scalar("train_loss", value, step, new_style=True)
            writer.add_scalar("val_loss", value + 0.25, step, new_style=True)
    assert [row.val_loss for row in read_curves(tmp_path).history] == [1.25, 0.75]


def test_a_finished_run_of_the_trainer_is_read(tmp_path):
    write(
        tmp_path,
        {
            "train/loss": [(10, 1.0), (20, 0.5)],
            "train/grad_norm": [(10, 3.0), (20, 2.0)],
            "eval/loss": [(10, 1.25), (20, 0.75)],
            "train/train_loss": [(20, 0.8)],
        },
    )
    rows = read_curves(tmp_path).history
    assert [(row.train_loss, row.val_loss, row.grad_norm) for row in rows] == [
        (1.0, 1.25, 3.0),
        (0.5, 0.75, 2.0),
    ]


def test_steps_passes_and_groups_of_lightning_are_told_apart(tmp_path):
    write(
        tmp_path,
        {
            "lr-Adam/pg1": [(0, 1e-4)],
            "lr-Adam/pg2": [(0, 1e-3)],
            "train_loss_epoch": [(9, 1.0), (19, 0.5)],
            "train_loss_step": [(4, 5.0), (9, 6.0), (19, 7.0)],
            "val_loss": [(9, 1.25), (19, 0.75)],
        },
    )
    evidence = read_curves(tmp_path)
    assert [row.train_loss for row in evidence.history] == [1.0, 0.5]
    assert evidence.recipe.train.lr == pytest.approx(1e-3)


def test_several_runs_are_refused(tmp_path):
    for run in ("a", "b"):
        write(tmp_path / run, {"train_loss": [(1, 1.0)]})
    with pytest.raises(InputError, match="more than once"):
        read_curves(tmp_path)


def test_a_run_without_losses_is_refused(tmp_path):
    write(tmp_path, {"images_a_second_of_the_loop": [(1, 100.0)]})
    with pytest.raises(InputError, match="no losses"):
        read_curves(tmp_path)
