"""Gains that were measured take the place of those that are believed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from phoropter.core.recipe import Recipe
from phoropter.core.records import Finding, Prescription
from phoropter.improvement.prescriptions.experience import Tried, believed, informed, kind_of
from phoropter.improvement.prescriptions.making import UNKNOWN_GAIN

EPOCHS = {"train.epochs": 40}


def tried(share, variance=0.01, *, here=True, finding="undertrained", kind="train.epochs up"):
    return Tried(finding, kind, share, variance, 0.2 * share, here)


def test_without_a_trial_the_built_in_share_stands():
    found = believed(0.1, [])
    assert (found.mean, found.variance) == pytest.approx((0.1, 0.01))


def test_one_trial_here_by_hand():
    # Prior N(.1, .1^2), measured .3 with variance .03: (.1/.01 + .3/.03) / (1/.01 + 1/.03) = .15.
    found = believed(0.1, [tried(0.3, 0.03)])
    assert (found.mean, found.variance) == pytest.approx((0.15, 0.0075))


def test_one_trial_elsewhere_counts_less_than_one_here():
    # mu ~ N(.1, .005), measured .3 with variance .03 + .005: mu = .125; theta has .004375 + .005.
    found = believed(0.1, [tried(0.3, 0.03, here=False)])
    assert (found.mean, found.variance) == pytest.approx((0.125, 0.009375))
    assert found.mean < believed(0.1, [tried(0.3, 0.03)]).mean


def test_as_bayes_theorem_by_numerical_integration():
    """Both levels at once: the posterior mean of theta, integrated over mu and theta."""
    prior, t2 = 0.1, 0.005
    own, other = tried(-0.05, 0.02), tried(0.3, 0.03, here=False)

    def joint(theta, mu):
        return (
            stats.norm.pdf(mu, prior, t2**0.5)
            * stats.norm.pdf(other.share, mu, (other.variance + t2) ** 0.5)
            * stats.norm.pdf(theta, mu, t2**0.5)
            * stats.norm.pdf(own.share, theta, own.variance**0.5)
        )

    def over(function):
        grid = np.linspace(-0.6, 0.8, 281)
        values = function(grid[None], grid[:, None])
        return integrate.simpson(integrate.simpson(values, x=grid), x=grid)

    mean = over(lambda theta, mu: theta * joint(theta, mu)) / over(joint)
    assert believed(prior, [own, other]).mean == pytest.approx(mean, abs=1e-6)


def test_the_variance_between_projects_is_that_of_dersimonian_and_laird():
    """Figures by hand: shares 0, .2, .4, each with variance .01, so Q = 8, scale 200, t2 = .03."""
    others = [tried(share, 0.01, here=False) for share in (0.0, 0.2, 0.4)]
    usual = 1 / (1 / 0.005 + 3 / 0.04)
    mean = usual * (0.1 / 0.005 + (0.0 + 0.2 + 0.4) / 0.04)
    found = believed(0.1, others)
    assert (found.mean, found.variance) == pytest.approx((mean, usual + 0.03))


def test_projects_that_agree_leave_no_difference_between_them():
    others = [tried(share, 0.04, here=False) for share in (0.20, 0.21, 0.22)]
    found = believed(0.1, others)
    assert found.variance == pytest.approx(1 / (1 / 0.005 + 3 / 0.04))


def test_many_trials_outweigh_any_prior():
    assert believed(0.5, [tried(-0.02, 0.01)] * 2000).mean == pytest.approx(-0.02, abs=0.001)


@given(
    prior=st.floats(0.0, 0.5),
    shares=st.lists(st.floats(-1, 1), min_size=1, max_size=6),
    variance=st.floats(0, 1),
    here=st.booleans(),
)
def test_the_mean_lies_between_prior_and_measurements(prior, shares, variance, here):
    found = believed(prior, [tried(share, variance, here=here) for share in shares])
    assert min(prior, *shares) - 1e-9 <= found.mean <= max(prior, *shares) + 1e-9
    assert found.variance > 0


def finding(*cures):
    return Finding("undertrained", "warning", 0.9, "m", {}, cures)


LONGER = Prescription(EPOCHS, "Train longer.", 0.02, 1.0, "Because.")
FASTER = Prescription({"train.lr": 0.01}, "Learn faster.", 0.015, 1.0, "Because.")
PEOPLE = Prescription({}, "Look.", None, 0.0, "Because.")


def test_what_did_not_help_goes_behind_what_was_not_tried():
    done = [tried(-0.1, 1e-4), tried(-0.05, 1e-4)]
    (found,) = informed([finding(LONGER, FASTER, PEOPLE)], Recipe(), done, error=0.2)
    first, second, last = found.prescriptions
    assert (first, last) == (FASTER, PEOPLE)
    assert second.expected_gain == pytest.approx(0.2 * believed(0.1, done).mean)
    assert second.expected_gain < 0
    assert second.measured == "Tried twice here: -0.0150 on average."
    assert (second.change, second.why) == (LONGER.change, LONGER.why)


def test_only_the_same_kind_after_the_same_finding_counts():
    other = [tried(0.5, finding="overfit"), tried(0.5, kind="train.epochs down")]
    (found,) = informed([finding(LONGER)], Recipe(), other, error=0.2)
    assert found.prescriptions == (LONGER,)


def test_elsewhere_is_told_apart_from_here():
    done = [tried(0.1), *(tried(0.2, here=False) for _ in range(3))]
    (found,) = informed([finding(LONGER)], Recipe(), done, error=0.2)
    assert found.prescriptions[0].measured == (
        "Tried once here: +0.0200 on average. "
        "Tried 3 times elsewhere: +20.0% of the error that was left on average."
    )


def test_an_unknown_gain_becomes_known_once_it_was_tried():
    unknown = Prescription(EPOCHS, "Train longer.", None, 1.0, "Because.")
    (found,) = informed([finding(unknown)], Recipe(), [tried(0.3, 1e-6)], error=0.2)
    assert found.prescriptions[0].expected_gain == pytest.approx(0.06, rel=0.01)
    assert found.prescriptions[0].expected_gain > UNKNOWN_GAIN


def test_without_an_error_or_a_trial_nothing_changes():
    assert informed([finding(LONGER)], Recipe(), [], error=0.2) == (finding(LONGER),)
    assert informed([finding(LONGER)], Recipe(), [tried(0.5)], error=0.0) == (finding(LONGER),)
    assert informed([finding(LONGER)], Recipe(), [tried(0.5)], error=None) == (finding(LONGER),)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"train.lr": 0.1}, "train.lr up"),
        ({"train.clip": 1.0}, "train.clip 1.0"),
        ({"data.augment.flip": False}, "data.augment.flip False"),
        ({"data.augment.preset": "strong"}, "data.augment.preset strong"),
        ({"train.epochs": Recipe().train.epochs}, ""),
    ],
)
def test_kinds(change, kind):
    assert kind_of(change, Recipe()) == kind
