import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image
from sklearn.datasets import load_digits

from phoropter.core.predictions import ClassPredictions, ValuePredictions
from phoropter.core.recipe import Recipe
from phoropter.core.records import Normalization, Preprocessing, TargetSchema
from phoropter.core.run_records import RunSummary
from phoropter.project.run_record import RunRecord

PLAIN = Preprocessing(8, "stretch", 1, "bilinear", 1.0, Normalization((0.5,), (0.25,)))


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """What `make(folder)` returns, and the folder; made once for all workers, not to be changed."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def once(name, make):
        folder, result = root / name, root / f"{name}.pickle"
        with FileLock(root / f"{name}.lock"):
            if not result.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                result.write_bytes(pickle.dumps(make(folder)))
        return folder, pickle.loads(result.read_bytes())

    return once


@pytest.fixture(scope="session")
def write_digits():
    """Writes three classes of digits, a folder each, noisy enough to be wrong about."""

    def write(folder, *, each):
        digits, draw = load_digits(), np.random.default_rng(0)
        for label, name in {3: "three", 8: "eight", 9: "nine"}.items():
            (folder / name).mkdir(parents=True)
            for number, at in enumerate(np.flatnonzero(digits.target == label)[:each]):
                pixels = digits.images[at] * 15.9375 + draw.normal(0, 70, (8, 8))
                image = Image.fromarray(np.rint(pixels.clip(0, 255)).astype(np.uint8))
                image.save(folder / name / f"{number}.png")
        return folder

    return write


@pytest.fixture
def record():
    """A finished run that left these predictions, without its folder."""

    def made(name, predictions, *, metric=None, **change):
        classes = isinstance(predictions, ClassPredictions)
        names = predictions.classes if classes else predictions.names
        summary = RunSummary(
            run=name,
            metric=metric or ("accuracy" if classes else "rmse"),
            epochs=3,
            steps=30,
            best_epoch=3,
            seconds=1.0,
            samples_per_second=100.0,
            stopped_by="finished",
            numerics={},
            schema=TargetSchema(predictions.kind, names),
            features="",
        )
        recipe = Recipe().changed({key.replace("__", "."): value for key, value in change.items()})
        return RunRecord(Path(name), summary, recipe, PLAIN, (), (), predictions, None)

    return made


@pytest.fixture
def spoken():
    """Predictions for 200 samples of two classes of which a share is right."""

    def made(share, *, seed=0):
        draw = np.random.default_rng(seed)
        truth = np.arange(200) % 2
        right = np.arange(200) < round(share * 200)
        sure = draw.uniform(0.7, 0.9, 200)
        of_truth = np.where(right, sure, 1 - sure)
        both = np.where(truth[:, None] == [0, 1], of_truth[:, None], 1 - of_truth[:, None])
        ids = np.array([f"s{row}" for row in range(200)])
        return ClassPredictions(ids, truth.astype(np.int64), both, ("no", "yes"))

    return made


@pytest.fixture
def speakers(spoken):
    return {"good": spoken(0.9), "poor": spoken(0.7)}


@pytest.fixture
def measured():
    """Predictions of a number with a given spread of the errors."""

    def made(spread):
        draw = np.random.default_rng(0)
        truth = draw.normal(size=(200, 1))
        errors = spread * draw.normal(size=(200, 1))
        ids = np.array([f"s{row}" for row in range(200)])
        return ValuePredictions(ids, truth, truth + errors, ("angle",))

    return made
