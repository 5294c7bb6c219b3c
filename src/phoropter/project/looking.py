"""The first stage: what the data are and what is wrong with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from phoropter.core.events import Note
from phoropter.core.protocols import FeatureFunction, Features
from phoropter.core.recipe import Recipe
from phoropter.core.records import Dataset, Rows, Split
from phoropter.data.accounts import account
from phoropter.data.corrections import read_corrections, renewed, write_corrections
from phoropter.data.index import colour_thumbnails, thumbnails
from phoropter.look.evidence import Classifier, LookEvidence
from phoropter.look.masks import MeasuredMask
from phoropter.look.proposals import proposals
from phoropter.look.run import look
from phoropter.models.catalog import card, offline_weights_installed
from phoropter.models.offline_weights import lite0_classifier
from phoropter.models.preprocessing import preprocessing
from phoropter.prediction.features import DeepFeatures, HandcraftedFeatures
from phoropter.prediction.row_features import TableFeatures, TextFeatures
from phoropter.prediction.views import PLAIN, ExchangedColours, View
from phoropter.project.baseline import TINY_PX
from phoropter.project.look_report import write_page_of
from phoropter.project.opened import Project
from phoropter.project.results import LookResult
from phoropter.project.transfer import ENLARGED_PX, LARGER_PX, LARGER_SHARE, MOST_SHARE

_NETWORK = "efficientnet_lite0"

_KNOWN_FROM_PX = 160
"""Side below which the network hardly knows what it sees, in whatever colours."""

_COLOURED = 0.9
"""Share of images in colour from which a set of tiny ones is of photographs."""


def look_and_note(
    project: Project,
    split: Split,
    *,
    left_s: float | None = None,
    deadline: Callable[[], float] | None = None,
    page: str | None = None,
) -> LookResult:
    """Runs every check on the data and notes what it found.

    Args:
        project: The opened project.
        split: Its parts.
        left_s: Seconds of which deep features may take their share; None: as long as they need.
        deadline: Asked once deep features are there, which count by themselves: gives the reading
            of `time.monotonic` after which no further check is begun, see `look`. None: all are.
        page: Language of the page that is written, or None for no page.
    """
    dataset = project.dataset
    features = features_for(project, left_s=left_s)
    evidence = _evidence(project, split, features)
    if isinstance(features, DeepFeatures):
        _ = evidence.feature_table
    end = None if deadline is None else deadline()
    looked = look(evidence, deadline=end, listener=project.listener)
    findings = looked.findings
    issues = renewed(proposals(evidence, findings), read_corrections(project.folder.issues))
    write_corrections(project.folder.issues, issues)
    project.notebook.record_findings("data", findings, left_out=looked.left_out)
    for finding in findings:
        if finding.severity != "info":
            project.listener(Note(f"{finding.severity}: {finding.code}: {finding.message}"))
    place = Path(project.settings.data)
    # Asked for before corrections: what the user drops is a file of the data all the same.
    accounts = account(place, project.found) if place.is_dir() else None
    report = "" if page is None else write_page_of(project, evidence, split, findings, lang=page)
    return LookResult(
        project=str(project.folder.path),
        description=dataset.description,
        layout=dataset.layout,
        task=dataset.task,
        samples=len(dataset),
        classes=_classes(dataset, evidence.masks),
        targets=_targets(project),
        rejected=dataset.rejected,
        findings=findings,
        features=features.name,
        proposed=len(issues),
        issues=str(project.folder.issues),
        report=str(report),
        modality=dataset.modality,
        files=accounts.counts if accounts else {},
        ignored=accounts.ignored if accounts else (),
    )


def _evidence(project: Project, split: Split, features: FeatureFunction) -> LookEvidence:
    dataset = project.dataset
    return LookEvidence(
        dataset=dataset,
        split=split,
        features=features,
        thumbnails=thumbnails(dataset, project.folder.index),
        seed=project.settings.seed,
        classifier=_classifier(project, features),
        folder=project.folder.cache,
        colours=partial(colour_thumbnails, dataset),
    )


def features_for(project: Project, *, left_s: float | None) -> FeatureFunction:
    """Deep features where the weights are here, the images are photographs and there is time.

    Tiny grey ones are digits, letters and the like, which colours and edges describe as well. With
    a time they are those that the first recipe will learn from, see `transfer`.
    """
    dataset = project.dataset
    if dataset.modality != "image":
        return TextFeatures() if dataset.modality == "text" else TableFeatures()
    side = dataset.table.select(pl.min_horizontal("height", "width").median()).item()
    tiny = side <= TINY_PX
    coloured = dataset.table.select((pl.col("mode") == "RGB").mean()).item() > _COLOURED
    if (tiny and not coloured) or not offline_weights_installed():
        return HandcraftedFeatures()
    every = np.arange(len(dataset), dtype=np.int64)
    for size, share in _sizes(tiny=tiny, timed=left_s is not None):
        deep = _deep(project, PLAIN, size=size)
        if left_s is None or deep.waiting_s(dataset, every) <= share * max(left_s, 0.0):
            return deep
    return HandcraftedFeatures()


def _sizes(*, tiny: bool, timed: bool) -> tuple[tuple[int, float], ...]:
    """Sides of images, best first, and the share of the time left that their features may take."""
    if tiny:
        return tuple((size, MOST_SHARE) for size in ENLARGED_PX)
    usual = (card(_NETWORK).input_px, MOST_SHARE)
    return ((LARGER_PX, LARGER_SHARE), usual) if timed else (usual,)


def _deep(project: Project, view: View, *, size: int) -> DeepFeatures:
    """As the first recipe of a head on frozen features wants them, which then finds them there."""
    how = {"data.resize": "stretch"} if size in ENLARGED_PX else {}
    recipe = Recipe().changed({"model.name": _NETWORK, "data.size": size, **how})
    return DeepFeatures(
        _NETWORK,
        folder=project.folder.cache,
        preprocessing=preprocessing(recipe),
        view=view,
        listener=project.listener,
    )


def _classifier(project: Project, features: FeatureFunction) -> Classifier | None:
    """What the network of the features takes images for, as they are and in exchanged colours.

    None where it knows too little.
    """
    if not isinstance(features, DeepFeatures) or features.size < _KNOWN_FROM_PX:
        return None
    exchanged = _deep(project, ExchangedColours(), size=features.size)

    def told(dataset: Dataset, rows: Rows) -> tuple[Features, Features]:
        weight, bias = (part.numpy() for part in lite0_classifier())
        plain, other = features(dataset, rows), exchanged(dataset, rows)
        return plain @ weight.T + bias, other @ weight.T + bias

    return told


def _classes(dataset: Dataset, masks: tuple[MeasuredMask, ...]) -> dict[str, int]:
    """Samples of each class; objects of each class where objects are annotated."""
    if masks:
        return _classes_in(dataset, masks)
    if dataset.objects is not None:
        there = pl.col("id").is_in(dataset.table["id"].to_list())
        labels = dataset.objects.filter(there & pl.col("label").is_not_null())["label"]
    elif dataset.task in {"classification", "unpaired"}:
        labels = dataset.table[dataset.targets[0]]
    elif dataset.task == "multilabel":
        labels = dataset.table[dataset.targets[0]].explode().drop_nulls()
    else:
        return dict.fromkeys(dataset.classes, 0)
    counts = dict.fromkeys(dataset.classes, 0)
    counts |= dict(sorted(labels.value_counts(sort=False).iter_rows()))
    return {str(name): int(count) for name, count in counts.items()}


def _classes_in(dataset: Dataset, masks: tuple[MeasuredMask, ...]) -> dict[str, int]:
    """Images in whose mask a class occurs."""
    seen = Counter(value for mask in masks for value in mask.values)
    values = dataset.class_ids or range(len(dataset.classes))
    return {name: seen[value] for name, value in zip(dataset.classes, values, strict=True)}


def _targets(project: Project) -> dict[str, dict[str, float]]:
    dataset = project.dataset
    if dataset.task != "regression":
        return {}
    facts: dict[str, dict[str, float]] = {}
    for name in dataset.targets:
        values = dataset.table[name].to_numpy()
        facts[name] = {
            "min": float(np.min(values)),
            "mean": float(np.mean(values)),
            "max": float(np.max(values)),
            "std": float(np.std(values)),
        }
    return facts
