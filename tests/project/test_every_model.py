"""Every listed model is built, trained on digits for two steps, kept, exported and asked."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from phoropter.bundle.export import export
from phoropter.bundle.load import load
from phoropter.bundle.model_card import BundleCard
from phoropter.core import registry
from phoropter.core.recipe import Recipe
from phoropter.core.records import Metric, TargetSchema
from phoropter.data.memory import MemoryInputs
from phoropter.models.build import build, build_trunk, untrained
from phoropter.models.catalog import cards
from phoropter.models.classic import fit_classic
from phoropter.models.network import Network
from phoropter.models.preprocessing import preprocessing
from phoropter.training.checkpoint import read_weights
from phoropter.training.loop import fit
from phoropter.training.records import TrainingData, Watch

SAMPLES, BATCH = 48, 24
MANY = 6_000_000  # parameters; above it, writing and reading files takes seconds
SMALLEST = 32  # px, where the model does not ask for more

MODELS = [
    pytest.param(card, id=card.name, marks=[pytest.mark.nightly] if card.parameters > MANY else [])
    for card in cards()
]


def digits(size):
    """The first digits, enlarged: (n, 3, size, size) uint8, and their labels."""
    found = load_digits()
    at = np.arange(size) * 8 // size
    pixels = (found.images[:SAMPLES] * 15.9).astype(np.uint8)[:, at][:, :, at]
    return np.repeat(pixels[:, None], 3, axis=1), found.target[:SAMPLES].astype(np.int64)


def of(card):
    """A recipe, a schema and the targets for a model: classes where it can, else numbers."""
    task = card.tasks[0]
    size = max(card.least_px, SMALLEST)
    recipe = Recipe().changed(
        {
            "task": task,
            "model.name": card.name,
            "model.pretrained": False,
            "model.width": 8,
            "data.size": size,
            "train.epochs": 1,
            "train.batch_size": BATCH,
            "train.numerics": "float32",
        }
    )
    pixels, labels = digits(size)
    if task == "classification":
        counts = tuple(np.bincount(labels, minlength=10).tolist())
        return recipe, TargetSchema("classes", tuple("0123456789"), counts), pixels, labels
    schema = TargetSchema("values", ("number",), offset=(4.5,), scale=(2.9,))
    return recipe, schema, pixels, labels[:, None].astype(np.float64)


def trained(recipe, schema, pixels, targets, folder):
    network = build(recipe, schema)
    rows = np.arange(SAMPLES)
    data = TrainingData(
        inputs=MemoryInputs(pixels),
        targets=torch.from_numpy(targets),
        train_rows=rows,
        val_rows=rows[:4],
        train_eval_rows=rows[:4],
        metric=lambda outputs, _rows: float(np.isfinite(outputs).mean()),
        normalization=preprocessing(recipe).normalization,
    )
    objective = registry.load("phoropter.tasks", recipe.task)().objective(network, recipe, schema)
    outcome = fit(objective, network, data, recipe, folder=folder, watch=Watch())
    assert (outcome.steps, outcome.stopped_by) == (2, "finished")
    start, end = outcome.history
    assert np.isfinite(end.train_loss)
    assert end.train_loss != start.train_loss
    return network


def fitted(recipe, schema, pixels, targets):
    trunk, count = build_trunk("pixels", pretrained=False, channels=3, size=recipe.data.size)
    norm = preprocessing(recipe).normalization
    shape = (1, 3, 1, 1)
    images = (pixels / 255 - np.reshape(norm.mean, shape)) / np.reshape(norm.std, shape)
    features = images.astype(np.float32).reshape(SAMPLES, -1)
    head = fit_classic(recipe.model.name, features, targets, schema=schema, seed=0)
    return Network(trunk, head, count)


@pytest.mark.parametrize("card", MODELS)
def test_it_trains_is_kept_is_exported_and_agrees_with_itself(card, tmp_path):
    recipe, schema, pixels, targets = of(card)
    if card.family == "network":
        network = trained(recipe, schema, pixels, targets, tmp_path).eval()
        again = build(untrained(recipe), schema).eval()
        again.load_state_dict(read_weights(tmp_path))
        images = torch.rand(2, 3, recipe.data.size, recipe.data.size)
        with torch.inference_mode():
            assert torch.equal(again(images), network(images))
    else:
        network: nn.Module = fitted(recipe, schema, pixels, targets).eval()
    exported = export(
        network,
        folder=tmp_path / "model",
        recipe=recipe,
        schema=schema,
        preprocessing=preprocessing(recipe),
        golden=pixels[:6],
        card=BundleCard(
            name=card.name,
            description="digits",
            parts={"train": SAMPLES},
            primary="accuracy",
            measured_on="val",
            metrics=(Metric("accuracy", 0.5, 0.4, 0.6, SAMPLES),),
        ),
    )
    assert exported.verified >= 3  # ONNX Runtime and the rebuilt network answer as this one
    answers = load(exported.folder, runtime="onnx").answer(pixels[:6])
    assert answers.shape == (6, schema.outputs)
    assert np.isfinite(answers).all()
