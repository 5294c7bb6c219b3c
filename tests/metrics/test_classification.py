"""Every metric of classes against scikit-learn, on random and on degenerate predictions."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as reference

from phoropter.core.predictions import ClassPredictions
from phoropter.metrics import named
from phoropter.metrics.tallies import confusion


def f_score(average, beta=1.0):
    return lambda truth, called: reference.fbeta_score(
        truth, called, beta=beta, average=average, zero_division=0.0
    )


def precision(average):
    return lambda t, p: reference.precision_score(t, p, average=average, zero_division=0.0)


def recall(average):
    return lambda t, p: reference.recall_score(t, p, average=average, zero_division=0.0)


BY_CALL = {
    "accuracy": reference.accuracy_score,
    "balanced_accuracy": reference.balanced_accuracy_score,
    "macro_precision": precision("macro"),
    "micro_precision": precision("micro"),
    "weighted_precision": precision("weighted"),
    "macro_recall": recall("macro"),
    "micro_recall": recall("micro"),
    "weighted_recall": recall("weighted"),
    "macro_f1": f_score("macro"),
    "micro_f1": f_score("micro"),
    "weighted_f1": f_score("weighted"),
    "macro_f2": f_score("macro", 2.0),
    "matthews": reference.matthews_corrcoef,
}


def sklearn(function, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


@st.composite
def predictions(draw):
    """Few distinct numbers, so that ties, absent classes and single samples are common."""
    count, classes = draw(st.integers(1, 25)), draw(st.integers(2, 5))
    levels = st.sampled_from([0.0, 0.25, 0.5, 1.0, 3.0])
    odds = draw(arrays(np.float64, (count, classes), elements=levels)) + 1e-3
    truth = draw(arrays(np.int64, count, elements=st.integers(0, classes - 1)))
    return ClassPredictions(
        ids=np.arange(count).astype(np.str_),
        truth=truth,
        probabilities=odds / odds.sum(axis=1, keepdims=True),
        classes=tuple("abcde"[:classes]),
    )


@pytest.mark.parametrize("name", sorted(BY_CALL))
@settings(max_examples=40)
@given(table=predictions())
def test_called_classes_as_scikit_learn(name, table):
    expected = sklearn(BY_CALL[name], table.truth, table.predicted)
    assert named(name)(table) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=40)
@given(table=predictions())
def test_confusion_as_scikit_learn(table):
    labels = list(range(len(table.classes)))
    expected = reference.confusion_matrix(table.truth, table.predicted, labels=labels)
    np.testing.assert_array_equal(confusion(table), expected)


@settings(max_examples=40)
@given(table=predictions())
def test_specificity_is_the_recall_of_the_rest(table):
    by_class = [
        sklearn(
            reference.recall_score, table.truth != index, table.predicted != index, zero_division=0
        )
        for index in range(len(table.classes))
        if (table.truth != index).any()
    ]
    assert named("specificity")(table) == pytest.approx(np.mean(by_class), abs=1e-12)


@settings(max_examples=40)
@given(table=predictions())
def test_log_loss_and_brier_as_scikit_learn(table):
    labels = list(range(len(table.classes)))
    score = table.probabilities[:, 1] if len(labels) == 2 else table.probabilities
    log_loss = sklearn(reference.log_loss, table.truth, table.probabilities, labels=labels)
    brier = sklearn(reference.brier_score_loss, table.truth, score, labels=labels)
    assert named("log_loss")(table) == pytest.approx(log_loss, rel=1e-12, abs=1e-12)
    assert named("brier")(table) == pytest.approx(brier, abs=1e-12)


def test_a_wrong_certainty_costs_36_nats(from_probabilities):
    table = from_probabilities([0, 1], [[0.0, 1.0], [0.0, 1.0]])
    expected = reference.log_loss(table.truth, table.probabilities)
    assert named("log_loss")(table) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=40)
@given(table=predictions())
def test_roc_auc_and_average_precision_as_scikit_learn_class_by_class(table):
    occurring = [i for i in range(len(table.classes)) if (table.truth == i).any()]
    precision_of = [
        reference.average_precision_score(table.truth == i, table.probabilities[:, i])
        for i in occurring
    ]
    assert named("average_precision")(table) == pytest.approx(np.mean(precision_of), abs=1e-12)
    scored = [1] if len(table.classes) == 2 else range(len(table.classes))
    areas = [
        reference.roc_auc_score(table.truth == i, table.probabilities[:, i])
        for i in scored
        if 0 < (table.truth == i).sum() < len(table)
    ]
    expected = np.mean(areas) if areas else np.nan
    assert named("roc_auc")(table) == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_roc_auc_of_several_classes_as_scikit_learn(classifier):
    table = classifier(400, prior=(0.6, 0.3, 0.1), seed=3)
    expected = reference.roc_auc_score(table.truth, table.probabilities, multi_class="ovr")
    assert named("roc_auc")(table) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision", "macro_f1", "ece", "accuracy"])
def test_all_scores_equal_is_no_crash(name, from_probabilities):
    value = named(name)(from_probabilities([0, 1, 1], np.full((3, 2), 0.5)))
    assert value == {"roc_auc": 0.5, "average_precision": 0.5, "macro_f1": 0.25}.get(
        name, pytest.approx({"ece": 1 / 6, "accuracy": 1 / 3}.get(name))
    )


def test_top5_as_scikit_learn(classifier):
    table = classifier(300, prior=np.full(9, 1 / 9), skill=1.0)
    expected = reference.top_k_accuracy_score(table.truth, table.probabilities, k=5)
    assert named("top5_accuracy")(table) == pytest.approx(expected, abs=1e-12)


def test_top1_agrees_with_the_called_class_on_ties(from_probabilities):
    from phoropter.metrics.classification import top_hits

    table = from_probabilities([0, 1, 2], np.full((3, 3), 1 / 3))
    share = top_hits(1)(table)(np.ones((1, 3)))
    assert share[0] == pytest.approx(named("accuracy")(table))
