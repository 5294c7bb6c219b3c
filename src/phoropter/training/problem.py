"""What every run of a project has in common: the data, the split, the target, the yardstick."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from phoropter.core.errors import InputError
from phoropter.core.protocols import Task
from phoropter.core.recipe import OWN_KEYS, Recipe, flat
from phoropter.core.records import Dataset, Part, Rows, Split, TargetSchema
from phoropter.core.references import is_reference, source_digest
from phoropter.core.run_records import RunSummary
from phoropter.data.split import digest as split_digest
from phoropter.data.split import rows
from phoropter.models.weights_file import weights_digest


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """A learning problem, fixed before the first run.

    Args:
        dataset: The indexed data.
        split: Which sample is for what.
        task: What is to be predicted.
        schema: The target as the training part knows it.
        metric: Name of the primary metric.
        cache: Folder for decoded images and features.
        digest: A hash of the samples' contents, their targets, the split and the metric.
        made_of: The parts of that hash: "data", "split", "metric".
        learnt: Rows of the training part that are learnt from; None: all.
    """

    dataset: Dataset
    split: Split
    task: Task
    schema: TargetSchema
    metric: str
    cache: Path
    digest: str
    made_of: Mapping[str, str] = field(default_factory=dict)
    learnt: Rows | None = None

    def rows(self, part: Part) -> Rows:
        """Positions of a part's samples in the data set's table."""
        if part == "train" and self.learnt is not None:
            return self.learnt
        return rows(self.dataset, self.split, part)


def problem_digest(dataset: Dataset, split: Split, metric: str) -> str:
    """A hash of the samples' contents, their targets, the split and the metric."""
    return whole_digest(problem_digests(dataset, split, metric))


def problem_digests(dataset: Dataset, split: Split, metric: str) -> dict[str, str]:
    """What that hash is made of, by name: "data", "split", "metric"."""
    own = f"/{source_digest(metric)}" if is_reference(metric) else ""
    return {
        "data": data_digest(dataset),
        "split": split_digest(split),
        "metric": f"{metric}{own}",
    }


def whole_digest(parts: Mapping[str, str]) -> str:
    """One hash of them all."""
    text = f"{parts['data']}/{parts['split']}/{parts['metric']}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def data_digest(dataset: Dataset) -> str:
    """A hash of every sample's identifier, content, target and annotated objects."""
    masks = ["mask_path"] if "mask_path" in dataset.table.columns else []
    columns = ["id", "digest", *masks, *dataset.targets]
    tables = [dataset.table.select(columns).sort("id")]
    if dataset.objects is not None:
        tables.append(dataset.objects.sort("id", maintain_order=True))
    whole = hashlib.sha256()
    for table in tables:
        whole.update(table.write_ndjson().encode())
    return whole.hexdigest()[:16]


def run_id(recipe: Recipe, problem: Problem) -> str:
    """The identity of a run: a hash of recipe, data, split and code, 12 hexadecimal digits."""
    text = f"{recipe.digest}/{problem.digest}/{code_digest()}{_brought(recipe)}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _brought(recipe: Recipe) -> str:
    """What the recipe names and the user may change without changing the name."""
    path = recipe.model.weights
    brought = [] if path is None else [weights_digest(path)]
    brought += [source for _, source in sorted(own_sources(recipe).items())]
    return "".join(f"/{digest}" for digest in brought)


def own_sources(recipe: Recipe) -> dict[str, str]:
    """The hash of the source of every part of the user's own that a recipe names, by its key.

    Raises:
        UsageError: If one of them is not there.
    """
    return {
        key: source_digest(value)
        for key, value in flat(recipe).items()
        if key in OWN_KEYS and isinstance(value, str) and is_reference(value)
    }


def check_own(recipe: Recipe, summary: RunSummary) -> None:
    """Refuses to put trained weights into a network whose source has changed since."""
    changed = [key for key, digest in own_sources(recipe).items() if summary.own.get(key) != digest]
    if changed:
        names = ", ".join(repr(flat(recipe)[key]) for key in changed)
        raise InputError(
            f"{names} has changed since the run {summary.run!r} was made with it.",
            hint="Bring the source back to what it was, or train again.",
        )


@cache
def code_digest() -> str:
    """A hash of the package's own source, so that a run is never mistaken for an older code's."""
    root = Path(__file__).parents[1]
    whole = hashlib.sha256()
    for folder in ("core", "data", "augment", "models", "tasks", "prediction", "training"):
        for path in sorted((root / folder).rglob("*.py")):
            whole.update(path.read_bytes())
    return whole.hexdigest()[:16]
