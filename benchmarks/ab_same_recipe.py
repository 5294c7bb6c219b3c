"""How often two runs of one recipe are called different: it must be at most 5 %.

Run: python benchmarks/ab_same_recipe.py [--pairs N] [--effects N]

Built-in digits, 8 x 8 pixels. Each pair draws its own 300 training and 500 validation samples and
trains the same small network on them twice, with two seeds; `compare` then gives its verdict at the
first look, where it is most easily given. Pairs are independent but for the 1,797 samples that all
of them draw from. Two more questions are answered on the same runs: the proper score alone (log
loss), and the rule of the improvement loop, which joins both tests.

The test asks whether these two *models* differ on samples like these, and two seeds give two models
that truly differ a little. So verdicts are not false alarms alone; the spread of b - a is printed.

Then an effect is planted: 900 training samples against 90. All of these must be found.
Shares carry exact 95 % binomial intervals (Clopper and Pearson 1934).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from scipy.stats import binomtest
from sklearn.datasets import load_digits

from phoropter.comparison.looks import threshold
from phoropter.comparison.paired import compare, proper_score_test
from phoropter.core.predictions import ClassPredictions
from phoropter.core.recipe import Recipe
from phoropter.core.records import Normalization, TargetSchema
from phoropter.core.seed import generator
from phoropter.data.memory import MemoryInputs
from phoropter.improvement.decide import decide
from phoropter.improvement.trial import Judgement
from phoropter.models.build import build
from phoropter.prediction.run import outputs
from phoropter.tasks.classification import Classification
from phoropter.training.loop import fit
from phoropter.training.records import TrainingData, Watch

VALIDATION = 500
SAME = 300
PLANTED = (90, 900)
LOOK = 1
RECIPE = Recipe().changed(
    {
        "data.size": 8,
        "data.channels": 1,
        "model.name": "mlp",
        "model.pretrained": False,
        "model.transfer": "finetune",
        "model.depth": 2,
        "model.width": 48,
        "train.epochs": 15,
        "train.batch_size": 32,
        "train.lr": 0.003,
        "train.patience": 0,
        "train.numerics": "float32",
    }
)
TASK = Classification()
PIXELS = Normalization((0.3,), (0.38,))
DIGITS = load_digits()
IMAGES = (DIGITS.images / 16 * 255).round().astype(np.uint8)[:, None]
LABELS = DIGITS.target.astype(np.int64)


def train(rows: np.ndarray, judged: np.ndarray, seed: int) -> ClassPredictions:
    """What a network trained on some digits says of others."""
    counts = np.bincount(LABELS[rows], minlength=10)
    schema = TargetSchema("classes", tuple("0123456789"), counts=tuple(map(int, counts)))
    recipe = RECIPE.changed({"seed": seed})
    network = build(recipe, schema)
    data = TrainingData(
        inputs=MemoryInputs(IMAGES),
        targets=torch.from_numpy(LABELS),
        train_rows=rows,
        val_rows=judged,
        train_eval_rows=rows,
        metric=lambda raw, of: float((raw.argmax(1) == LABELS[of]).mean()),
        normalization=PIXELS,
    )
    objective = TASK.objective(network, recipe, schema)
    with tempfile.TemporaryDirectory() as folder:
        fit(objective, network, data, recipe, folder=Path(folder), watch=Watch())
    raw = outputs(network, data.inputs, judged, normalization=PIXELS)
    return TASK.predictions([str(row) for row in judged], LABELS[judged], raw, schema)


def pair(number: int, first: int, second: int) -> tuple[ClassPredictions, ClassPredictions]:
    """Two networks judged on the same draw, the smaller training set part of the larger one."""
    order = generator(0, "pair", number).permutation(len(LABELS))
    judged, pool = np.sort(order[:VALIDATION]), order[VALIDATION:]
    seeds = (2 * number, 2 * number + 1)
    a, b = (
        train(np.sort(pool[:count]), judged, seed)
        for count, seed in zip((first, second), seeds, strict=True)
    )
    return a, b


def judged(a: ClassPredictions, b: ClassPredictions) -> dict[str, str]:
    """The verdict by accuracy, by macro F1, by the proper score, and the loop's decision."""
    names = ("a", "b")
    by_hits = compare(a, b, "accuracy", names=names, looks=LOOK)
    by_f1 = compare(a, b, "macro_f1", names=names, looks=LOOK)
    limit = threshold(LOOK)
    score = proper_score_test(a, b, decisive=limit)
    judgement = Judgement(by_hits, score.delta, score.p_value, limit)
    proper = "undecided"
    if score.p_value <= limit:
        proper = "better" if score.delta < 0 else "worse"
    return {
        "accuracy": by_hits.verdict,
        "macro_f1": by_f1.verdict,
        "log_loss": proper,
        "loop accepts": "better"
        if decide(judgement, greater_is_better=True).accepted
        else "undecided",
    }


def tell(title: str, verdicts: list[dict[str, str]], wanted: tuple[str, ...]) -> None:
    print(f"{title}: {len(verdicts)} pairs")
    for name in verdicts[0]:
        counts = Counter(verdict[name] for verdict in verdicts)
        hits = sum(counts[word] for word in wanted)
        ends = binomtest(hits, len(verdicts)).proportion_ci()
        print(
            f"  {name:13} {' or '.join(wanted)}: {hits}/{len(verdicts)} = "
            f"{hits / len(verdicts):.1%} [{ends.low:.1%}, {ends.high:.1%}]"
        )


def accuracies(pairs: list[tuple[ClassPredictions, ClassPredictions]]) -> str:
    a, b = (
        np.array([np.mean(run.predicted == run.truth) for run in side])
        for side in zip(*pairs, strict=True)
    )
    return f"mean accuracy {a.mean():.3f} and {b.mean():.3f}, spread of b - a {np.std(b - a):.4f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--effects", type=int, default=20)
    chosen = parser.parse_args()
    torch.set_num_threads(1)  # so small a network only loses by sharing its layers between cores
    started = time.perf_counter()
    same = [pair(number, SAME, SAME) for number in range(chosen.pairs)]
    tell("same recipe, two seeds", [judged(*one) for one in same], ("better", "worse"))
    print(f"  {accuracies(same)}")
    effects = [pair(10_000 + number, *PLANTED) for number in range(chosen.effects)]
    tell(f"{PLANTED[0]} -> {PLANTED[1]} samples", [judged(*one) for one in effects], ("better",))
    print(f"  {accuracies(effects)}")
    print(f"look {LOOK}, threshold {threshold(LOOK)}; {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
