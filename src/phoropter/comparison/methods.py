"""Which test decided and why, in one sentence each."""

from __future__ import annotations

BY_HITS = (
    "Exact McNemar test: accuracy counts right answers, so only samples that one of the two alone "
    "has right speak."
)
BY_SWAPS = (
    "Paired permutation test: it only swaps the answers of the two, sample by sample, which holds "
    "for any metric and any number of samples."
)
OVER_SEEDS = (
    "t test over {count} trainings of each recipe: its standard error holds what other samples and "
    "what other seeds would bring, so that neither decides by luck."
)
OVER_FOLDS = (
    "Corrected resampled t test over {count} folds: folds share training samples, so a plain t "
    "test would be too sure."
)
SEEDS_MATTER = "Another seed could undo this: compare over seeds (--over seeds)."


def on_same_samples(metric: str) -> str:
    """Which test decides between two models on the same samples, and why."""
    return BY_HITS if metric == "accuracy" else BY_SWAPS
