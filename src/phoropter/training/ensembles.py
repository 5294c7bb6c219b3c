"""Ensembles: nothing is trained for them but their members, each of which is a run of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import TypeVar

import numpy as np
from torch import nn

from phoropter.core.errors import UsageError
from phoropter.core.files import write_text
from phoropter.core.predictions import Predictions, read_predictions, write_predictions
from phoropter.core.recipe import Recipe, to_yaml
from phoropter.core.records import Preprocessing
from phoropter.core.references import is_reference
from phoropter.core.run_records import RunSummary
from phoropter.models.catalog import frozen_trunk
from phoropter.models.network import Network
from phoropter.prediction.averaging import Averaged, Chorus, Member, mean_predictions
from phoropter.training.conditions import conditions
from phoropter.training.decoding import applied, fit_and_apply
from phoropter.training.problem import Problem, run_id
from phoropter.training.summary import (
    UNFINISHED,
    read_preprocessing,
    read_summary,
    write_summary,
)

Restored = tuple[nn.Module, Recipe, RunSummary, Preprocessing]


def execute_ensemble(
    recipe: Recipe, problem: Problem, *, runs: Path, execute: Callable[[Recipe], Path]
) -> Path:
    """Makes the runs that are averaged, or finds them made, and returns the ensemble's folder.

    Args:
        recipe: With `predict.ensemble`.
        problem: On what.
        runs: The folder of all runs.
        execute: Carries out one recipe.

    Raises:
        UsageError: If the members do not see the same pixels.
    """
    folder = runs / run_id(recipe, problem)
    made = {member.digest: execute(member) for member in recipe.members}
    _check_same_pixels(list(made.values()))
    write_text(folder / "recipe.yaml", to_yaml(recipe))
    places = [made[member.digest] for member in recipe.members]
    val = fit_and_apply(
        _mean([read_predictions(path / "predictions.parquet") for path in places]),
        recipe,
        problem,
        folder=folder,
    )
    write_predictions(folder / "predictions.parquet", val)
    train = _mean([read_predictions(path / "train_predictions.parquet") for path in places])
    write_predictions(folder / "train_predictions.parquet", applied(train, folder))
    summary = replace(_summary(folder, places), made_of=conditions(recipe, problem))
    write_summary(folder, summary, read_preprocessing(places[0]))
    return folder


def averaged_network(members: Sequence[Restored], runs: Sequence[str]) -> Averaged:
    """One network of several.

    Args:
        members: The restored networks, each once, in the order of their first appearance.
        runs: The names of their runs as the ensemble counts them.
    """
    counts = Counter(runs)
    by_digest = {recipe.digest: one for one in members for recipe in [one[1]]}
    parts = []
    for group in sharing(list(by_digest.values()), lambda one: one[1]):
        network, recipe, _, how = group[0]
        voices = tuple(counts[summary.run] for _, _, summary, _ in group)
        together = network if len(group) == 1 else _chorus([one[0] for one in group])
        parts.append(Member(together, how.normalization, recipe.predict.tta, voices))
    return Averaged(parts, kind=members[0][2].schema.kind)


T = TypeVar("T")


def sharing(members: Sequence[T], recipe_of: Callable[[T], Recipe]) -> list[list[T]]:
    """The members in groups that can share a frozen trunk: the same one, on the same images.

    >>> one = Recipe()
    >>> two, three = one.changed({"train.lr": 0.1}), one.changed({"data.size": 288})
    >>> [len(group) for group in sharing([one, three, two], lambda recipe: recipe)]
    [2, 1]
    """
    groups: dict[str, list[T]] = {}
    for at, member in enumerate(members):
        recipe = recipe_of(member)
        trunk = frozen_trunk(recipe)
        alone = trunk in {"", "pixels"} or is_reference(trunk) or recipe.model.weights is not None
        key = f"{trunk} {recipe.data.model_dump_json()} {recipe.predict.tta}"
        groups.setdefault(str(at) if alone else key, []).append(member)
    return list(groups.values())


def _chorus(networks: Sequence[nn.Module]) -> Chorus:
    whole = [network for network in networks if isinstance(network, Network)]
    return Chorus(whole[0].trunk, [network.head for network in whole])


def check_no_pass(folder: Path, epoch: int | None) -> None:
    """Refuses to speak with the weights of a pass where there are several networks.

    Raises:
        UsageError: If a pass is asked for.
    """
    if epoch is not None:
        raise UsageError(
            f"The run {folder.name!r} is an ensemble, and has no passes of its own.",
            hint="Leave --epoch out, or name one of its members.",
        )


def _summary(folder: Path, places: Sequence[Path]) -> RunSummary:
    known = {path.name: read_summary(path) for path in places}
    cut = [one.stopped_by for one in known.values() if one.stopped_by in UNFINISHED]
    return replace(
        known[places[0].name],
        run=folder.name,
        epochs=0,
        steps=0,
        best_epoch=0,
        seconds=sum(one.seconds for one in known.values()),
        samples_per_second=0.0,
        stopped_by=cut[0] if cut else "finished",
        numerics={},
        features="",
        waiting=0.0,
        waited_s=0.0,
        kept=(),
        members=tuple(path.name for path in places),
    )


def _mean(said: Sequence[Predictions]) -> Predictions:
    """The mean for the samples that all members were asked about: their training parts differ."""
    ids = reduce(np.intersect1d, [one.ids for one in said])
    kept = [one.take(np.flatnonzero(np.isin(one.ids, ids))) for one in said]
    return mean_predictions(kept, [1] * len(kept))


def _check_same_pixels(places: Sequence[Path]) -> None:
    seen = [read_preprocessing(path) for path in places]
    for one, path in zip(seen, places, strict=True):
        if replace(one, normalization=seen[0].normalization) != seen[0]:
            raise UsageError(
                f"The members of an ensemble must see the same pixels: {path.name!r} takes "
                f"{_geometry(one)}, {places[0].name!r} {_geometry(seen[0])}.",
                hint="Give all of them the same data.size, data.resize and data.channels, and the "
                "same network or backbone where these decide how images are resized.",
            )


def _geometry(how: Preprocessing) -> str:
    return f"{how.channels} x {how.size} x {how.size} ({how.resize}, {how.interpolation})"
