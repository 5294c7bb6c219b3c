import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, kstest

from phoropter.augment.mixing import mix, mixer
from phoropter.core.augment_recipe import AugmentRecipe


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


IMAGES = torch.rand(6, 3, 12, 10, generator=torch.Generator().manual_seed(1))


def test_off_is_none():
    assert mixer(AugmentRecipe()) is None
    assert mixer(AugmentRecipe(cutmix=1.0)) is not None


@given(seed=st.integers(0, 10_000), parameter=st.floats(0.1, 2.0))
def test_mixup_is_a_blend_with_a_partner(seed, parameter):
    blended, partner, share = mix(IMAGES, seeded(seed), mixup=parameter, cutmix=0.0)
    assert sorted(partner.tolist()) == list(range(6))
    assert 0 <= share <= 1
    expected = share * IMAGES + (1 - share) * IMAGES[partner]
    torch.testing.assert_close(blended, expected, rtol=1e-5, atol=1e-6)


@given(seed=st.integers(0, 10_000))
def test_cutmix_shares_are_the_areas(seed):
    blended, partner, share = mix(IMAGES, seeded(seed), mixup=0.0, cutmix=1.0)
    for index in range(6):
        own = (blended[index] == IMAGES[index]).all(dim=0)
        other = (blended[index] == IMAGES[partner[index]]).all(dim=0)
        assert bool((own | other).all())
        if partner[index] != index:
            assert own.float().mean().item() == pytest.approx(share, abs=1e-6)


def test_shares_follow_the_beta_distribution():
    shares = [mix(IMAGES[:2], seeded(seed), mixup=0.4, cutmix=0.0)[2] for seed in range(400)]
    assert kstest(shares, beta(0.4, 0.4).cdf).pvalue > 1e-3


def test_where_both_are_on_both_occur():
    kinds = set()
    for seed in range(30):
        blended, partner, _ = mix(IMAGES, seeded(seed), mixup=1.0, cutmix=1.0)
        pasted = ((blended == IMAGES) | (blended == IMAGES[partner])).all()
        kinds.add(bool(pasted))
    assert kinds == {True, False}


def test_features_are_never_cut():
    features = torch.rand(8, 5)
    same, _, share = mix(features, seeded(), mixup=0.0, cutmix=1.0)
    assert share == 1.0
    assert torch.equal(same, features)
    assert mix(features, seeded(), mixup=1.0, cutmix=1.0)[2] < 1.0


def test_the_generator_decides_everything():
    blend = mixer(AugmentRecipe(mixup=0.2, cutmix=1.0))
    first, again = blend(IMAGES, seeded(4)), blend(IMAGES, seeded(4))
    assert torch.equal(first[0], again[0])
    assert first[2] == again[2]
