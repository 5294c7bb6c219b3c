"""How many exchanged labels of texts are found, and how many listed ones were exchanged.

Run: python benchmarks/text_label_errors.py --data DIR [--rows 500 2000] [--shares 0 0.02 0.05 0.1]
     python benchmarks/text_label_errors.py --data DIR --truth FILE --clean DIR

DIR holds texts with one label each. Some rows are drawn, a share of their labels is exchanged for
another class, and what `label-errors` lists is compared with that; anew for each draw.

| line | judged by |
|---|---|
| phoropter | `label-errors` as `look` runs it |
| logistic, cleanlab | TF-IDF and logistic regression, both scikit-learn's, and cleanlab's filter |
| oracle | our model, fitted on 4,000 other rows as labelled: lists as many as `phoropter` |

The oracle shows what is left to be found: it has seen many times as many texts, and no wrong label
but those that the set has of its own. These count against the precision of every line.

With a truth file the labels of DIR were exchanged before: its list `label_flips` gives how each of
these texts begins. The oracle learns from the texts of another folder, without those of DIR.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from cleanlab.filter import find_label_issues
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from phoropter.core.records import Dataset
from phoropter.data.open import open_dataset
from phoropter.look.checks.label_errors import check
from phoropter.look.class_probabilities import by_words
from phoropter.look.evidence import LookEvidence
from phoropter.look.text_copies import normalized
from phoropter.prediction.row_features import TextFeatures

Labels = NDArray[np.int64]
Numbers = NDArray[np.float64]

MOST_LEARNT = 4_000
"""Other texts that the oracle learns from."""

NAMED = 40
"""Letters and digits by which a text is known in a truth file."""


@dataclass(frozen=True, eq=False)
class Texts:
    """Texts with their classes as numbers."""

    texts: list[str]
    labels: Labels
    names: list[str]


@dataclass(frozen=True, eq=False)
class Trial:
    """Texts some of whose labels were exchanged, and others to learn from."""

    given: Texts
    exchanged: set[int]
    others: Texts | None


def texts_of(folder: Path) -> Texts:
    dataset = open_dataset(folder, target=None)
    evidence = LookEvidence(dataset, None, None, nothing_shown(dataset))
    assert evidence.labels is not None, "the texts have no classes"
    kept = np.flatnonzero(evidence.labels != "")
    names, labels = np.unique(evidence.labels[kept], return_inverse=True)
    return Texts([evidence.texts[row] for row in kept], labels, names.tolist())


def some(texts: Texts, rows: NDArray[np.int64], labels: Labels) -> Texts:
    return Texts([texts.texts[row] for row in rows], labels, texts.names)


def drawn(texts: Texts, count: int, share: float, seed: int) -> Trial:
    rng = np.random.default_rng([seed, count, round(1000 * share)])
    rows = rng.permutation(len(texts.texts))
    kept, rest = np.sort(rows[:count]), np.sort(rows[count:])
    wrong = rng.choice(len(kept), round(share * len(kept)), replace=False)
    labels = texts.labels[kept]
    moved = rng.integers(1, len(texts.names), len(wrong))
    labels[wrong] = (labels[wrong] + moved) % len(texts.names)
    others = some(texts, rest, texts.labels[rest]) if len(rest) >= count else None
    return Trial(some(texts, kept, labels), set(wrong.tolist()), others)


def known(text: str) -> str:
    return normalized(text).replace(" ", "")[:NAMED]


def told(folder: Path, truth: Path, clean: Path) -> Trial:
    everything, others = texts_of(folder), texts_of(clean)
    names = [name for name in everything.names if known(name) in set(map(known, others.names))]
    rows = np.flatnonzero(np.isin(np.array(everything.names)[everything.labels], names))
    labels = np.searchsorted(names, np.array(everything.names)[everything.labels[rows]])
    given = Texts([everything.texts[row] for row in rows], labels, names)
    flips = {known(item["text"]) for item in json.loads(truth.read_text("utf-8"))["label_flips"]}
    here = {known(text) for text in given.texts}
    wrong = {
        row
        for row, text in enumerate(given.texts)
        if any(known(text).startswith(start) for start in flips)
    }
    rest = np.array([row for row, text in enumerate(others.texts) if known(text) not in here])
    return Trial(given, wrong, some(others, rest, others.labels[rest]))


def lists(trial: Trial, seed: int) -> Iterator[tuple[str, set[int]]]:
    """What each line lists."""
    given = trial.given
    found = looked_at(given)
    yield "phoropter", found
    peers = find_label_issues(given.labels, peer(given, seed), n_jobs=1)
    yield "logistic, cleanlab", set(np.flatnonzero(peers).tolist())
    if trial.others is not None and trial.exchanged:
        yield "oracle", least(given.labels, oracle(given, trial.others), len(found))


def looked_at(given: Texts) -> set[int]:
    table = pl.DataFrame(
        {
            "id": [str(row) for row in range(len(given.texts))],
            "label": [given.names[label] for label in given.labels],
            "text": given.texts,
            "digest": given.texts,
        }
    ).with_columns(pl.lit(None, pl.String).alias(name) for name in ("group", "part", "part_name"))
    dataset = Dataset(
        "texts", Path(), "text", "", "classification", ("label",), table, inputs=("text",),
        modality="text",
    )  # fmt: skip
    evidence = LookEvidence(dataset, None, TextFeatures(), nothing_shown(dataset))
    samples = [one for finding in check(evidence) for one in finding.evidence["samples"]]
    return {int(one["id"]) for one in samples}


def nothing_shown(dataset: Dataset) -> NDArray[np.uint8]:
    return np.zeros((len(dataset), 32, 32), dtype=np.uint8)


def peer(given: Texts, seed: int) -> Numbers:
    model = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=2000))
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    return np.asarray(
        cross_val_predict(model, given.texts, given.labels, cv=folds, method="predict_proba")
    )


def oracle(given: Texts, others: Texts) -> Numbers:
    count = len(given.texts)
    numbers = {known(name): number for number, name in enumerate(given.names)}
    labels = np.array([numbers[known(others.names[label])] for label in others.labels])
    model = by_words([*given.texts, *others.texts], np.append(given.labels, labels), seed=0)
    fitted = np.random.default_rng(0).permutation(len(labels))[:MOST_LEARNT]
    return model(count + np.sort(fitted), np.arange(count))[1]


def least(labels: Labels, probabilities: Numbers, count: int) -> set[int]:
    """The labels that are least probable beside the likeliest class."""
    margins = probabilities[np.arange(len(labels)), labels] - probabilities.max(axis=1)
    return set(np.argsort(margins, kind="stable")[:count].tolist())


def show(about: str, trials: list[Trial]) -> None:
    """One line for each method: sums over the trials."""
    sums: dict[str, list[int]] = {}
    for seed, trial in enumerate(trials):
        with threadpool_limits(1):  # small matrices: threads would only wait for each other
            for name, found in lists(trial, seed):
                row = sums.setdefault(name, [0, 0, 0])
                row[0] += len(found)
                row[1] += len(found & trial.exchanged)
                row[2] += len(trial.exchanged)
    for name, (listed, right, planted) in sums.items():
        recall = f"{right / planted:.3f}" if planted else ""
        precision = f"{right / listed:.3f}" if planted and listed else ""
        print(f"{about} | {name:<18} | {listed / len(trials):7.1f} | {recall:>6} | {precision:>9}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--shares", type=float, nargs="+", default=[0.0, 0.02, 0.05, 0.1])
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--clean", type=Path)
    given = parser.parse_args()
    print("   rows exchanged | method             |  listed | recall | precision")
    if given.truth:
        trial = told(given.data, given.truth, given.clean)
        show(f"{len(trial.given.texts):7,} {len(trial.exchanged):9}", [trial])
        return
    texts = texts_of(given.data)
    for count in given.rows:
        for share in given.shares:
            trials = [drawn(texts, count, share, seed) for seed in range(given.draws)]
            show(f"{count:7,} {share:9.0%}", trials)


if __name__ == "__main__":
    main()
