"""Trainings that the pages of docs/findings show: the recipe docs/findings/digits.yaml, changed.

What makes the second run sick is in its command, in the data, or in a network of one's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finding_company import company_figure
from finding_figures import curves_figure, norms_figure, shares_figure
from finding_sets import how_made, make_data
from finding_shown import PAGES, Exhibition, Shown, decimal

import phoropter
from phoropter.project.run_record import read_run

RECIPE = PAGES / "digits.yaml"
FIGURES = {
    "curves": (
        curves_figure,
        "Losses by epoch: training grey, as optimised in training dotted, validation blue.",
    ),
    "norms": (
        norms_figure,
        "Gradient norm of each block in the last sampled pass, from the input to the output.",
    ),
    "shares": (
        shares_figure,
        "Share of dead units of each activation layer in the last sampled pass.",
    ),
    "company": (
        company_figure,
        "Validation accuracy of the trained network, by the number of images asked at a time.",
    ),
}


@dataclass(frozen=True)
class Pair:
    """Two runs.

    Args:
        about: What differs, one sentence.
        healthy: Dotted recipe keys of the first run, beside the recipe's.
        sick: Likewise of the second.
        data: Of both, or of the first and the second, see `finding_sets.py`.
        figure: A key of `FIGURES`.
        collect: Whether `phoropter diagnose` trains on parts of the data.
    """

    about: str
    sick: Mapping[str, Any] = field(default_factory=dict)
    healthy: Mapping[str, Any] = field(default_factory=dict)
    data: tuple[str, str] = ("digits", "digits")
    figure: str = "curves"
    collect: bool = False


DEEP = {"model.depth": 8, "model.norm": "none"}
CLIMBING = {
    "train.optimizer": "sgd",
    "train.warmup": 0.9,
    "model.norm": "none",
    "model.activation": "leaky_relu",
}
SMALL = {"train.epochs": 6, "model.width": 32}
SOUND = {"model.name": "networks.py:Sound"}
PAIRS: Mapping[str, Pair] = {
    "lr-too-high": Pair(
        "A hundred times the learning rate.", {"train.lr": 0.3, "model.norm": "none"}
    ),
    "lr-too-low": Pair(
        "A thousandth of the learning rate.", {"train.lr": 3e-6, "model.norm": "none"}
    ),
    "diverged": Pair(
        "Plain descent whose rate climbs to 1.5, until the steps outgrow what the network bears.",
        {**CLIMBING, "train.lr": 1.5},
        {**CLIMBING, "train.lr": 0.1},
    ),
    "undertrained": Pair("Two passes instead of twelve.", {"train.epochs": 2, "train.lr": 0.001}),
    "underfit": Pair(
        "Two units a layer instead of 64, and time enough.",
        {"model.width": 2, "train.epochs": 40},
    ),
    "overfit": Pair(
        "A hundred digits to learn from, by heart, for a network of twice the width.",
        {"model.width": 128, "train.epochs": 60},
        data=("digits", "few-digits"),
    ),
    "input-ignored": Pair(
        "Labels that have nothing to do with the pictures.",
        {"model.width": 128, "train.epochs": 30},
        {"model.width": 128, "train.epochs": 30},
        data=("digits", "shuffled-digits"),
    ),
    "vanishing-gradient": Pair(
        "Eight layers of sigmoids instead of ReLUs with normalisation.",
        {**DEEP, "model.activation": "sigmoid"},
        {"model.depth": 8},
        figure="norms",
    ),
    "exploding-gradient": Pair(
        "Eight layers whose weights are three times too large.",
        {"model.name": "networks.py:loud"},
        {"model.depth": 8},
        figure="norms",
    ),
    "dead-activations": Pair(
        "A rate that throws the weights of the first step so far that hardly a ReLU answers.",
        {"train.lr": 1.0, "model.norm": "none"},
        {"model.norm": "none"},
        figure="shares",
    ),
    "batch-too-small": Pair(
        "Two samples a batch instead of 32.", {"train.batch_size": 2, "train.epochs": 6}
    ),
    "batch-too-large": Pair(
        "All digits in one batch instead of 32.",
        {"train.batch_size": "full", "model.norm": "none"},
    ),
    "label-noise": Pair(
        "A fifth of the digits carry the label of another digit.",
        data=("digits", "mislabelled-digits"),
    ),
    "augmentation-too-strong": Pair(
        "Four random operations at full strength on every image of 8 x 8 pixels.",
        {
            "data.augment.preset": "strong",
            "data.augment.policy": "randaugment",
            "data.augment.policy_ops": 4,
            "data.augment.policy_magnitude": 30,
        },
        {"data.augment.preset": "light", "data.augment.flip": False},
    ),
    "augmentation-too-weak": Pair(
        "A hundred digits to learn from, not varied at all.",
        {"train.epochs": 30},
        data=("digits", "few-digits"),
    ),
    "class-imbalance": Pair(
        "Eights and nines are rare.", {"train.epochs": 6}, data=("digits", "unequal-digits")
    ),
    "miscalibrated": Pair(
        "Targets so smooth that the network learns never to be sure.",
        {"train.label_smoothing": 0.5},
    ),
    "preprocessing-mismatch": Pair(
        "The pixels, 0 to 255, enter as they are.",
        {"model.name": "networks.py:Unscaled"},
        SOUND,
    ),
    "cannot-overfit-batch": Pair(
        "The network ends in a softmax, and the loss takes another one.",
        {"model.name": "networks.py:Squashed"},
        SOUND,
    ),
    "loss-at-init": Pair(
        "The last layer's weights are 300 times as large.",
        {"model.name": "networks.py:Saturated"},
        SOUND,
    ),
    "no-gradient": Pair(
        "A `detach()` between the hidden layers and the last one.",
        {"model.name": "networks.py:Detached"},
        SOUND,
    ),
    "wrong-step": Pair(
        "A weight that is said to be frozen changes each time that the network is asked.",
        {"model.name": "networks.py:Drifting"},
        SOUND,
    ),
    "label-breaking-augmentation": Pair(
        "Half of the images on their heads, which makes nines of sixes.",
        {**SMALL, "data.augment.own": "networks.py:turned"},
        SMALL,
    ),
    "batch-mixing": Pair(
        "Attention without `batch_first=True`: images of a batch are taken for rows of an image.",
        {"model.name": "networks.py:Overhearing"},
        {"model.name": "networks.py:Attending"},
        figure="company",
    ),
    "data-mismatch": Pair(
        "The validation part was photographed with less light.",
        data=("parted-digits", "shifted-digits"),
        collect=True,
    ),
}


def exhibition(code: str) -> Exhibition:
    """How the pair of a code is shown."""
    pair = PAIRS[code]
    draw, caption = FIGURES[pair.figure]
    about = f"{pair.about} The recipe is [digits.yaml](digits.yaml)"
    if any("networks.py" in str(value) for value in (*pair.sick.values(), *pair.healthy.values())):
        about += ", the networks are in [networks.py](networks.py)"
    about += how_made(pair.data)
    return Exhibition(
        "run", f"{about}.", lambda side, place: _train(pair, side, place), True, draw, caption
    )


def _train(pair: Pair, side: int, place: Path) -> Shown:
    change = dict((pair.healthy, pair.sick)[side])
    data = make_data(pair.data[side], place)
    result = phoropter.train(
        data, project=place / "project", recipe=RECIPE, settings=located(change)
    )
    found = phoropter.diagnose(result.run, project=place / "project", collect=pair.collect).findings
    record = read_run(place / "project" / "runs" / result.run)
    last = record.history[-1]
    numbers = {
        "training loss at the end": decimal(last.train_loss),
        "loss in training, last pass": decimal(last.running_loss),
        "validation loss at the end": decimal(last.val_loss),
        "training accuracy at the end": decimal(last.train_metric),
        "validation accuracy, kept weights": decimal(record.score.value),
    }
    commands = [train_command(pair.data[side], change)]
    if pair.collect:
        commands.append(f"phoropter diagnose RUN --project {pair.data[side]}.phoropter --collect")
    return Shown("\n".join(commands), found, numbers, record)


def train_command(data: str, settings: Mapping[str, Any]) -> str:
    """As a reader would type it."""
    words = "".join(f" --set {key}={value}" for key, value in settings.items())
    return f"phoropter train {data} --recipe digits.yaml{words}"


def located(change: Mapping[str, Any]) -> dict[str, Any]:
    """With the networks where they are."""
    return {
        key: str(PAGES / value) if str(value).startswith("networks.py:") else value
        for key, value in change.items()
    }
