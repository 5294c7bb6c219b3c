"""The operations against torchvision's, and who draws what."""

import math

import pytest
import torch
from torchvision.transforms import v2

from phoropter.augment.random_policies import MOST_STRENGTH, OPERATIONS, _draws, random_policy
from phoropter.core.augment_recipe import AugmentRecipe

SIDE = 224  # where TrivialAugment's shift of 32 px is the same share of the side
IMAGES = torch.rand(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
TORCHS = {"color": "Color", "autocontrast": "AutoContrast"}
POLICIES = [
    ("randaugment", v2.RandAugment, "rand"),
    ("trivialaugment", v2.TrivialAugmentWide, "trivial"),
]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def theirs(name, kind, strength):
    """What torchvision's class does of this strength, and the magnitude it gives it."""
    title = TORCHS.get(name, name.title().replace("_", ""))
    magnitudes, signed = kind._AUGMENTATION_SPACE[title]
    values = magnitudes(MOST_STRENGTH + 1, SIDE, SIDE)
    magnitude = 0.0 if values is None else float(values[strength])
    fill = {torch.Tensor: None}
    applied = kind()._apply_image_or_video_transform(
        IMAGES, title, magnitude, v2.InterpolationMode.NEAREST, fill
    )
    return applied, signed


@pytest.mark.parametrize("strength", [0, 9, 30])
@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize(("policy", "kind", "most"), POLICIES, ids=lambda value: str(value)[:5])
def test_operations_equal_torchvisions(policy, kind, most, name, strength):
    operation = OPERATIONS[name]
    magnitude = getattr(operation, most) * strength / MOST_STRENGTH
    expected, signed = theirs(name, kind, strength)
    assert operation.signed == signed
    torch.testing.assert_close(operation.apply(IMAGES, magnitude), expected, atol=1e-5, rtol=0)


def test_both_know_the_same_operations():
    ours = {TORCHS.get(name, name.title().replace("_", "")) for name in OPERATIONS}
    assert ours == set(v2.RandAugment._AUGMENTATION_SPACE)
    assert ours == set(v2.TrivialAugmentWide._AUGMENTATION_SPACE)


@pytest.mark.parametrize("policy", ["randaugment", "trivialaugment"])
def test_every_image_draws_its_own_of_all(policy):
    recipe = AugmentRecipe(policy=policy)
    drawn = _draws(4000, recipe, seeded())
    assert sorted(at for members in drawn.values() for at in members) == list(range(4000))
    counts = dict.fromkeys(OPERATIONS, 0)
    for (name, _), members in drawn.items():
        counts[name] += len(members)
    expected = 4000 / len(OPERATIONS)
    chi = sum((count - expected) ** 2 / expected for count in counts.values())
    assert chi < 34.5  # the 0.1 % point of 13 degrees of freedom
    strengths = {round(abs(m) / 0.3, 6) for (name, m) in drawn if name == "shear_x"}
    assert len(strengths) == (1 if policy == "randaugment" else 31)


@pytest.mark.parametrize("policy", ["randaugment", "trivialaugment"])
@pytest.mark.parametrize("channels", [1, 3])
def test_shape_range_and_the_batch_handed_in_are_kept(policy, channels):
    images = torch.rand(40, channels, 12, 12, generator=seeded(3))
    before = images.clone()
    vary = random_policy(AugmentRecipe(policy=policy))
    generator = seeded(1)
    first, second = vary(images, generator), vary(images, generator)
    assert first.shape == images.shape
    assert 0 <= first.min() <= first.max() <= 1
    assert torch.equal(images, before)
    assert not torch.equal(first, second)
    assert torch.equal(first, vary(images, seeded(1)))


def test_strength_zero_changes_next_to_nothing():
    """What has no strength (equalise, autocontrast) and rounding to bytes remain."""
    smooth = torch.linspace(0, 1, 32 * 32).view(1, 1, 32, 32).expand(60, 3, 32, 32)
    vary = random_policy(AugmentRecipe(policy="randaugment", policy_magnitude=0, policy_ops=1))
    assert (vary(smooth, seeded()) - smooth).abs().mean() < 0.01
    strong = random_policy(AugmentRecipe(policy="randaugment", policy_magnitude=30, policy_ops=1))
    assert (strong(smooth, seeded()) - smooth).abs().mean() > 0.05


def test_off_is_none():
    assert random_policy(AugmentRecipe()) is None
    assert math.isclose(OPERATIONS["translate_x"].rand, 150 / 331)
