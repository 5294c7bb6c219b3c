"""Columns of numbers that also hold words, and dates kept as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import polars as pl

from phoropter.core.records import Finding, Prescription
from phoropter.data.row_columns import is_time, numbers_of
from phoropter.look.columns import inputs_of, meant_as_numbers
from phoropter.look.evidence import LookEvidence
from phoropter.look.listing import counted, listed


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding for columns that are numbers but for some cells, one for dates."""
    mixed: dict[str, Counter[str]] = {}
    dates: list[str] = []
    for column in inputs_of(evidence.dataset):
        if column.dtype != pl.String:
            continue
        if is_time(column):
            dates.append(column.name)
        elif meant_as_numbers(column) is not None:
            mixed[column.name] = _words(column)
    if mixed:
        yield _mixed(evidence, mixed)
    if dates:
        yield _dates(dates)


def _words(column: pl.Series) -> Counter[str]:
    """The cells that are no numbers."""
    return Counter(column.filter(column.is_not_null() & numbers_of(column).is_null()).to_list())


def _mixed(evidence: LookEvidence, mixed: dict[str, Counter[str]]) -> Finding:
    name = next(iter(mixed))
    examples = ", ".join(repr(cell) for cell, _ in mixed[name].most_common(4))
    rows = evidence.dataset.table.with_row_index("row").filter(
        pl.col(name).is_in(list(mixed[name]))
    )["row"]
    return Finding(
        code="mixed-types",
        severity="warning",
        confidence=1.0,
        message=(
            f"{counted(len(mixed), 'column')} of numbers with other cells among them: {name!r} "
            f"has {counted(mixed[name].total(), 'cell')} such as {examples}."
        ),
        evidence={
            "columns": {
                name: {"cells": words.total(), "examples": dict(listed(words.most_common()))}
                for name, words in mixed.items()
            },
            "samples": listed(str(evidence.ids[row]) for row in rows),
        },
        prescriptions=(
            Prescription(
                change={},
                advice="Leave the listed cells empty where they mean that nothing is known, or "
                "write them as numbers.",
                expected_gain=None,
                cost=0.0,
                why="One word turns a whole column of numbers into categories.",
            ),
        ),
    )


def _dates(names: list[str]) -> Finding:
    return Finding(
        code="mixed-types",
        severity="info",
        confidence=1.0,
        message=(
            f"{counted(len(names), 'column')} of dates kept as text: "
            f"{', '.join(map(repr, listed(names)))}."
        ),
        evidence={"dates": listed(names)},
        prescriptions=(
            Prescription(
                change={},
                advice="Make them numbers (days since a fixed date, the hour, the weekday), and "
                "split by time if the future is to be predicted.",
                expected_gain=None,
                cost=0.0,
                why="As text every date is a category of its own.",
            ),
        ),
    )
