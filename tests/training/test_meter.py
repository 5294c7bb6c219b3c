import math

import numpy as np
import pytest
import torch

from phoropter.training.meter import Meter


def filled(losses, norms=()):
    meter = Meter()
    for index, loss in enumerate(losses):
        norm = torch.tensor([norms[index]]) if index < len(norms) else None
        meter.add(torch.tensor(loss), norm)
    return meter


def test_mean_is_over_samples_not_over_steps():
    assert filled([1.0, 4.0]).mean([32, 8]) == pytest.approx(
        np.average([1.0, 4.0], weights=[32, 8])
    )


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_a_bad_step_shows_everywhere(bad):
    meter = filled([1.0, bad, 2.0])
    assert not meter.all_finite()
    assert not math.isfinite(meter.worst())
    assert not math.isfinite(meter.mean([1, 1, 1]))


def test_median_of_the_norms_and_the_worst_loss():
    meter = filled([1.0, 5.0, 2.0], norms=[1.0, 9.0, 2.0])
    assert (meter.worst(), meter.median_norm()) == (5.0, 2.0)
    assert filled([1.0]).median_norm() is None


def test_the_state_survives():
    meter = filled([0.1, 0.2], norms=[1.0])
    other = Meter()
    other.load_state_dict(meter.state_dict())
    other.add(torch.tensor(0.3), None)
    meter.add(torch.tensor(0.3), None)
    assert other.losses == meter.losses
    assert other.median_norm() == meter.median_norm()
