"""Real digits, classified by a real (linear) model: enough to fill a report with true numbers."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_diabetes, load_digits
from sklearn.linear_model import LogisticRegression, Ridge

from phoropter.core.predictions import ClassPredictions, ValuePredictions
from phoropter.core.recipe import Recipe
from phoropter.core.records import (
    Dataset,
    Finding,
    Metric,
    Prescription,
    Rejected,
    Split,
    TargetSchema,
)
from phoropter.core.run_records import Epoch, Gate, RunSummary
from phoropter.metrics.evaluate import evaluate
from phoropter.report.content import ReportContent, ReportRun, ReportStep
from phoropter.report.pictures import thumbnail, wanted_pictures

PARTS = np.array(["train", "val", "test"])
CLASSES = tuple(f"digit {number}" for number in range(10))
DUPLICATES = Finding(
    "exact-duplicates",
    "warning",
    0.99,
    "4 images occur twice; they are kept in the same part.",
    {"pairs": 4, "examples": ["digit 1/0007.png", "digit 1/0031.png"]},
)


@pytest.fixture(scope="session")
def page_of() -> type:
    """Reads HTML back: tags, text by section, and whether every tag is closed."""
    spec = spec_from_file_location("phoropter_markup", Path(__file__).with_name("markup.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Page


@pytest.fixture(scope="session")
def digits_content() -> ReportContent:
    """A finished classification project."""
    pixels, labels = load_digits(return_X_y=True)
    pixels, labels = pixels[:900], labels[:900]
    parts = PARTS[np.random.default_rng(0).choice(3, 900, p=(0.6, 0.2, 0.2))]
    train = parts == "train"
    model = LogisticRegression(C=0.002, max_iter=300).fit(pixels[train], labels[train])
    ids = np.array([f"{CLASSES[label]}/{row:04}.png" for row, label in enumerate(labels)])

    def predicted(part: str) -> ClassPredictions:
        rows = parts == part
        return ClassPredictions(
            ids[rows], labels[rows].astype(np.int64), model.predict_proba(pixels[rows]), CLASSES
        )

    dataset = _digits_dataset(ids, labels)
    validation, test = predicted("val"), predicted("test")
    final = _network_run(validation)
    first = replace(final, run="0123456789abcdef", changed={}, findings=())
    content = ReportContent(
        name="digits",
        dataset=dataset,
        split=Split(
            pl.DataFrame({"id": ids, "part": parts}),
            reasons=("The data bring no split; 6:2:2, stratified by class.", "Seed 0."),
            seed=0,
        ),
        final=final,
        validation=validation,
        primary="accuracy",
        why_primary="the classes are balanced (largest 1.1 times the smallest)",
        runs=(first, final),
        ladder=_ladder(len(validation)),
        data_findings=(DUPLICATES,),
        steps=_steps(),
        limits=("The digits come from 43 writers who were not told apart.",),
        test=evaluate(test, resamples=200),
        test_predictions=test,
        looks=3,
        openings=1,
        seconds=117.3,
        bundle="digits.phoropter/model",
        commands=("phoropter run digits --seed 0 --budget 2m",),
        machine={"processor": "2 cores", "memory": "8 GiB"},
        versions={"phoropter": "0.1.0", "python": "3.11"},
    )
    images = {name: pixels[row].reshape(8, 8) for row, name in enumerate(ids)}
    pictures = {
        name: thumbnail((images[name] * 15.9).astype(np.uint8)) for name in wanted_pictures(content)
    }
    return replace(content, pictures=pictures)


@pytest.fixture(scope="session")
def values_content() -> ReportContent:
    """A regression project whose test part is still sealed, won by a simple model."""
    features, truth = load_diabetes(return_X_y=True)
    parts = PARTS[np.random.default_rng(1).choice(3, len(truth), p=(0.5, 0.3, 0.2))]
    train, val = parts == "train", parts == "val"
    model = Ridge(0.1).fit(features[train], truth[train])
    ids = np.array([f"scan{row:03}.png" for row in range(len(truth))])
    validation = ValuePredictions(
        ids[val], truth[val, None], model.predict(features[val])[:, None], ("progression",)
    )
    metrics = evaluate(validation, resamples=200)
    schema = TargetSchema("values", ("progression",), offset=(152.0,), scale=(77.0,))
    summary = RunSummary(
        run="feedbeef00000000",
        metric="rmse",
        epochs=0,
        steps=0,
        best_epoch=0,
        seconds=0.7,
        samples_per_second=0.0,
        stopped_by="finished",
        numerics={},
        schema=schema,
        features="pixels",
    )
    recipe = Recipe().changed({"task": "regression", "model.name": "ridge"})
    return ReportContent(
        name="diabetes",
        dataset=Dataset(
            name="diabetes",
            root=Path("scans"),
            layout="csv",
            description="a table of 442 images with 1 number",
            task="regression",
            targets=("progression",),
            table=pl.DataFrame({"id": ids, "path": ids, "progression": truth}),
        ),
        split=Split(pl.DataFrame({"id": ids, "part": parts}), reasons=(), seed=0),
        final=ReportRun(run=summary.run, recipe=recipe, summary=summary, metrics=metrics),
        validation=validation,
        primary="rmse",
        greater_is_better=False,
    )


def _ladder(n: int) -> dict[str, Metric]:
    return {
        "majority": Metric("accuracy", 0.11, 0.07, 0.16, n),
        "logistic": Metric("accuracy", 0.81, 0.75, 0.87, n),
        "random_forest": Metric("accuracy", 0.86, 0.81, 0.91, n),
    }


def _digits_dataset(ids: np.ndarray, labels: np.ndarray) -> Dataset:
    table = pl.DataFrame(
        {
            "id": ids,
            "path": ids,
            "label": [CLASSES[label] for label in labels],
            "height": [8] * 900,
            "width": [8 + row % 3 for row in range(900)],
            "format": ["PNG"] * 899 + ["JPEG"],
        }
    )
    return Dataset(
        name="digits",
        root=Path("digits"),
        layout="folders",
        description="image folders, 10 classes, 900 images",
        task="classification",
        targets=("label",),
        table=table,
        rejected=(
            Rejected("digit 3/broken.png", "the file is empty"),
            Rejected("digit 4/notes.jpg", "it is text, not an image"),
        ),
    )


def _network_run(validation: ClassPredictions) -> ReportRun:
    rows = range(13)
    history = tuple(
        Epoch(
            epoch=row,
            step=row * 9,
            lr=0.001,
            running_loss=None if row == 0 else 2.1 * 0.8**row,
            train_loss=2.303 * 0.78**row,
            val_loss=2.303 * 0.8**row + 0.02 * max(0, row - 7) ** 2,
            train_metric=1 - 0.9 * 0.75**row,
            val_metric=0.96 - 0.86 * 0.76**row,
            grad_norm=1.0,
            worst_loss=3.0,
        )
        for row in rows
    )
    schema = TargetSchema("classes", CLASSES, counts=(54,) * 10)
    summary = RunSummary(
        run="fedcba9876543210",
        metric="accuracy",
        epochs=12,
        steps=108,
        best_epoch=8,
        seconds=31.5,
        samples_per_second=2210.0,
        stopped_by="patience",
        numerics={"dtype": "float32", "channels_last": True},
        schema=schema,
        features="",
    )
    overfit = Finding(
        "overfit",
        "warning",
        0.9,
        "The validation loss has risen since epoch 8 while the training loss still falls.",
        {"mark_epoch": 8, "gap": 0.31, "interval": [0.2, 0.4]},
        (
            Prescription(
                {"train.weight_decay": 0.05},
                "Raise the weight decay.",
                0.01,
                1.0,
                "Regularises every layer (Loshchilov and Hutter 2019).",
            ),
            Prescription({}, "Label 400 more images of digit 8.", None, 0.0, "The curve is steep."),
        ),
    )
    return ReportRun(
        run=summary.run,
        recipe=Recipe().changed({"model.name": "cnn", "data.size": 8, "data.channels": 1}),
        summary=summary,
        metrics=evaluate(validation, resamples=200),
        changed={"train.lr": 0.003},
        history=history,
        gates=(Gate("loss-at-init", 2.31, 2.303, passed=True),),
        findings=(overfit,),
    )


def _steps() -> tuple[ReportStep, ...]:
    def step(finding: str, change: dict[str, object], delta: float, verdict: str) -> ReportStep:
        return ReportStep(
            finding=finding,
            change=change,
            advice=f"A cure for {finding}.",
            metric="accuracy",
            delta=delta,
            low=delta - 0.02,
            high=delta + 0.02,
            verdict=verdict,
            accepted=verdict == "better",
            reason=f"The verdict is {verdict}.",
            seconds=20.0,
            run="fedcba9876543210",
        )

    return (
        step("lr-too-low", {"train.lr": 0.003}, 0.041, "better"),
        step("overfit", {"data.augment.preset": "strong"}, -0.052, "worse"),
        step("overfit", {"model.dropout": 0.4}, 0.004, "undecided"),
    )
