"""What could be corrected: for each suspicious sample what is wrong and what would mend it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import polars as pl

from phoropter.core.records import Dataset, Finding
from phoropter.data.corrections import DROP, Correction, relabelled
from phoropter.look.evidence import LookEvidence
from phoropter.look.listing import counted
from phoropter.look.wording import wording

_KEPT_FIRST = {"test": 0, "val": 1, "train": 2}
"""Of copies in two parts the training part's is the one to go: the test stays as it is."""


def proposals(evidence: LookEvidence, findings: Iterable[Finding]) -> tuple[Correction, ...]:
    """One correction for every sample that something is wrong with; none is accepted yet.

    Args:
        evidence: The samples, for copies and contradictions among them.
        findings: What the checks found, for labels in doubt and outliers.
    """
    found = tuple(findings)
    doubted = [_relabel(sample) for sample in _samples(found, "label-errors")]
    odd = [_odd(sample) for sample in _samples(found, "outliers")]
    copies = () if _coincidental(found) else _copies(evidence)
    first: dict[tuple[str, str], Correction] = {}
    for item in (*_contradictions(evidence), *doubted, *copies, *odd):
        first.setdefault((item.path, item.suggestion), item)
    return tuple(first.values())


def _coincidental(findings: Iterable[Finding]) -> bool:
    """Whether rows of a table that agree are different cases rather than copies."""
    return any(
        finding.evidence["least_agreement"] < finding.evidence["chance"]
        for finding in findings
        if finding.code == "exact-duplicates"
    )


def _groups(evidence: LookEvidence) -> Iterator[tuple[str, list[int]]]:
    """Rows with the same content, in the order in which they would be kept."""
    part = [_KEPT_FIRST.get(str(name), 3) for name in evidence.parts]
    side = _shorter_side(evidence.dataset)
    same = f"the same {wording(evidence.dataset).item} as"
    kinds = ((same, evidence.twins), ("a copy of", evidence.copies.pairs))
    for kind, groups in kinds:
        for rows in groups:
            yield kind, sorted(rows.tolist(), key=lambda row: (part[row], -side[row], row))


def _shorter_side(dataset: Dataset) -> list[int]:
    """Of each picture, pixels; 0 where samples are no pictures."""
    if "height" not in dataset.table.columns:
        return [0] * len(dataset)
    return dataset.table.select(pl.min_horizontal("height", "width")).to_series().to_list()


def _copies(evidence: LookEvidence) -> Iterable[Correction]:
    """All but one of each group of copies."""
    gone: set[int] = set()
    for kind, rows in _groups(evidence):
        kept = next((row for row in rows if row not in gone), rows[0])
        for row in rows:
            if row != kept and row not in gone:
                gone.add(row)
                yield _drop(evidence, row, f"{kind} {evidence.ids[kept]}")


def _contradictions(evidence: LookEvidence) -> Iterable[Correction]:
    """Every member of a group of copies whose labels differ: which is right, people must say."""
    if evidence.labels is None:
        return
    labels = evidence.labels.tolist()
    for kind, rows in _groups(evidence):
        for row in rows:
            others = [other for other in rows if labels[other] != labels[row]]
            if others:
                said = f"labelled {labels[row]!r}, but {kind} {evidence.ids[others[0]]}"
                yield _drop(evidence, row, f"{said}, labelled {labels[others[0]]!r}")


def _samples(findings: Iterable[Finding], code: str) -> list[Mapping[str, Any]]:
    return [
        sample
        for finding in findings
        if finding.code == code
        for sample in finding.evidence["samples"]
    ]


def _odd(sample: Mapping[str, Any]) -> Correction:
    return Correction(sample["id"], f"like no other: {_oddity(sample)}", DROP)


def _oddity(sample: Mapping[str, Any]) -> str:
    """What is odd about a picture, a text, a cell of a table or a target."""
    if "why" in sample:
        return str(sample["why"])
    if "characters" in sample:
        return f"it has {counted(sample['characters'], 'character')}"
    value = sample["value"] if isinstance(sample["value"], str) else f"{sample['value']:g}"
    what = f"its {sample['column']!r}" if "column" in sample else "its target"
    return f"{what} {value} is out of range"


def _relabel(sample: Mapping[str, Any]) -> Correction:
    problem = f"labelled {sample['given']!r}, looks like {sample['suggested']!r}"
    if sample["part"] == "test":
        problem += "; it is in the test part, so look at it yourself"
    return Correction(sample["id"], problem, relabelled(sample["suggested"]))


def _drop(evidence: LookEvidence, row: int, problem: str) -> Correction:
    return Correction(str(evidence.ids[row]), problem, DROP)
