import math

import pytest

from phoropter.core.errors import BrokenContractError
from phoropter.core.records import TargetSchema
from phoropter.core.references import reference_to
from phoropter.metrics import named
from phoropter.metrics.contract import check_metric
from phoropter.metrics.function import metric

CLASSES = TargetSchema("classes", ("a", "b", "c"), counts=(5, 5, 5))
VALUES = TargetSchema("values", ("x", "y"), offset=(1.0, 2.0), scale=(3.0, 4.0))


@pytest.mark.parametrize("name", ["accuracy", "log_loss", "roc_auc"])
def test_our_metrics_of_classes_keep_the_contract(name):
    check_metric(named(name), name, CLASSES)


@pytest.mark.parametrize("name", ["rmse", "r2", "mae"])
def test_our_metrics_of_values_keep_the_contract(name):
    check_metric(named(name), name, VALUES)


@metric("classes", greater_is_better=True, range=(0.0, 1.0))
def right(predictions):
    return (predictions.probabilities.argmax(1) == predictions.truth).mean()


def test_a_function_becomes_a_metric_of_its_name():
    assert (right.name, right.kind, right.greater_is_better) == ("right", "classes", True)
    check_metric(right, "right", CLASSES)
    assert named(reference_to(right)) is right


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda p: p.values.mean(), "AttributeError"),
        (lambda p: p.probabilities, "failed on"),
        (lambda p: 2.0, "outside of its range"),
        (lambda p: None, "TypeError"),
    ],
)
def test_what_is_no_number_in_the_range_is_told(function, words):
    mine = metric("classes", greater_is_better=True, range=(0.0, 1.0))(function)
    with pytest.raises(BrokenContractError, match=words):
        check_metric(mine, "mine.py:metric", CLASSES)


def test_an_undefined_value_is_allowed():
    check_metric(metric("classes", greater_is_better=True)(lambda p: math.nan), "nan", CLASSES)


def test_a_bare_function_does_not_say_which_way_is_up():
    with pytest.raises(BrokenContractError, match="whether more of it is better"):
        named(reference_to(lambda predictions: 1.0))
