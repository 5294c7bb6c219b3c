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
    watch = phoropter.watch(network, torch.optim.SGD(network.parameters(), lr=0.1), folder=tmp_path)
    yield watch
    watch.close()


def validated(recording, answers, batches):
    """One validation of these batches."""
    for batch in batches:
        answers.add(*batch)
    answers.end_pass(recording, val_loss=1.0, val_metric=None)


def kept(recording, tmp_path, answers):
    """What is recorded of the answers, beside a number that always must be."""
    answers.end_pass(recording, val_loss=0.5, val_metric=None)
    recording.close()
    return read_watched(tmp_path).predictions


def test_batches_of_a_validation_are_kept_together(recording, tmp_path):
    answers = Answers()
    answers.add(torch.ones(3, 2), torch.zeros(3).long())
    answers.clear()
    for size in (4, 3):
        answers.add(torch.randn(size, 2, requires_grad=True), torch.ones(size).long())
    found = kept(recording, tmp_path, answers)
    assert isinstance(found, ClassPredictions)
    assert found.truth.tolist() == [1] * 7


def test_values_between_0_and_1_beside_marks_are_values(recording, tmp_path):
    answers = Answers()
    answers.add(torch.full((4, 3), 0.7), torch.eye(4)[:, :3])
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
    ],
)
def test_answers_of_other_kinds_are_told_once_and_kept_no_more(recording, tmp_path, batches, why):
    answers = Answers()
    with pytest.warns(UserWarning, match=f"phoropter keeps no predictions: .*{why}"):
        validated(recording, answers, batches)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        validated(recording, answers, batches)
        assert kept(recording, tmp_path, answers) is None
    assert read_watched(tmp_path).history == ()
