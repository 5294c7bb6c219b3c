import numpy as np
import pytest

from phoropter.watching.pace import Order, Pace


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_waiting_is_what_lies_between_a_step_and_the_next_forward_pass():
    clock = Clock()
    pace = Pace(clock)
    for wait, work in ((3.0, 1.0), (2.0, 1.0)):
        clock.now += wait
        pace.on_forward()
        clock.now += work / 2
        pace.on_forward()  # of the same batch: no wait
        clock.now += work / 2
        pace.on_step()
    assert (pace.waited_s, pace.training_s) == (5.0, 7.0)

    clock.now += 10.0
    pace.on_forward()
    clock.now += 10.0
    pace.on_validation()  # none of this was training
    clock.now += 0.5
    pace.on_forward()
    clock.now += 1.0
    pace.on_step()
    assert (pace.waited_s, pace.training_s, pace.seconds) == (5.5, 8.5, 28.5)


@pytest.mark.parametrize("seed", range(40))
def test_a_new_order_in_every_pass_is_never_taken_for_the_same(seed):
    draw = np.random.default_rng(seed)
    order = Order()
    for level in np.geomspace(2.0, 0.1, 5):
        progress = np.linspace(1.2, 0.8, 15)  # the loss falls within each pass too
        order.end_pass(list(level * progress * draw.gamma(20, 1 / 20, 15)), 2.3)
    assert order.gate().passed


@pytest.mark.parametrize("seed", range(10))
def test_the_same_batches_are_hard_in_every_pass(seed):
    draw = np.random.default_rng(seed)
    order, hard = Order(), draw.gamma(20, 1 / 20, 30)
    for level in np.geomspace(2.0, 0.1, 4):
        order.end_pass(list(level * hard * draw.gamma(200, 1 / 200, 30)), 2.3)
    assert not order.gate().passed


@pytest.mark.parametrize("moving", [0.0, 0.1])
def test_batches_that_nothing_is_learnt_from_are_not_taken_for_sorted(moving):
    """A network may begin worse than a constant, and stay so at a rate that is far too low."""
    draw = np.random.default_rng(0)
    order, hard = Order(), 2.5 * draw.gamma(100, 1 / 100, 30)
    for _ in range(4):
        order.end_pass(list(hard + moving * draw.normal(size=30)), 2.3)
    gate = order.gate()
    assert not gate.passed
    assert gate.evidence["sorted"] == (moving > 0)


@pytest.mark.parametrize(
    "passes",
    [[[1.0] * 20], [[1.0] * 20, [1.0] * 20], [[1.0, 2.0], [1.0, 2.0]], [[np.nan] * 20] * 2],
)
def test_what_tells_nothing_is_not_judged(passes):
    order = Order()
    for losses in passes:
        order.end_pass(losses, 2.3)
    assert order.gate() is None
