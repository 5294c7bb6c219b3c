"""Recipes drawn by lot for sets that are tuned on; those whose runs are sound are pairs as well.

Run: python benchmarks/faults/drawn.py --work DIR --numbers FIRST LAST [--data DIR] [--only SET ...]

Trains the recipe of each number from FIRST to LAST, LAST left out, and appends to `drawn.txt` what
was measured of those that are sound, by scores alone: no run is diagnosed here. Numbers that are
there already are not done again, and trainings are kept in `--work`. `run.py --half drawn`
diagnoses the sound ones, and what is planted into them (docs/faults.md).
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from choices import ANY, DECAYS, HEAD_RATES, RATES
from convolutional import CONVOLUTIONAL
from heads import HEADS
from pair import Pair
from perceptrons import PERCEPTRONS
from sources import SOURCES
from typing_extensions import override

from phoropter.core.recipe import ModelRecipe
from phoropter.core.seed import derive, generator
from phoropter.diagnosis.narrow import last_units

FOUND = Path(__file__).with_name("drawn.txt")
FAMILIES = (PERCEPTRONS, PERCEPTRONS, CONVOLUTIONAL, CONVOLUTIONAL, CONVOLUTIONAL, HEADS)

LARGEST_GAP = 0.08  # training less validation
LARGEST_GAIN = 0.012  # of twice the passes
LEAST_SKILL = 0.5  # 0 is guessing, 1 is perfect
SMALLEST = {"mlp": 6, "cnn": 8}  # pixels; the convolutions of networks.py halve 8 thrice
FEWEST_UNITS = 8  # of the last stage: what is narrower is rightly told to be so

MOST_SAMPLES = 80_000  # seen in a run; with `MOST_WORK` some eight seconds on one thread
MOST_WORK = 1.6e8  # positions times channels, over all samples and stages

T = TypeVar("T")


@dataclass(frozen=True)
class Scores:
    """Balanced accuracies of a run, to four digits.

    Args:
        training: On training samples.
        validation: On the validation part.
        twice: On the validation part, of another run with twice the passes.
    """

    training: float
    validation: float
    twice: float

    @override
    def __str__(self) -> str:
        return " ".join(f"{score:.4f}" for score in astuple(self))

    def sound(self, classes: int) -> bool:
        """Whether it generalises, has been trained for long enough, and has learnt something."""
        chance = 1 / classes
        gap = round(self.training - self.validation, 4)  # of figures with four digits
        gain = round(self.twice - self.validation, 4)
        skill = round((self.validation - chance) / (1 - chance), 4)
        return gap <= LARGEST_GAP and gain <= LARGEST_GAIN and skill >= LEAST_SKILL


def drawn(number: int) -> Pair:
    """The pair of that number: a set and kind of network that are tuned on, with another recipe.

    Recipes that would take too long or be too narrow are drawn again.
    """
    family = _one(FAMILIES, number, "family")
    tuned = [pair for pair in family if pair.part == "tune"]
    # The lowest of draws of their own: a pair more takes over a few numbers, and no others change.
    base = min(tuned, key=lambda pair: derive(number, "pair", pair.name))
    draws = (_drawn(base, number, attempt) for attempt in count())
    settings = next(settings for settings in draws if _fit(settings, base))
    return Pair(base.images, base.family, "drawn", settings, number)


def sound_pairs(lines: Iterable[str]) -> Iterator[Pair]:
    """The pairs of the sound lines that `drawn.txt` has, without those that are drawn otherwise by
    now: these wait to be measured anew."""
    for line in lines:
        number, recipe, *scores = line.split()
        pair = drawn(int(number))
        classes = len(SOURCES[pair.images].classes)
        if recipe == digest(pair) and Scores(*map(float, scores)).sound(classes):
            yield pair


def digest(pair: Pair) -> str:
    """Eight hexadecimal digits that are others for another set or recipe."""
    text = json.dumps(dict(pair.settings), sort_keys=True)
    return f"{derive(0, pair.images, text):016x}"[:8]


def found() -> list[str]:
    """The lines of `drawn.txt`."""
    return [line for line in FOUND.read_text().splitlines() if not line.startswith("#")]


def measured(pair: Pair, data: Path | None, work: Path) -> Scores | str:
    """The scores of its run, with twice the passes if they are sound so far; or why it was refused.

    The run is the healthy one of the suite, which is not trained again.
    """
    from faults import Case
    from image_sets import load
    from plan import HEALTHY, Key
    from trial import SCORE, project_for, score, trained

    from phoropter.core.predictions import read_predictions
    from phoropter.metrics import named

    case = Case(pair.family, load(pair.images, data), pair.settings).set(seed=0)
    project = project_for(case.images, work, Key(pair.name, HEALTHY, 0))
    run = trained(case, project)
    if isinstance(run, str):
        return run
    told = read_predictions(project / "runs" / run.run / "train_predictions.parquet")
    validation = round(score(run), 4)
    scores = Scores(round(float(named(SCORE)(told)), 4), validation, validation)
    if not scores.sound(len(case.images.classes)):
        return scores
    longer = trained(case.set(train__epochs=2 * pair.settings["train.epochs"]), project)
    return longer if isinstance(longer, str) else replace(scores, twice=round(score(longer), 4))


def _drawn(base: Pair, number: int, attempt: int) -> dict[str, Any]:
    def one(key: str, choices: Sequence[T]) -> T:
        return _one(choices, number, key, attempt)

    rates = HEAD_RATES if base.family == "head" else RATES
    optimizer = one("train.optimizer", tuple(rates))
    decays = DECAYS.get(optimizer, DECAYS["others"])
    settings = {
        **base.settings,
        **{key: one(key, choices) for key, choices in ANY[base.family].items()},
        "train.optimizer": optimizer,
        "train.lr": one("train.lr", rates[optimizer]),
        "train.weight_decay": one("train.weight_decay", decays),
    }
    if base.family != "head":
        size = round(base.settings["data.size"] * one("data.size", (0.5, 0.75, 1, 1.25)))
        settings["data.size"] = max(SMALLEST[base.family], size)
        flips = (False, base.settings["data.augment.flip"])
        settings["data.augment.flip"] = one("data.augment.flip", flips)
    return settings


def _one(choices: Sequence[T], number: int, *names: str | int) -> T:
    return choices[int(generator(number, "drawn", *names).integers(len(choices)))]


def _fit(settings: Mapping[str, Any], base: Pair) -> bool:
    """Whether the network is wide enough for the classes, and the run short enough."""
    if base.family == "head":
        return True
    name, width, depth = (settings[f"model.{key}"] for key in ("name", "width", "depth"))
    classes, counts = len(SOURCES[base.images].classes), SOURCES[base.images].counts
    units = last_units(ModelRecipe(name=name, width=width, depth=depth)) or 0
    samples = counts[0] * classes * settings["train.epochs"]
    stages = {"mlp": 0, "cnn": depth, "xception_small": 2 * (depth + 1)}[name]
    work = samples * settings["data.size"] ** 2 * width * stages
    return units >= max(FEWEST_UNITS, classes) and samples <= MOST_SAMPLES and work <= MOST_WORK


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, help="where the sets are that are not built in")
    parser.add_argument("--work", type=Path, default=Path("faults-work"))
    parser.add_argument("--numbers", type=int, nargs=2, required=True, metavar=("FIRST", "LAST"))
    parser.add_argument("--only", nargs="*", default=[], help="sets")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is loaded
    known = {pair.number for pair in sound_pairs(found())}
    for number in range(*options.numbers):
        pair = drawn(number)
        if number in known or (options.only and pair.images not in options.only):
            continue
        scores = measured(pair, options.data, options.work.resolve())
        sound = isinstance(scores, Scores) and scores.sound(len(SOURCES[pair.images].classes))
        print(pair.name, scores, "sound" if sound else "", flush=True)
        if sound:
            with FOUND.open("a") as file:
                file.write(f"{number} {digest(pair)} {scores}\n")


if __name__ == "__main__":
    main()
