"""Pairs of projects that the pages of docs/findings show: what takes more than one run to see."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import finding_charts as charts
import finding_graphs as graphs
from finding_projects import Side, Told, commands, tell
from finding_sets import how_made
from finding_shown import Exhibition, Shown, decimal

from phoropter.core.predictions import ClassPredictions


@dataclass(frozen=True)
class Story:
    """Two projects.

    Args:
        about: What differs, one sentence.
        healthy: The first one.
        sick: The second one.
        numbers: Of the table.
        draw: The picture.
        caption: Of it.
    """

    about: str
    healthy: Side
    sick: Side
    numbers: Callable[[Told], Mapping[str, str]]
    draw: Callable[[Told, Told], str]
    caption: str


def _ladder(told: Told) -> Mapping[str, str]:
    name, best = max(told.simple.items(), key=lambda item: item[1].score.value)
    return {
        "accuracy of the network": decimal(told.chosen.score.value),
        "of the best simple model": f"{decimal(best.score.value)} ({name})",
        "of always the same answer": decimal(told.ladder["majority"].score.value),
    }


def _metrics(told: Told) -> Mapping[str, str]:
    constant = told.ladder["majority"]
    return {
        "accuracy of the network": decimal(told.chosen.score.value),
        "of always the same answer": decimal(constant.score.value),
        "macro F1 of the network": decimal(charts.metric_of(told.chosen, "macro_f1").value),
        "of always the same answer by macro F1": decimal(
            charts.metric_of(constant, "macro_f1").value
        ),
    }


def _looks(told: Told) -> Mapping[str, str]:
    flattery = told.part("optimism")
    return {
        "runs that were compared": str(len(told.runs)),
        "validation samples": f"{len(told.chosen.predictions):,}",
        "validation accuracy of the best": decimal(told.chosen.score.value),
        "its accuracy on the sealed test part": decimal(told.tested and told.tested.value),
        "what choosing flatters it by": decimal(flattery and flattery.value),
    }


def _seeds(told: Told) -> Mapping[str, str]:
    values = sorted(run.score.value for run in told.runs)
    return {
        "seeds": str(len(values)),
        "lowest validation accuracy": decimal(values[0]),
        "highest": decimal(values[-1]),
        "their standard deviation": decimal(statistics.stdev(values)),
    }


def _parts(told: Told) -> Mapping[str, str]:
    names = {"noise_floor": "nobody can avoid", "bias": "on training samples too"}
    names |= {"variance": "on unseen samples only"}
    return {
        "validation error": decimal(1 - told.chosen.score.value),
        **{
            f"of it {words}": decimal(part.value) if (part := told.part(name)) else "not known"
            for name, words in names.items()
        },
    }


def _forecast(told: Told) -> Mapping[str, str]:
    found = told.result.forecast
    if found is None:
        raise ValueError(told.chosen.path)
    twice = found.gains[0]
    return {
        "training samples": f"{found.levels[-1].samples:,.0f}",
        "validation error": decimal(found.levels[-1].error),
        "expected with twice as many": decimal(twice.error),
        "gain": f"{twice.value:.3f} ({twice.low:.3f} to {twice.high:.3f})",
    }


def _answers(told: Told) -> Mapping[str, str]:
    said = told.chosen.predictions
    if not isinstance(said, ClassPredictions):
        raise TypeError(type(said).__name__)
    return {
        "validation samples": str(len(said)),
        **{
            f"of these {name}": f"{(said.truth == place).sum()}, "
            f"answered {(said.predicted == place).sum()} times"
            for place, name in enumerate(said.classes)
        },
        "training loss at the end": decimal(told.chosen.history[-1].train_loss),
        "validation accuracy": decimal(charts.metric_of(told.chosen, "accuracy").value),
    }


PLAIN = {"model.norm": "none"}
STEEP = {"model.depth": 4, "train.optimizer": "sgd", "train.lr": 0.2}
CONVOLVED = {"model.name": "cnn", "model.width": 32}
NARROW = {"model.name": "cnn", "model.width": 8}
COARSE = {"model.name": "networks.py:Coarse", "train.lr": 0.03, "train.epochs": 40}
GRID: Mapping[str, Any] = {
    "tried": {"model.width": (16, 32, 64), "train.lr": (0.003, 0.01)},
    "seeds": (0, 1, 2),
    "test": True,
}
FEW: Mapping[str, Any] = {"data": "few-digits", "before": "run"}
JUDGED: Mapping[str, Any] = {"settings": CONVOLVED, "before": "run", "metric": "accuracy"}
BUDGET = "Parts of the validation error, with 95 % intervals."
STORIES: Mapping[str, Story] = {
    "classic-wins": Story(
        "A hundred digits are too few for a narrow network on bare pixels.",
        Side(**FEW, settings={**CONVOLVED, "train.epochs": 20}),
        Side(**FEW, settings={"model.width": 16, "train.epochs": 80}),
        _ladder,
        charts.ladder_figure,
        "Validation accuracy of the simple models and of the network, with 95 % intervals.",
    ),
    "wrong-metric": Story(
        "Accuracy judges eights against all other digits, nine to one.",
        Side("plain-digits", **JUDGED),
        Side("eights", **JUDGED),
        _metrics,
        charts.metrics_figure,
        "Of each model the metric that decides, accuracy, and macro F1, with 95 % intervals.",
    ),
    "overfit-to-validation": Story(
        "Eighteen runs are compared on 80 digits instead of 800.",
        Side("two-hundred-digits", **GRID),
        Side("hardly-validated-digits", **GRID),
        _looks,
        graphs.looks_figure,
        "Validation accuracy of all runs, and the test accuracy of the best.",
    ),
    "seed-noise": Story(
        "Plain descent through four layers without normalisation: luck says when they learn.",
        Side(settings=STEEP, seeds=range(5)),
        Side(settings={**STEEP, **PLAIN}, seeds=range(5)),
        _seeds,
        graphs.seeds_figure,
        "Validation accuracy by epoch, one line a seed, with a dot where its weights are kept.",
    ),
    "data-limited": Story(
        "Two hundred digits to learn from instead of a thousand.",
        Side(settings=NARROW, collect=True),
        Side("two-hundred-digits", NARROW, collect=True),
        _forecast,
        graphs.forecast_figure,
        "Validation error by training samples, measured and forecast, with 90 % intervals.",
    ),
    "capacity-limited": Story(
        "A network that sees nine patches of each image and weighs them once.",
        Side(human="0.005"),
        Side(settings=COARSE, human="0.005"),
        _parts,
        charts.parts_figure,
        BUDGET,
    ),
    "noise-limited": Story(
        "A fifth of the digits carry the label of another digit.",
        Side("plain-digits", before="look"),
        Side("mislabelled-digits", before="look"),
        _parts,
        charts.parts_figure,
        BUDGET,
    ),
    "majority-collapse": Story(
        "Weights that decay so fast can only tell how frequent the classes are.",
        Side("eights", PLAIN),
        Side("eights", {**PLAIN, "train.weight_decay": 100.0}),
        _answers,
        charts.answers_figure,
        "Validation samples by class: how many there are, and how often it was answered.",
    ),
}


def exhibition(code: str) -> Exhibition:
    """How the projects of a code are shown."""
    story = STORIES[code]
    sides = story.healthy, story.sick
    about = f"{story.about} The recipe is [digits.yaml](digits.yaml)"
    if any("networks.py" in str(value) for side in sides for value in side.settings.values()):
        about += ", the network is in [networks.py](networks.py)"
    about += how_made(side.data for side in sides)

    def make(side: int, place: Path) -> Shown:
        told = tell(sides[side], place)
        return Shown(
            "\n".join(commands(sides[side])), told.result.findings, story.numbers(told), told
        )

    return Exhibition("project", f"{about}.", make, True, story.draw, story.caption)
