"""Samples like no other: empty pictures, strips, other things; numbers out of all range."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.core.records import Finding, Prescription
from phoropter.look.evidence import LookEvidence
from phoropter.look.listing import counted, listed
from phoropter.look.oddness import Oddness, oddness

FALSE_ALARMS = 0.05
"""Outliers expected to be named in a whole set that has none, were its upper tail a normal one."""

WARNING_SHARE = 0.01
"""Share of samples from which training and measurement change visibly."""

FAR = 20.0
"""Numbers are out of range that lie this many times the spread of the middle nine tenths away from
it: no heavy tail of real measurements reaches there, typing errors and placeholders do."""


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding for odd pictures, one for targets out of range."""
    yield from _pictures(evidence)
    if evidence.dataset.task == "regression":
        yield from _numbers(evidence)


def _pictures(evidence: LookEvidence) -> Iterable[Finding]:
    from scipy.stats import norm

    odd = oddness(evidence)
    if odd is None:
        return
    limit = float(norm.isf(FALSE_ALARMS / len(evidence.dataset)))
    flat = ~evidence.shows_something
    rows = np.flatnonzero((odd.total > limit) | flat)
    if not len(rows):
        return
    rows = rows[np.lexsort((-odd.total[rows], ~flat[rows]))]
    share = len(rows) / len(evidence.dataset)
    yield Finding(
        code="outliers",
        severity="warning" if flat.any() or share >= WARNING_SHARE else "info",
        confidence=0.9,
        message=_message(len(rows), int(flat.sum())),
        evidence={
            "count": len(rows),
            "share": share,
            "warning_share": WARNING_SHARE,
            "limit": limit,
            "features": evidence.feature_source,
            "samples": listed(
                {
                    "id": str(evidence.ids[row]),
                    "score": round(float(odd.total[row]), 2),
                    "why": _why(odd, flat, row),
                }
                for row in rows.tolist()
            ),
        },
        prescriptions=(_PRESCRIPTION,),
    )


def _message(count: int, flat: int) -> str:
    verb = "is" if count == 1 else "are"
    text = f"{counted(count, 'picture')} {verb} like no other"
    return f"{text}; {flat:,} of them of one flat colour." if flat else f"{text}."


def _why(odd: Oddness, flat: NDArray[np.bool_], row: int) -> str:
    if flat[row]:
        return "flat"
    return "form" if odd.form[row] > odd.content[row] else "content"


def _numbers(evidence: LookEvidence) -> Iterable[Finding]:
    for target in evidence.dataset.targets:
        values = evidence.dataset.table[target].cast(pl.Float64).to_numpy()
        low, high = np.nanquantile(values, [0.05, 0.95])
        far = np.maximum(values - high, low - values) > FAR * max(high - low, 1e-12)
        rows = np.flatnonzero(far)
        if high <= low or not len(rows):
            continue
        yield Finding(
            code="outliers",
            severity="warning",
            confidence=0.9,
            message=(
                f"{counted(len(rows), 'value')} of {target!r} out of all range: nine tenths lie "
                f"between {low:.4g} and {high:.4g}, one is {values[rows[0]]:.6g}."
            ),
            evidence={
                "count": len(rows),
                "target": target,
                "low": float(low),
                "high": float(high),
                "far": FAR,
                "samples": listed(
                    {"id": str(evidence.ids[row]), "value": float(values[row])}
                    for row in rows.tolist()
                ),
            },
            prescriptions=(_PRESCRIPTION,),
        )


_PRESCRIPTION = Prescription(
    change={},
    advice="Look at the listed samples; delete what is no picture of what the model is for, and "
    "correct what was written down wrongly.",
    expected_gain=None,
    cost=0.0,
    why="What is like nothing else teaches nothing about the rest, and a single absurd value can "
    "outweigh all others in a squared error.",
)
