"""What a user says when starting something, gathered in one record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phoropter.core.recipe import Recipe, read_recipe

if TYPE_CHECKING:
    from phoropter.metrics.function import MetricFunction

Place = str | Path
Data = Place | Any
"""A path, a built-in name, or an object with samples such as those of torchvision."""


@dataclass(frozen=True, slots=True)
class Options:
    """The arguments that the commands share; None means "not said".

    Args:
        data: A folder, a file, a built-in name, or a data set object of another library.
        project: Folder of the project.
        target: The target column.
        task: The task.
        metric: The primary metric, by name or as an object, or a CSV file of costs.
        recipe: A recipe or a YAML file with one.
        settings: Dotted recipe keys to set on top.
        seed: Decides split and recipe.
        layout: The reader, where the one that is found is wrong.
        groups: What the split keeps together: "found", "none" or a column.
        ratios: Shares of train, val and test, such as "6:2:2".
        track: The tracker that the curves go to as well: "tensorboard" or "mlflow".
        time: What the split follows from past to future: "found", "order" or a column.
    """

    data: Data
    project: Place | None = None
    target: str | None = None
    task: str | None = None
    metric: str | MetricFunction | None = None
    recipe: Place | Recipe | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    layout: str | None = None
    groups: str | None = None
    ratios: str | None = None
    track: str | None = None
    time: str | None = None

    def given_recipe(self) -> Recipe | None:
        """The recipe the user brought, before `settings`, or None."""
        if self.recipe is None or isinstance(self.recipe, Recipe):
            return self.recipe
        return read_recipe(Path(self.recipe))
