"""When a challenger is stopped: by histories written by hand."""

import pytest

from phoropter.core.run_records import Epoch
from phoropter.improvement.losing import losing_against


def history(*losses):
    return [
        Epoch(n, 10 * n, 1e-3, None, None, loss, None, None, None, None)
        for n, loss in enumerate(losses)
    ]


REFERENCE = history(2.0, 1.0, 0.8, 0.7, 0.6, 0.55)  # of five planned passes


@pytest.mark.parametrize(
    ("losses", "losing"),
    [
        ([2.0, 1.9], False),  # one pass says nothing
        ([2.0, 1.9, 1.9], False),  # two of ten are the warm-up
        ([2.0, 1.9, 1.9, 1.9], False),  # less than a third
        ([2.0, 1.9, 1.9, 1.9, 1.9], True),  # the reference had 0.8 at two fifths
        ([2.0, 1.9, 1.9, 1.9, 1.2], False),  # 1.5 times 0.8 and no more
        ([2.0, 1.1, 1.9, 1.9, 1.9], False),  # its best counts
        ([2.0, None, None, None, None], True),
        ([None, None, None, None, None], False),  # divergence is found elsewhere
    ],
)
def test_it_is_compared_at_the_same_share_of_its_schedule(losses, losing):
    assert losing_against(REFERENCE, planned=5, epochs=10)(history(*losses)) == losing


def test_a_reference_that_stopped_early_is_read_at_its_best():
    losing = losing_against(history(2.0, 1.0, 0.5, 0.9), planned=100, epochs=4)
    assert losing(history(2.0, 1.5, 1.5))
    assert not losing(history(2.0, 0.9, 0.7))


def test_losses_near_zero_are_no_reason():
    losing = losing_against(history(1.0, 0.01), planned=1, epochs=3)
    assert not losing(history(1.0, 0.05, 0.05))


def test_against_a_classic_model_nothing_is_losing():
    assert not losing_against([], planned=20, epochs=4)(history(9.0, 9.0, 9.0, 9.0))
