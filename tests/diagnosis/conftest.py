"""Evidence for the rules: of real trainings, and made up."""

import sys
from collections.abc import Callable, Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phoropter.core.predictions import ClassPredictions
from phoropter.core.recipe import Recipe
from phoropter.core.records import TargetSchema
from phoropter.core.run_records import Epoch, RunSummary
from phoropter.diagnosis.evidence import RunEvidence


def _beside(stem: str) -> Any:
    """The module of that name in this folder."""
    name = f"phoropter_diagnosis_{stem}"
    spec = spec_from_file_location(name, Path(__file__).with_name(f"{stem}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def trainer() -> Any:
    """The training loop written out by hand, and the setups it is used on."""
    return _beside("training")


@pytest.fixture(scope="session")
def recorder() -> Any:
    """The project's own loop on digits, with everything that it records."""
    return _beside("recorded")


@pytest.fixture(scope="session")
def run_of(trainer: Any) -> Callable[..., RunEvidence]:
    """The records of a training by name and seed, trained once a session."""
    return trainer.trained


def synthetic(
    *,
    train_loss: Any = (),
    val_loss: Any = (),
    running_loss: Any = None,
    grad_norm: Any = None,
    val_metric: Any = None,
    lr: float = 1e-3,
    change: Mapping[str, Any] | None = None,
    counts: tuple[int, ...] = (100,) * 10,
    steps_per_epoch: int = 30,
    **fields: Any,
) -> RunEvidence:
    """Evidence with curves (epoch 0 first) and predictions as given, everything else sound."""
    history = tuple(
        Epoch(
            epoch=epoch,
            step=epoch * steps_per_epoch,
            lr=lr,
            running_loss=None if running_loss is None else running_loss[epoch],
            train_loss=float(train_loss[epoch]),
            val_loss=float(val_loss[epoch]),
            train_metric=None,
            val_metric=None if val_metric is None else val_metric[epoch],
            grad_norm=None if grad_norm is None else grad_norm[epoch],
            worst_loss=None,
        )
        for epoch in range(len(train_loss))
    )
    schema = TargetSchema("classes", tuple(f"c{i}" for i in range(len(counts))), counts)
    summary = RunSummary(
        "0" * 16,
        fields.get("metric", "accuracy"),
        max(len(history) - 1, 0),
        history[-1].step if history else 0,
        0,
        1.0,
        1.0,
        fields.pop("stopped_by", "finished"),
        {},
        schema,
        "",
    )
    values: dict[str, Any] = {
        "gates": (),
        "predictions": None,
        "train_predictions": None,
        "metric": "accuracy",
        "greater_is_better": True,
    } | fields
    recipe = Recipe().changed(
        {"model.name": "cnn", "model.pretrained": False, "train.lr": lr} | dict(change or {})
    )
    return RunEvidence(summary=summary, recipe=recipe, history=history, **values)


def answers(truth: Any, guess: Any, classes: int = 10, confidence: float = 0.9) -> ClassPredictions:
    """Predictions that give `confidence` to the guessed class."""
    truth, guess = np.asarray(truth), np.asarray(guess)
    probabilities = np.full((len(truth), classes), (1 - confidence) / (classes - 1))
    probabilities[np.arange(len(truth)), guess] = confidence
    names = tuple(f"c{i}" for i in range(classes))
    return ClassPredictions(
        np.array([str(i) for i in range(len(truth))]), truth, probabilities, names
    )


@pytest.fixture(scope="session")
def evidence() -> Callable[..., RunEvidence]:
    """Builds synthetic evidence."""
    return synthetic


@pytest.fixture(scope="session")
def predictions() -> Callable[..., ClassPredictions]:
    """Builds synthetic class predictions."""
    return answers
