import warnings

import pytest
import torch
from torch import nn

import phoropter
from phoropter.core.predictions import ClassPredictions, ValuePredictions
from phoropter.watching.answers import Answers
from phoropter.watching.folder import read_watched


@pytest.fixture
def recording(tmp_path):
    network = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    watch = phoropter.watch(network, optimizer, folder=tmp_path)
    loss = network(torch.ones(3, 4)).sum()
    loss.backward()
    optimizer.step()
    watch.step(loss)
    yield watch
    watch.close()


def validated(recording, answers, batches):
    """One validation of these batches."""
    for batch in batches:
        answers.add(*batch)
    answers.end_pass(recording, val_loss=0.5, val_metric=None)


def kept(recording, tmp_path, answers):
    """What is recorded of the answers, beside a number that always must be."""
    answers.end_pass(recording, val_loss=0.5, val_metric=None)
    recording.close()
    watched = read_watched(tmp_path)
    assert watched.history[-1].val_loss == 0.5
    return watched.predictions


def test_batches_of_a_validation_are_kept_together(recording, tmp_path):
    answers = Answers()
    answers.add(torch.ones(3, 2), torch.zeros(3).long())
    answers.clear()
    for size in (4, 3):
        answers.add(torch.randn(size, 2, requires_grad=True), torch.ones(size).long())
    found = kept(recording, tmp_path, answers)
    assert isinstance(found, ClassPredictions)
    assert found.truth.tolist() == [1] * 7


@pytest.mark.parametrize(
    ("predictions", "targets"),
    [
        (torch.full((4, 3), 1.2), torch.tensor([1.0, 0.0, 1.0]).repeat(4, 1)),
        (3 * torch.eye(4), torch.eye(4)),  # least squares of one class each
    ],
)
def test_values_beside_marks_may_be_values(recording, tmp_path, predictions, targets):
    answers = Answers()
    answers.add(predictions, targets)
    assert isinstance(kept(recording, tmp_path, answers), ValuePredictions)


@pytest.mark.parametrize(
    ("batches", "why"),
    [
        ([([[0.1, 0.9]], [1])], "no tensors"),
        ([(torch.ones(2, 5, 8, 8), torch.ones(2, 8, 8).long())], "no tables"),
        ([(torch.tensor(0.3), torch.tensor(1))], "no tables"),
        ([(torch.ones(3, 2), torch.ones(2).long())], "3 samples, targets for 2"),
        ([(torch.ones(3, 4), torch.ones(3)), (torch.ones(3, 5), torch.ones(3))], "columns"),
        ([(torch.randn(8, 3), torch.ones(8, 3).long())], "do not belong"),
        ([(3 * torch.ones(8, 3), torch.ones(8, 3))], "several labels"),
        ([(torch.randn(8, 3), torch.ones(8, 3).to_sparse())], "sparse"),
        ([(torch.randn(8, 0), torch.ones(8, 0))], "empty"),
    ],
)
def test_answers_of_other_kinds_are_told_once_and_kept_no_more(recording, tmp_path, batches, why):
    answers = Answers()
    with pytest.warns(UserWarning, match=f"keeps no predictions from here on: .*{why}"):
        validated(recording, answers, batches)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        validated(recording, answers, batches)
        assert kept(recording, tmp_path, answers) is None
