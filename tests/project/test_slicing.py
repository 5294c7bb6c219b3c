"""Results by what the samples are like, of a real run on images that a table describes."""

import csv

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import phoropter
from phoropter.core.errors import UsageError


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Digits photographed with two cameras, of which one shows next to nothing."""
    folder = tmp_path_factory.mktemp("cameras") / "data"
    folder.mkdir()
    digits, draw = load_digits(), np.random.default_rng(0)
    with (folder / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "label", "camera", "temperature"])
        for row in range(500):
            old = row % 4 == 0
            pixels = digits.images[row] * 15.9375
            pixels = draw.uniform(0, 255, (8, 8)) if old else pixels
            Image.fromarray(pixels.astype(np.uint8)).resize((12, 12 + 4 * (row % 3))).save(
                folder / f"{row}.png"
            )
            label = f"digit {digits.target[row]}"
            table.writerow([f"{row}.png", label, "old" if old else "new", f"{20 + row % 7}.5"])
    settings = {"model.name": "logistic", "model.backbone": "pixels", "data.size": 8}
    project = folder.parent / "cameras.phoropter"
    return phoropter.train(folder, project=project, target="label", settings=settings)


def test_all_properties_are_looked_at_and_the_bad_camera_is_found(trained):
    found = phoropter.evaluate(trained.run, project=trained.project, by=["all"])
    assert found.metrics == trained.metrics
    columns = {item.column for item in found.slices}
    assert {"class", "brightness", "contrast", "sharpness", "camera", "temperature"} <= columns
    assert "size" in columns
    weak = {(item.column, item.value) for item in found.slices if item.weak}
    assert ("camera", "old") in weak
    assert not {column for column, _ in weak} & {"temperature", "size"}
    cameras = {item.value: item.metric.n for item in found.slices if item.column == "camera"}
    assert sum(cameras.values()) == trained.metrics[0].n


def test_one_property_by_name(trained):
    found = phoropter.evaluate(trained.run, project=trained.project, by=["camera", "size"])
    assert {item.column for item in found.slices} == {"camera", "size"}
    assert phoropter.evaluate(trained.run, project=trained.project).slices == ()


def test_an_unknown_property_is_told(trained):
    with pytest.raises(UsageError, match="'camra'") as caught:
        phoropter.evaluate(trained.run, project=trained.project, by=["camra"])
    assert "camera" in caught.value.hint
