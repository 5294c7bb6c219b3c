import pytest

from phoropter.core.records import TargetSchema
from phoropter.core.registry import names
from phoropter.metrics import GROUP, named
from phoropter.metrics.primary import choose_primary, is_greater_better


def schema(*counts):
    return TargetSchema("classes", tuple(f"c{i}" for i in range(len(counts))), counts=counts)


@pytest.mark.parametrize(
    ("counts", "name"),
    [
        ((50, 50), "accuracy"),
        ((75, 25), "accuracy"),
        ((76, 25), "macro_f1"),
        ((100, 100, 100, 20), "macro_f1"),
        ((10, 0), "macro_f1"),
        ((10,), "accuracy"),
        ((), "accuracy"),
    ],
)
def test_by_the_sizes_of_the_classes(counts, name):
    choice = choose_primary(schema(*counts))
    assert choice.name == name
    assert named(name).kind == "classes"


def test_the_reason_has_the_numbers():
    reason = choose_primary(schema(90, 10, 20)).reason
    assert "'c0' has 90 samples, 'c1' has 10 (9 to 1)" in reason
    assert "accuracy is refused" in reason
    assert "0.750" in reason


def test_numbers():
    assert choose_primary(TargetSchema("values", ("age",))).name == "rmse"


def test_the_direction_of_others_numbers():
    for name in names(GROUP):
        assert is_greater_better(name) == named(name).greater_is_better
    better = ("top1_acc", "precision_at_5", "spearman", "specificity(ill)", "dice_coefficient")
    worse = ("huber_loss", "word_error_rate", "binary_crossentropy", "brier_score", "val_nll")
    for name in better:
        assert is_greater_better(name), name
    for name in (*worse, "msle", "cost(ill>well=10)"):
        assert not is_greater_better(name), name
