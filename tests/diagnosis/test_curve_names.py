import pytest

from phoropter.diagnosis.curve_names import chosen, standard_name


@pytest.mark.parametrize(
    ("logged", "known", "taken"),
    [
        ({"train/train_loss": [1.0, 2.0], "train/loss": [1.0]}, "train_loss", "train/loss"),
        ({"val_loss": [1.0], "test_loss": [2.0, 2.0]}, "val_loss", "val_loss"),
        ({"test_loss": [2.0, 2.0], "eval/Loss": [1.0]}, "val_loss", "eval/Loss"),
        ({"loss_step": [1.0, 2.0], "loss_epoch": [1.0]}, "train_loss", "loss_epoch"),
        ({"train_loss": [None, None], "loss": [None, 1.0]}, "train_loss", "loss"),
        ({"loss": [None, 1.0], "training/loss/mean": [1, 2]}, "train_loss", "training/loss/mean"),
        ({"lr-Adam/pg1": [1e-4, 1e-5], "lr-Adam/pg2": [1e-3, None]}, "lr", "lr-Adam/pg2"),
        (
            {"grad_2.0_norm/a": [3.0], "grad_2.0_norm_total": [5.0]},
            "grad_norm",
            "grad_2.0_norm_total",
        ),
    ],
)
def test_of_several_columns_one_is_taken_in_any_order(logged, known, taken):
    assert chosen(logged) == {known: taken}
    assert chosen(dict(reversed(logged.items()))) == {known: taken}


def test_what_is_logged_beside_the_rate_is_not_the_rate():
    names = ("train/grad_norm", "train/learning_rate", "lr-SGD-momentum", "lr-SGD-weight_decay")
    assert [standard_name(name) for name in names] == ["grad_norm", "lr", None, None]
