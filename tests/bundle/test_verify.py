"""What agrees and what does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoropter.bundle.golden import Golden
from phoropter.bundle.verify import TOLERANCE, agreement, verify
from phoropter.core.errors import PhoropterError
from phoropter.core.records import TargetSchema

TWO = TargetSchema("classes", ("a", "b"))
METRES = TargetSchema("values", ("metres",), offset=(100.0,), scale=(50.0,))


def golden(answers):
    answers = np.asarray(answers, dtype=np.float64)
    return Golden(np.arange(len(answers), dtype=np.uint8).reshape(-1, 1, 1, 1), answers)


@given(st.floats(0, 1), st.floats(-1e-3, 1e-3))
def test_probabilities_agree_up_to_the_tolerance(probability, shift):
    one = golden([[probability, 1 - probability]])
    answers = one.answers + np.array([shift, -shift])
    found = agreement(answers, one, TWO)
    assert found.largest == pytest.approx(abs(shift), abs=1e-12)
    if abs(shift) > 1.01 * TOLERANCE:
        assert not found.agreeing.all()
    elif abs(shift) < 0.99 * TOLERANCE and abs(probability - 0.5) > TOLERANCE:
        assert found.agreeing.all()


def test_ties_may_fall_either_way_but_no_further():
    one = golden([[0.50001, 0.49999]])
    assert agreement(np.array([[0.49999, 0.50001]]), one, TWO).agreeing.all()
    far = golden([[0.50009, 0.49991]])
    assert not agreement(np.array([[0.49999, 0.50001]]), far, TWO).agreeing.any()


def test_values_are_measured_in_standard_deviations():
    one = golden([[150.0]])
    assert agreement(np.array([[150.004]]), one, METRES).agreeing.all()
    assert not agreement(np.array([[150.006]]), one, METRES).agreeing.any()
    assert agreement(np.array([[150.006]]), one, METRES).largest == pytest.approx(1.2e-4)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_never_agree(wrong):
    found = agreement(np.array([[wrong, 0.5]]), golden([[0.5, 0.5]]), TWO)
    assert not found.agreeing.any()
    assert found.largest == np.inf


def test_other_shapes_never_agree():
    assert not agreement(np.ones((1, 3)), golden([[0.5, 0.5]]), TWO).agreeing.any()


def test_a_model_that_is_right_only_in_batches_is_noticed():
    one = golden([[0.9, 0.1], [0.2, 0.8]])

    def batch_only(pixels):
        right = one.answers[pixels[:, 0, 0, 0]]
        return right if len(pixels) > 1 else right[:, ::-1]

    with pytest.raises(PhoropterError, match=r"up to 0\.8"):
        verify(batch_only, one, TWO, what="It")
    assert verify(lambda pixels: one.answers[pixels[:, 0, 0, 0]], one, TWO, what="It") == 0.0
