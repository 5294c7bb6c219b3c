import pytest
import torch
from torch import nn

from phoropter.training.callbacks.average import WeightAverage


def test_the_average_follows_its_recurrence():
    network = nn.Linear(1, 1, bias=False)
    average = WeightAverage(network, decay=0.5)
    expected = network.weight.item()
    for number in range(1, 30):
        with torch.no_grad():
            network.weight.fill_(float(number))
        average.update(network)
        decay = min(0.5, (1 + number) / (10 + number))
        expected = decay * expected + (1 - decay) * number
    assert average.average["weight"].item() == pytest.approx(expected, rel=1e-5)


def test_counters_are_copied_and_running_statistics_averaged():
    network = nn.BatchNorm1d(2)
    average = WeightAverage(network, decay=0.9)
    network(torch.randn(8, 2) + 5)
    average.update(network)
    assert average.average["num_batches_tracked"] == 1
    assert 0 < average.average["running_mean"][0] < network.running_mean[0]


def test_the_network_has_its_own_weights_back_after_the_block():
    network = nn.Linear(2, 2)
    average = WeightAverage(network, decay=0.5)
    with torch.no_grad():
        network.weight.add_(1)
    own = network.weight.clone()
    with average.applied(network):
        assert torch.equal(network.weight, own - 1) or torch.allclose(network.weight, own - 1)
    assert torch.equal(network.weight, own)


def test_the_state_survives():
    network = nn.Linear(2, 2)
    one, other = WeightAverage(network, decay=0.9), WeightAverage(nn.Linear(2, 2), decay=0.9)
    one.update(network)
    other.load_state_dict(one.state_dict())
    assert other.updates == 1
    assert torch.equal(other.average["weight"], one.average["weight"])
