import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from phoropter.core.recipe import TrainRecipe
from phoropter.training.schedules import lr_factor

NAMES = TrainRecipe.model_fields["schedule"].annotation.__args__
TOTAL = 50
TORCHS = {
    "constant": lambda o: lr_scheduler.ConstantLR(o, factor=1.0),
    "step": lambda o: lr_scheduler.StepLR(o, step_size=15, gamma=0.2),
    "exponential": lambda o: lr_scheduler.ExponentialLR(o, gamma=0.2 ** (1 / 15)),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=TOTAL),
    "one_cycle": lambda o: lr_scheduler.OneCycleLR(
        o, max_lr=1.0, total_steps=TOTAL, cycle_momentum=False
    ),
    # Falls by what is measured: see callbacks/test_plateau.py.
    "plateau": lambda o: lr_scheduler.ConstantLR(o, factor=1.0),
}


@pytest.mark.parametrize("name", NAMES)
def test_schedules_equal_torchs(name):
    recipe = TrainRecipe(schedule=name, warmup=0.0, decay=0.2, decay_every=0.3)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    reference = TORCHS[name](optimizer)
    for step in range(TOTAL):
        ours = lr_factor(step, TOTAL, recipe)
        assert ours == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-9)
        optimizer.step()
        if step < TOTAL - 1:
            reference.step()


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"one_cycle"}))
def test_warmup_is_a_straight_line_to_the_peak(name):
    recipe = TrainRecipe(schedule=name, warmup=0.1)
    factors = [lr_factor(step, 100, recipe) for step in range(100)]
    assert factors[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert factors[10] == 1.0
    assert factors[10:] == sorted(factors[10:], reverse=True)


def test_schedules_after_warmup_by_their_closed_forms():
    for step in range(20, 100):
        cosine = lr_factor(step, 100, TrainRecipe(schedule="cosine", warmup=0.2))
        assert cosine == pytest.approx((1 + math.cos(math.pi * (step - 20) / 80)) / 2)
        stepped = TrainRecipe(schedule="step", warmup=0.2, decay=0.1, decay_every=0.5)
        assert lr_factor(step, 100, stepped) == pytest.approx(1.0 if step < 60 else 0.1)
        smooth = TrainRecipe(schedule="exponential", warmup=0.2, decay=0.1, decay_every=1.0)
        assert lr_factor(step, 100, smooth) == pytest.approx(0.1 ** ((step - 20) / 80))


@given(
    total=st.integers(1, 1000),
    schedule=st.sampled_from(NAMES),
    warmup=st.floats(0, 0.99),
    every=st.floats(0.1, 1.0),
    data=st.data(),
)
def test_every_step_has_a_positive_rate_of_at_most_the_peak(total, schedule, warmup, every, data):
    step = data.draw(st.integers(0, total - 1))
    recipe = TrainRecipe(schedule=schedule, warmup=warmup, decay_every=every)
    assert 0 < lr_factor(step, total, recipe) <= 1
