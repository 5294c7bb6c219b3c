from dataclasses import replace

import numpy as np
import pytest

from phoropter.comparison.alignment import aligned
from phoropter.core.errors import UsageError


def test_the_order_of_the_first_counts(rivals):
    a, b = rivals(50, seed=0)
    shuffled = b.take(np.random.default_rng(1).permutation(50))
    first, second = aligned(a, shuffled)
    np.testing.assert_array_equal(first.ids, a.ids)
    np.testing.assert_array_equal(second.ids, a.ids)
    np.testing.assert_array_equal(second.probabilities, b.probabilities)


def test_unknown_truth_is_left_out(rivals, rival_regressors):
    a, b = rivals(10, seed=0)
    truth = a.truth.copy()
    truth[3] = -1
    kept = aligned(replace(a, truth=truth), replace(b, truth=truth))
    assert [len(table) for table in kept] == [9, 9]
    a, b = rival_regressors(10, seed=0)
    values = a.truth.copy()
    values[3] = np.nan
    kept = aligned(replace(a, truth=values), replace(b, truth=values))
    assert [len(table) for table in kept] == [9, 9]


def test_what_cannot_be_compared(rivals, rival_regressors):
    a, b = rivals(10, seed=0)
    other_ids, twice, truth = b.ids.copy(), b.ids.copy(), b.truth.copy()
    other_ids[4], twice[4], truth[4] = "a9", "s0", (b.truth[4] + 1) % 3
    for wrong, message in [
        (replace(b, ids=other_ids), "2 samples are in one only, 'a9' in the second"),
        (replace(b, ids=twice), "'s0' occurs 2 times"),
        (b.take(np.arange(9)), "1 samples are in one only, 's9' in the first"),
        (replace(b, truth=truth), "the truth of 's4' differs"),
        (replace(b, classes=("x", "y", "w")), "they predict different things"),
        (rival_regressors(10, seed=0)[0], "they predict different things"),
    ]:
        with pytest.raises(UsageError, match=message):
            aligned(a, wrong)


def test_true_numbers_that_differ(rival_regressors):
    a, b = rival_regressors(5, seed=0)
    truth = b.truth.copy()
    truth[2] += 1e-9
    with pytest.raises(UsageError, match="'s2'"):
        aligned(a, replace(b, truth=truth))
