import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import CosineAnnealingLR

from phoropter.training.schedules import lr_factor


def test_cosine_equals_torch():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    reference = CosineAnnealingLR(optimizer, T_max=50)
    for step in range(50):
        ours = lr_factor(step, 50, schedule="cosine", warmup=0.0)
        assert ours == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12)
        optimizer.step()
        reference.step()


def test_warmup_is_a_straight_line_to_the_peak():
    factors = [lr_factor(step, 100, schedule="constant", warmup=0.1) for step in range(100)]
    assert factors[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert set(factors[10:]) == {1.0}


def test_cosine_after_warmup_by_its_closed_form():
    for step in range(20, 100):
        wanted = (1 + math.cos(math.pi * (step - 20) / 80)) / 2
        assert lr_factor(step, 100, schedule="cosine", warmup=0.2) == pytest.approx(wanted)


@given(
    total=st.integers(1, 1000),
    schedule=st.sampled_from(["constant", "cosine"]),
    warmup=st.floats(0, 0.99),
    data=st.data(),
)
def test_every_step_has_a_positive_rate_of_at_most_the_peak(total, schedule, warmup, data):
    step = data.draw(st.integers(0, total - 1))
    assert 0 < lr_factor(step, total, schedule=schedule, warmup=warmup) <= 1
