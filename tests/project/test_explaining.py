"""Where a real network looked, beside its worst cases."""

import re
from pathlib import Path

import numpy as np
import pytest

import phoropter
from phoropter.project.explaining import lit


@pytest.fixture(scope="module")
def digits(write_digits, tmp_path_factory):
    return write_digits(tmp_path_factory.mktemp("looked") / "digits", each=40)


def page_of(digits, folder, **settings):
    named = {key.replace("__", "."): value for key, value in settings.items()}
    run = phoropter.train(digits, project=folder / "p.phoropter", settings=named)
    return run, Path(phoropter.report(run.project).report).read_text("utf-8")


def test_a_network_shows_where_it_looked_and_a_forest_does_not(digits, tmp_path):
    tiny = {"model__name": "cnn", "model__width": 4, "model__depth": 2, "train__epochs": 1}
    decided = {"predict__threshold": "f1", "predict__positive": "nine"}
    run, page = page_of(digits, tmp_path, **tiny, **decided)
    assert "Where it looked" in page
    assert len(re.findall(r"said (?:three|eight|nine)", page)) >= 2
    threshold = run.decoding.decision.threshold
    assert f"“nine” is named from a probability of {threshold:.4g} on" in page
    _, page = page_of(digits, tmp_path / "forest", model__name="random_forest")
    assert "The worst cases" in page
    assert "Where it looked" not in page


def test_what_was_looked_at_is_orange():
    image = np.full((1, 4, 4), 100, np.uint8)
    heat = np.zeros((4, 4), np.float32)
    heat[1, 2] = 7.0
    shown = lit(image, heat)
    assert shown.shape == (3, 4, 4)
    assert shown[:, 0, 0].tolist() == [100, 100, 100]
    assert shown[:, 1, 2].tolist() == [208, 114, 30]
    assert np.array_equal(lit(image, np.zeros_like(heat)), np.full((3, 4, 4), 100))
