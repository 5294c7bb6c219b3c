"""`augment`: the page shows what the training loop feeds the network."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import phoropter
from phoropter.core.errors import UsageError

SMALL = {"data.size": 16, "data.channels": 3, "model.name": "cnn", "model.pretrained": False}


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(12):
            pixels = draw.integers(0, 256, (20, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"


def pictures(page):
    uris = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', Path(page).read_text("utf-8"))
    files = [io.BytesIO(base64.b64decode(uri)) for uri in uris]
    return [np.asarray(Image.open(file), dtype=float) for file in files]


def test_without_variation_every_epoch_shows_the_plain_image(photos):
    result = phoropter.augment(photos, settings=SMALL, samples=3, draws=2)
    shown = pictures(result.page)
    assert (len(result.samples), len(shown)) == (3, 9)
    assert all(np.array_equal(shown[at], shown[at - at % 3]) for at in range(9))
    assert (result.change, result.seen, result.size) == (0.0, True, 16)
    assert {sample.split("/")[0] for sample in result.samples} == {"cat", "dog"}
    html = Path(result.page).read_text("utf-8")
    assert "cat/<wbr>" in html  # a long name may go on in the next line
    assert "<dt>data.augment.pipeline</dt><dd>–</dd>" in html


def test_variation_is_shown_as_a_fresh_draw_each_epoch(photos):
    settings = {**SMALL, "data.augment.preset": "strong", "data.augment.mixup": 0.4}
    result = phoropter.augment(photos, settings=settings, samples=4, draws=3)
    shown = pictures(result.page)
    views = [shown[at : at + 4] for at in range(0, 16, 4)]
    for plain, *drawn in views:
        assert all(np.abs(view - plain).mean() > 2 for view in drawn)
        assert not np.array_equal(drawn[0], drawn[1])
    assert 0.01 < result.change < 1
    again = phoropter.augment(photos, settings=settings, samples=4, draws=3)
    assert again.change == result.change


def test_it_is_said_where_the_model_sees_none_of_it(photos):
    settings = {"model.name": "random_forest", "data.augment.preset": "light", "data.size": 16}
    result = phoropter.augment(photos, settings=settings, samples=1, draws=1, lang="ko")
    assert not result.seen
    assert "고전" in Path(result.page).read_text("utf-8")


def test_tables_have_no_pictures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="takes images"):
        phoropter.augment("blobs")


def test_labels_that_the_variation_breaks_are_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    turned = {"data.augment.pipeline": [{"torchvision.RandomRotation": {"degrees": [180, 180]}}]}
    worst, *_ = phoropter.augment("digits", settings=turned, samples=1, draws=1).lost
    assert (worst["class"], worst["becomes"]) == ("6", "9")
