import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta as beta_distribution
from sklearn.metrics import fbeta_score

from phoropter.core.decoding import cost_matrix, decide, read_costs, read_rule
from phoropter.core.errors import UsageError
from phoropter.core.records import TargetSchema
from phoropter.metrics.thresholds import (
    best_f_threshold,
    check_rule,
    choose,
    default_positive,
    least_positives,
    recall_threshold,
)

scored = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.7, 0.9, 1.0]), st.booleans()), min_size=1
)


@settings(max_examples=100, deadline=None)
@given(scored, st.sampled_from([0.5, 1.0, 2.0]))
def test_no_threshold_has_a_larger_f(pairs, beta):
    scores = np.array([score for score, _ in pairs])
    actual = np.array([label for _, label in pairs])

    def quality(threshold):
        return fbeta_score(actual, scores >= threshold, beta=beta, zero_division=0)

    chosen = best_f_threshold(scores, actual, beta)
    if actual.any():
        best = max(quality(threshold) for threshold in [*scores, 1.1])
        assert quality(chosen) == pytest.approx(best, abs=1e-12)
    else:
        assert chosen == 0.5


@pytest.mark.parametrize("misses", [0, 3, 20])
def test_the_recall_threshold_is_a_tolerance_limit(misses):
    """Its recall on everything is beta-distributed; the chance to fall short is 5 % at most."""
    count, recall = 200, 0.9
    scores = np.linspace(0.01, 0.99, count)
    threshold = recall_threshold(scores, np.ones(count, dtype=bool), recall)
    below = int((scores < threshold).sum())
    assert beta_distribution.cdf(recall, count - below, below + 1) <= 0.05
    assert beta_distribution.cdf(recall, count - below - 1, below + 2) > 0.05
    allowed = beta_distribution.cdf(recall, count - misses, misses + 1) <= 0.05
    assert allowed == (misses <= below)


def test_the_recall_is_reached_on_new_samples_as_often_as_promised():
    draw = np.random.default_rng(0)
    reached = []
    for _ in range(1000):
        scores = draw.beta(4, 2, 100)
        threshold = recall_threshold(scores, np.ones(100, dtype=bool), 0.9)
        reached.append(beta_distribution.sf(threshold, 4, 2) >= 0.9)
    # With 100 positives the certainty is 97.6 %: the counts are whole numbers.
    assert np.mean(reached) == pytest.approx(1 - beta_distribution.cdf(0.9, 96, 5), abs=0.015)


def test_too_few_positives_warrant_nothing():
    with pytest.raises(UsageError, match="cannot be warranted by 58 samples") as caught:
        recall_threshold(np.full(58, 0.5), np.ones(58, dtype=bool), 0.95)
    assert "59" in caught.value.hint
    assert recall_threshold(np.full(59, 0.5), np.ones(59, dtype=bool), 0.95) == 0.5
    assert least_positives(0.9) == 29
    assert 0.9**29 <= 0.05 < 0.9**28


def test_two_classes_with_costs_are_elkans_threshold(classifier):
    """Elkan (2001), equation 2: p* = (c10 - c00) / (c10 - c00 + c01 - c11)."""
    predictions = classifier(500)
    decision = choose(predictions, "cost(c1>c0=9, c0>c1=1)", "")
    named = decide(predictions.probabilities, predictions.classes, decision)
    assert np.array_equal(named == 1, predictions.probabilities[:, 1] > 1 / 10)


def test_no_other_answer_costs_less_in_expectation(classifier):
    predictions = classifier(200, prior=(0.5, 0.3, 0.2))
    costs = np.array(cost_matrix(read_costs("c0>c1=5, c2>c0=3.5"), predictions.classes))
    assert costs.tolist() == [[0, 5, 1], [1, 0, 1], [3.5, 1, 0]]
    decision = choose(predictions, "cost(c0>c1=5, c2>c0=3.5)", "")
    named = decide(predictions.probabilities, predictions.classes, decision)
    for row, shares in enumerate(predictions.probabilities):
        expected = [sum(shares * costs[:, answer]) for answer in range(3)]
        assert expected[named[row]] == pytest.approx(min(expected))


def test_below_the_threshold_the_most_probable_other_class_is_named(from_probabilities):
    predictions = from_probabilities([2, 0, 1], [[0.5, 0.2, 0.3], [0.6, 0.1, 0.3], [0.1, 0.2, 0.7]])
    decision = choose(predictions, "f1", "c2")
    assert decision.threshold == pytest.approx(0.15)  # all are called c2: F1 is 0.5 everywhere
    named = decide(predictions.probabilities, predictions.classes, decision)
    assert named.tolist() == [2, 2, 2]
    higher = decide(
        predictions.probabilities,
        predictions.classes,
        type(decision)("f1", "c2", 0.8),
    )
    assert higher.tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("f0", "is no rule"),
        ("best", "is no rule"),
        ("recall>=1.0", "is no rule"),
        ("recall>=0.0", "is no rule"),
        ("cost()", "is no rule"),
        ("cost(a=3)", "is not of the form"),
        ("cost(a>b=-1)", "is not of the form|must not be negative"),
        ("cost(a>b=1e999)", "must not be negative"),
        ("cost(a>b=1 c>d=2)", "is not of the form"),
    ],
)
def test_what_is_no_rule_is_refused(text, said):
    with pytest.raises(ValueError, match=said):
        read_rule(text)


def test_costs_of_odd_names():
    assert read_costs('"a>b" > "c, d" = 2.5, x y>z=1e1') == (("a>b", "c, d", 2.5), ("x y", "z", 10))
    with pytest.raises(UsageError, match="'il', which is none") as caught:
        cost_matrix([("il", "well", 1.0)], ("ill", "well"))
    assert "ill" in caught.value.hint


def test_a_rule_must_fit_the_target():
    schema = TargetSchema("classes", ("a", "b"), counts=(10, 10))
    assert check_rule("f2", "b", schema).number == 2.0
    with pytest.raises(UsageError, match="none of the classes"):
        check_rule("f1", "c", schema)
    with pytest.raises(UsageError, match="needs classes"):
        check_rule("f1", None, TargetSchema("values", ("x",)))


@pytest.mark.parametrize(
    ("counts", "name"), [((9, 3, 5), "b"), ((5, 5, 5), "c"), ((0, 5, 7), "b"), ((), "c")]
)
def test_the_rarest_class_is_the_positive_one(counts, name):
    assert default_positive(TargetSchema("classes", ("a", "b", "c"), counts=counts)) == name
