import pytest

from phoropter.augment.kinds import kinds
from phoropter.core.augment_recipe import AugmentRecipe
from phoropter.core.recipe import Recipe

TURN = {"torchvision.RandomRotation": {"degrees": 180}}
BLUR = {"torchvision.GaussianBlur": {"kernel_size": 3}}


def test_every_kind_can_be_taken_out_alone():
    whole = Recipe().changed(
        {
            "data.augment.pipeline": [TURN, BLUR, TURN],
            "data.augment.preset": "medium",
            "data.augment.policy": "trivialaugment",
            "data.augment.erasing": 0.3,
            "data.augment.own": "vary.py:vary",
            "data.augment.mixup": 0.2,
        }
    )
    found = list(kinds(whole.data.augment))
    names = [
        "torchvision.RandomRotation",
        "torchvision.GaussianBlur",
        "mirror",
        "preset medium",
        "trivialaugment",
        "erasing",
        "vary.py:vary",
    ]
    assert [kind.name for kind in found] == names
    for kind in found:
        left = [other.name for other in kinds(whole.changed(kind.without).data.augment)]
        gone = {"preset medium", "mirror"} if kind.name == "preset medium" else {kind.name}
        assert left == [name for name in names if name not in gone]
    assert found[0].recipe.pipeline == (TURN, TURN)


@pytest.mark.parametrize(
    "recipe", [AugmentRecipe(), AugmentRecipe(mixup=0.2), AugmentRecipe(views=4)]
)
def test_nothing_is_made_of_nothing(recipe):
    assert list(kinds(recipe)) == []
