import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from phoropter.training.callbacks.best import BestWeights

LOSSES = st.sampled_from([0.1, 0.2, 0.3, 0.4, math.inf, math.nan])


def offered(best, losses, *, start=0):
    network = nn.Linear(1, 1)
    for epoch, loss in enumerate(losses, start=start):
        with torch.no_grad():
            network.weight.fill_(float(epoch))
        best.offer(network, loss=loss, epoch=epoch)
    return network


def test_the_lowest_loss_wins_and_the_first_of_equals():
    best = BestWeights()
    network = offered(best, [3.0, 1.0, 2.0, 1.0])
    best.restore(network)
    assert (best.epoch, best.kept[0].loss, network.weight.item()) == (1, 1.0, 1.0)


def test_there_is_always_something_to_restore():
    best = BestWeights()
    best.offer(nn.Linear(1, 1), loss=float("nan"), epoch=0)
    assert best.kept[0].weights


@given(st.lists(LOSSES, min_size=1, max_size=12), st.integers(1, 4), st.integers(0, 12))
def test_the_n_best_are_those_of_a_sorted_list_though_cut_in_between(losses, count, cut):
    whole = BestWeights(count)
    offered(whole, losses[:cut])
    resumed = BestWeights(count)
    resumed.load_state_dict(whole.state_dict())
    offered(resumed, losses[cut:], start=min(cut, len(losses)))
    ranks = sorted((math.inf if math.isnan(x) else x, n) for n, x in enumerate(losses))
    assert [one.epoch for one in resumed.kept] == [n for _, n in ranks[:count]]
    assert all(one.weights["weight"].item() == one.epoch for one in resumed.kept)


@pytest.mark.parametrize(("before", "after", "left"), [(3, 1, [2]), (1, 3, [2])])
def test_another_count_after_a_cut_takes_over_what_it_can(before, after, left):
    first = BestWeights(before)
    offered(first, [3.0, 2.0, 1.0])
    second = BestWeights(after)
    second.load_state_dict(first.state_dict())
    assert [one.epoch for one in second.kept] == left
