import math

import numpy as np
import pytest
import torch

import phoropter
from phoropter.core.errors import UsageError
from phoropter.watching.outcomes import as_predictions, class_names, metric_of, schema_of

LOGITS = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(20) % 3


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16])
def test_logits_become_probabilities(kind):
    made = as_predictions(LOGITS.to(kind), LABELS, ("a", "b", "c"))
    expected = LOGITS.to(kind).double().softmax(1).numpy()
    assert np.allclose(made.probabilities, expected, atol=1e-6)
    assert made.classes == ("a", "b", "c")
    assert made.truth.tolist() == LABELS.tolist()


@pytest.mark.parametrize(("kind", "most"), [(torch.float32, 1e-6), (torch.bfloat16, 1e-2)])
def test_probabilities_stay_what_they_are(kind, most):
    said = LOGITS.softmax(1)
    made = as_predictions(said.to(kind), LABELS, ())
    assert np.allclose(made.probabilities, said.numpy(), atol=most)


def test_infinite_logits_are_certain():
    said = [[math.inf, -math.inf, 0.0], [-math.inf, 0.0, 0.0]]
    made = as_predictions(said, [0, 1], ())
    assert made.probabilities.tolist() == [[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]]


def test_one_number_of_two_classes():
    labels = torch.tensor([0, 1, 1])
    logit = as_predictions(torch.tensor([-2.0, 0.0, 3.0]), labels, ())
    assert np.allclose(logit.probabilities[:, 1], torch.tensor([-2.0, 0.0, 3.0]).sigmoid())
    share = as_predictions([0.25, 0.5, 1.0], labels, ("no", "yes"))
    assert share.probabilities.tolist() == [[0.75, 0.25], [0.5, 0.5], [0.0, 1.0]]


@pytest.mark.parametrize("rest", [[math.nan], [0.25, 0.75], [-3.0, math.inf]])
def test_answers_that_are_lost_are_even_odds(rest):
    made = as_predictions([math.nan, *rest], [0] * (1 + len(rest)), ())
    assert made.probabilities[0].tolist() == [0.5, 0.5]
    assert np.isfinite(made.probabilities).all()
    if rest == [0.25, 0.75]:
        assert made.probabilities[1:, 1].tolist() == rest


@pytest.mark.parametrize("kind", ["shares", "logits"])
def test_an_answer_that_is_lost_does_not_change_the_others(kind):
    given = LOGITS if kind == "logits" else LOGITS.softmax(1)
    said = torch.cat([given, torch.full((1, given.shape[1]), math.nan)])
    said[-1, 0] = 0.0
    made = as_predictions(said, torch.cat([LABELS, LABELS[:1]]), ())
    assert np.allclose(made.probabilities[:-1], LOGITS.softmax(1).numpy(), atol=1e-6)
    assert np.allclose(made.probabilities[-1], 1 / given.shape[1])


@pytest.mark.parametrize("columns", [(), (1,), (2,)])
def test_a_diverged_classifier_is_diagnosed(tmp_path, columns):
    network = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    watch = phoropter.watch(network, optimizer, folder=tmp_path)
    for loss in (0.69, 0.6, math.nan, math.nan):
        network(torch.ones(4, 2)).mean().backward()
        optimizer.step()
        optimizer.zero_grad()
        watch.step(loss)
        said = torch.full((60, *columns), math.nan)
        watch.epoch(val_loss=loss, predictions=said, targets=torch.arange(60) % 2)
    watch.close()
    assert "diverged" in {finding.code for finding in phoropter.diagnose(tmp_path).findings}


def test_values_and_their_metric():
    made = as_predictions(np.array([[1.0], [3.0]]), np.array([2.0, 3.0]), ())
    assert made.kind == "values"
    assert metric_of(made, None) == ("rmse", pytest.approx(np.sqrt(0.5)))
    assert metric_of(made, "accuracy")[0] == "rmse"
    assert metric_of(made, "mae") == ("mae", 0.5)
    assert schema_of(made, ()).scale == (0.5,)


def test_the_schema_counts_what_was_seen():
    made = as_predictions(LOGITS, LABELS, ())
    assert schema_of(made, ()).counts == (7, 7, 6)
    assert schema_of(made, (), samples=200).counts == (70, 70, 60)
    assert schema_of(None, ("a", "b")).names == ("a", "b")
    assert schema_of(None, ()).kind == ""
    assert class_names(["x"]) == ("x",)
    assert class_names(None) == ()


@pytest.mark.parametrize(
    ("said", "truth", "classes", "words"),
    [
        (LOGITS, LABELS[:5], (), "20 samples, targets for 5"),
        (LOGITS.argmax(1), LABELS, (), "look like labels"),
        (LOGITS, LABELS + 1, (), "up to 3"),
        (LOGITS, LABELS, ("a", "b"), "3 columns, and there are 2 classes"),
        (LOGITS, LABELS.float(), (), "shape"),
        ([], [], (), "0 samples"),
    ],
)
def test_what_does_not_belong_together_is_refused(said, truth, classes, words):
    with pytest.raises(UsageError, match=words):
        as_predictions(said, truth, classes)
