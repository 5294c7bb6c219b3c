"""Trains a healthy and a sick run for a finding, and shows both on its page in docs/findings.

    python tools/finding_runs.py lr-too-high overfit     the pages of these codes
    python tools/finding_runs.py all                     every code that has a pair, some minutes

Both runs are made by the recipe docs/findings/digits.yaml; what makes the second one sick is in its
command, or in the data.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from finding_figures import curves_figure, norms_figure, shares_figure
from finding_pages import INDEX, PAGES, page
from PIL import Image
from sklearn.datasets import load_digits

import phoropter
from phoropter.core.records import Finding
from phoropter.project.run_record import RunRecord, read_run

RECIPE = PAGES / "digits.yaml"
TITLE = "## A healthy and a sick run"
FIGURES = {"curves": curves_figure, "norms": norms_figure, "shares": shares_figure}
CAPTIONS = {
    "curves": "Losses by epoch: training grey, as optimised in training dotted, validation blue.",
    "norms": "Gradient norm of each block in the last sampled pass, from the input to the output.",
    "shares": "Share of dead units of each activation layer in the last sampled pass.",
}


@dataclass(frozen=True)
class Pair:
    """Two runs.

    Args:
        about: What differs, one sentence.
        healthy: Dotted recipe keys of the first run, beside the recipe's.
        sick: Likewise of the second.
        data: Of both, or of the first and the second, see `make_data`.
        figure: A key of `FIGURES`.
    """

    about: str
    sick: Mapping[str, Any] = field(default_factory=dict)
    healthy: Mapping[str, Any] = field(default_factory=dict)
    data: tuple[str, str] = ("digits", "digits")
    figure: str = "curves"


DEEP = {"model.depth": 8, "model.norm": "none"}
PAIRS: Mapping[str, Pair] = {
    "lr-too-high": Pair(
        "A hundred times the learning rate.", {"train.lr": 0.3, "model.norm": "none"}
    ),
    "lr-too-low": Pair(
        "A thousandth of the learning rate.", {"train.lr": 3e-6, "model.norm": "none"}
    ),
    "undertrained": Pair("Two passes instead of twelve.", {"train.epochs": 2, "train.lr": 0.001}),
    "overfit": Pair(
        "A hundred digits to learn from, by heart, for a network of twice the width.",
        {"model.width": 128, "train.epochs": 60},
        data=("digits", "few-digits"),
    ),
    "vanishing-gradient": Pair(
        "Eight layers of sigmoids instead of ReLUs with normalisation.",
        {**DEEP, "model.activation": "sigmoid"},
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
}


@dataclass(frozen=True)
class Shown:
    """A run as its page shows it."""

    command: str
    record: RunRecord
    finding: Finding | None
    codes: tuple[str, ...]


def make_data(name: str, work: Path) -> str:
    """The place of a data set: the built-in digits, or a folder a class that is made of them."""
    if name == "digits":
        return name
    bunch, draws = load_digits(), np.random.default_rng(0)
    labels = bunch.target.copy()
    keep, parts = np.arange(len(labels)), np.full(len(labels), "")
    if name == "mislabelled-digits":
        wrong = draws.random(len(labels)) < 0.2
        labels = np.where(wrong, (labels + draws.integers(1, 10, len(labels))) % 10, labels)
    elif name == "few-digits":
        keep = draws.permutation(len(labels))
        parts = np.repeat(["train", "val", "test"], [100, 600, len(labels) - 700])[keep.argsort()]
    elif name == "unequal-digits":
        keep = np.array([row for row in keep if labels[row] < 8 or draws.random() < 0.1])
    for row in keep:
        folder = work / name / parts[row] / str(labels[row])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((bunch.images[row] * 15.9).astype(np.uint8)).save(folder / f"{row}.png")
    return str(work / name)


def train(code: str, side: int, work: Path) -> Shown:
    """Carries out the healthy (0) or the sick (1) command of a pair."""
    pair = PAIRS[code]
    change = (pair.healthy, pair.sick)[side]
    place = work / code / str(side)
    result = phoropter.train(
        make_data(pair.data[side], place),
        project=place / "project",
        recipe=RECIPE,
        settings=dict(change),
    )
    found = phoropter.diagnose(result.run, project=place / "project").findings
    settings = "".join(f" --set {key}={value}" for key, value in change.items())
    return Shown(
        f"phoropter train {pair.data[side]} --recipe digits.yaml{settings}",
        read_run(place / "project" / "runs" / result.run),
        next((item for item in found if item.code == code), None),
        tuple(f"{item.code} ({item.severity})" for item in found),
    )


def both(code: str, work: Path) -> tuple[Shown, Shown]:
    """The healthy and the sick run of a code.

    Raises:
        RuntimeError: If the sick run lacks the finding, or the healthy one has it or any warning.
    """
    healthy, sick = train(code, 0, work), train(code, 1, work)
    spoilt = any("(info)" not in item for item in healthy.codes)
    if sick.finding is None or healthy.finding is not None or spoilt:
        message = f"{code}: healthy {healthy.codes}, sick {sick.codes}"
        raise RuntimeError(message)
    return healthy, sick


def refresh(code: str, work: Path) -> None:
    """Trains the pair of a code and writes what came of it into its page."""
    healthy, sick = both(code, work)
    drawn = FIGURES[PAIRS[code].figure](healthy.record, sick.record)
    (PAGES / f"{code}.svg").write_text(drawn, "utf-8")
    place = PAGES / f"{code}.md"
    text = place.read_text("utf-8").partition(f"\n{TITLE}")[0].rstrip()
    place.write_text(f"{text}\n\n{_section(code, healthy, sick)}", "utf-8")


def _section(code: str, healthy: Shown, sick: Shown) -> str:
    finding = sick.finding
    if finding is None:
        raise ValueError(code)
    numbers = [_numbers(run) for run in (healthy, sick)]
    cures = [cure for cure in finding.prescriptions if cure.change] or finding.prescriptions
    lines = [
        TITLE,
        "",
        f"{PAIRS[code].about} The recipe is [digits.yaml](digits.yaml).",
        "",
        "```bash",
        healthy.command,
        sick.command,
        "```",
        "",
        f"Of the second run, not of the first, this is said ({finding.severity}):",
        "",
        f"> {finding.message}",
        "",
        *([f"Prescribed first: {cures[0].advice}", ""] if cures else []),
        "| | healthy | sick |",
        "|---|---|---|",
        *(f"| {name} | {value} | {numbers[1][name]} |" for name, value in numbers[0].items()),
        "",
        f"![The healthy run beside the sick one]({code}.svg)",
        "",
        CAPTIONS[PAIRS[code].figure],
    ]
    return "\n".join(lines) + "\n"


def _numbers(run: Shown) -> dict[str, str]:
    last = run.record.history[-1]
    return {
        "training loss at the end": _text(last.train_loss),
        "loss in training, last pass": _text(last.running_loss),
        "validation loss at the end": _text(last.val_loss),
        "training accuracy at the end": _text(last.train_metric),
        "validation accuracy, kept weights": _text(run.record.score.value),
        "findings": ", ".join(run.codes) or "none",
    }


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def main(arguments: Sequence[str]) -> None:
    """Refreshes the pages of the codes named, and the index; says at the end which pairs fail."""
    codes = list(PAIRS) if list(arguments) == ["all"] else list(arguments)
    failures: list[str] = []
    with TemporaryDirectory() as place:
        for code in codes:
            try:
                refresh(code, Path(place))
                print(code, flush=True)
            except RuntimeError as error:
                failures.append(str(error))
    INDEX.write_text(page(), "utf-8")
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main(sys.argv[1:])
