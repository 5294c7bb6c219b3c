"""What a model of a sequence of frames promises under a split that ignores time, and under ours.

Run: python benchmarks/sequence_split.py --data FOLDER [--seeds 5]

The data are frames of a recording with a number each (a table of images, regression). A ridge
regression on frozen features learns the train part of each split, its strength chosen on the val
part, and is judged on the test part, five draws each. A random split shows a score that new
recordings will not; the split that `phoropter split` makes by itself, and `--time found`, show what
is there.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.preprocessing import StandardScaler

from phoropter.core.records import Dataset, Split
from phoropter.data.split import rows
from phoropter.project.describing import features_for
from phoropter.project.opened import started
from phoropter.project.options import Options

STRENGTHS = (1e2, 1e3, 1e4, 1e5)


def score(features: np.ndarray, dataset: Dataset, split: Split) -> float:
    """R² on the test part."""
    target = dataset.table[dataset.targets[0]].to_numpy()
    train, val, test = (rows(dataset, split, part) for part in ("train", "val", "test"))
    scaled = StandardScaler().fit(features[train]).transform(features)
    fits = [Ridge(alpha=alpha).fit(scaled[train], target[train]) for alpha in STRENGTHS]
    best = max(fits, key=lambda fit: r2_score(target[val], fit.predict(scaled[val])))
    return float(r2_score(target[test], best.predict(scaled[test])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    features = None
    ways = {"random": {"groups": "none"}, "default": {}, "--time found": {"time": "found"}}
    for way, asked in ways.items():
        scores = []
        for seed in range(1 if "time" in asked else arguments.seeds):
            with tempfile.TemporaryDirectory() as place:
                options = Options(arguments.data, Path(place) / "p", seed=seed, **asked)
                with started(options, listener=lambda _: None) as project:
                    dataset, split = project.dataset, project.split()
                    if features is None:
                        function = features_for(project)
                        features = function(dataset, np.arange(len(dataset)))
                    if way == "random":
                        split = at_random(split, seed)
            scores.append(score(features, dataset, split))
        spread = " ".join(f"{value:.3f}" for value in scores)
        print(f"{way:14} test R2 {np.mean(scores):.3f}   ({spread})")


def at_random(split: Split, seed: int) -> Split:
    """Parts of the same sizes, drawn row by row."""
    part = split.table["part"].to_numpy()
    drawn = np.random.default_rng(seed).permutation(part)
    return Split(split.table.with_columns(pl.Series("part", drawn)), (), seed)


if __name__ == "__main__":
    main()
