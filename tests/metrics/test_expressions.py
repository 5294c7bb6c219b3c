import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, fbeta_score, precision_score, recall_score

from phoropter.core.errors import UsageError
from phoropter.core.records import TargetSchema
from phoropter.metrics import named
from phoropter.metrics.contract import check_metric
from phoropter.metrics.evaluate import evaluate


@pytest.fixture
def predictions(classifier):
    return classifier(300, prior=(0.6, 0.3, 0.1), skill=1.0)


def test_metrics_of_one_class_are_scikit_learns(predictions):
    truth, said = predictions.truth == 2, predictions.predicted == 2
    assert named("precision(c2)")(predictions) == pytest.approx(precision_score(truth, said))
    assert named("recall(c2)")(predictions) == pytest.approx(recall_score(truth, said))
    assert named("f1(c2)")(predictions) == pytest.approx(fbeta_score(truth, said, beta=1))
    assert named("f0.5(c2)")(predictions) == pytest.approx(fbeta_score(truth, said, beta=0.5))
    assert named("specificity(c2)")(predictions) == pytest.approx(recall_score(~truth, ~said))


def test_the_mean_cost_is_the_confusion_matrix_weighed(predictions):
    metric = named("cost(c0>c1=3, c2>c0=7)")
    weights = np.array([[0, 3, 1], [1, 0, 1], [7, 1, 0]])
    counts = confusion_matrix(predictions.truth, predictions.predicted)
    assert metric(predictions) == pytest.approx((weights * counts).sum() / 300)
    assert (metric.greater_is_better, metric.range) == (False, (0.0, 7.0))
    (found,) = evaluate(predictions, names=[metric.name])
    assert found.low < found.value < found.high
    check_metric(metric, metric.name, TargetSchema("classes", predictions.classes))


def test_without_costs_of_its_own_a_mistake_costs_one(predictions):
    cost = named("cost(c0>c1=1)")(predictions)
    assert cost == pytest.approx(1 - named("accuracy")(predictions))


def test_what_is_decided_counts_and_not_what_is_most_probable(from_probabilities):
    table = from_probabilities([0, 1], [[0.4, 0.6], [0.4, 0.6]])
    decided = type(table)(
        table.ids, table.truth, table.probabilities, table.classes, np.array([0, 0])
    )
    assert (named("accuracy")(table), named("recall(c0)")(table)) == (0.5, 0.0)
    assert (named("accuracy")(decided), named("recall(c0)")(decided)) == (0.5, 1.0)
    assert named("ece")(decided) == named("ece")(table)


@pytest.mark.parametrize(
    ("name", "said"), [("recall(c9)", "'c9'"), ("cost(c0>c9=1)", "'c9'"), ("cost(c0=1)", "c0=1")]
)
def test_unknown_classes_and_malformed_costs_are_told(predictions, name, said):
    with pytest.raises(UsageError, match=said):
        named(name)(predictions)
