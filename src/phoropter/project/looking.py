"""The first stage: what the data are and what is wrong with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from phoropter.core.events import Note
from phoropter.core.protocols import FeatureFunction
from phoropter.core.recipe import Recipe
from phoropter.core.records import Dataset, Split
from phoropter.data.accounts import account
from phoropter.data.corrections import read_corrections, renewed, write_corrections
from phoropter.data.index import colour_thumbnails, thumbnails
from phoropter.look.evidence import LookEvidence
from phoropter.look.masks import MeasuredMask
from phoropter.look.proposals import proposals
from phoropter.look.run import look
from phoropter.prediction.features import DeepFeatures
from phoropter.project.describing import classifier, features_for
from phoropter.project.look_report import write_page_of
from phoropter.project.opened import Project
from phoropter.project.results import LookResult


def look_and_note(
    project: Project,
    split: Split,
    *,
    like: Recipe | None = None,
    left_s: float | None = None,
    deadline: Callable[[], float] | None = None,
    page: str | None = None,
) -> LookResult:
    """Runs every check on the data and notes what it found.

    Args:
        project: The opened project.
        split: Its parts.
        like: The first recipe: images are described by its features where they are deep ones.
        left_s: Seconds of which other deep features may take a share; None: as long as they need.
        deadline: Asked once deep features are there, which count by themselves: gives the reading
            of `time.monotonic` after which no further check is begun, see `look`. None: all are.
        page: Language of the page that is written, or None for no page.
    """
    dataset = project.dataset
    features = features_for(project, like=like, left_s=left_s)
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
        classifier=classifier(features),
        folder=project.folder.cache,
        colours=partial(colour_thumbnails, dataset),
    )


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
