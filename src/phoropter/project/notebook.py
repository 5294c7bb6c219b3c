"""The append-only record of a project: what was tried, found, compared and opened."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select

from phoropter.core.files import plain
from phoropter.core.records import Comparison, Finding, Prescription
from phoropter.project.database import (
    COMPARISONS,
    DATASETS,
    FINDINGS,
    OPENINGS,
    RUNS,
    SPLITS,
    STEPS,
    Database,
)
from phoropter.project.results import Step

_DATA = "data"
_BEGUN = ""
"""In the place of a finding's code: here a look at the data began."""
_UNDEFINED = ("delta", "low", "high")
"""Of a comparison or a step: NaN where the metric is not defined; JSON has no word for it."""


class Notebook:
    """What happened in a project, in the order it happened.

    Args:
        path: The SQLite file.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path)

    def close(self) -> None:
        """Lets go of the file."""
        self._database.close()

    def record_dataset(self, digest: str, facts: Mapping[str, Any]) -> None:
        """Notes a state of the data, once."""
        self._database.add_once(DATASETS, "digest", digest, facts=plain(facts))

    def record_split(self, digest: str, facts: Mapping[str, Any]) -> None:
        """Notes a split, once."""
        self._database.add_once(SPLITS, "digest", digest, facts=plain(facts))

    def record_run(self, run: str, role: str, facts: Mapping[str, Any]) -> None:
        """Notes that a run was asked for as "ladder", "baseline", "candidate" or "single"."""
        self._database.add(RUNS, run=run, role=role, facts=plain(facts))

    def record_findings(
        self, about: str, findings: Iterable[Finding], *, left_out: Iterable[str] = ()
    ) -> None:
        """Notes what was found about a run or about the data (`about` is "data").

        Of the data the latest look counts: what earlier ones found is out of date.

        Args:
            about: The run, or "data".
            findings: Of the rules or the checks.
            left_out: Checks of the data that there was no time for.
        """
        if about == _DATA:
            facts = {"left_out": list(left_out)}
            self._database.add(FINDINGS, about=_DATA, code=_BEGUN, facts=facts)
        for finding in findings:
            self._database.add(FINDINGS, about=about, code=finding.code, facts=plain(finding))

    def record_comparison(self, comparison: Comparison) -> None:
        """Notes a look at the validation part."""
        pair = {"a": comparison.a, "b": comparison.b}
        self._database.add(COMPARISONS, **pair, facts=plain(comparison))

    def record_step(self, step: Step) -> None:
        """Notes one turn of the loop."""
        self._database.add(STEPS, facts=plain(step))

    def record_opening(self, run: str, facts: Mapping[str, Any], *, anew: bool = True) -> None:
        """Notes that the seal was opened for a run.

        Args:
            run: The run.
            facts: What came of it.
            anew: False where nobody can have seen it before: then the run's last opening, if it
                says the same, was stopped, and this is its end.
        """
        facts = plain(facts)
        query = select(OPENINGS.c.facts).where(OPENINGS.c.run == run).order_by(OPENINGS.c.number)
        if anew or self._database.rows(query)[-1:] != [facts]:
            self._database.add(OPENINGS, run=run, facts=facts)

    def comparison(self, a: str, b: str) -> Comparison | None:
        """The recorded comparison of these two models, in this order, if there is one.

        Those of their recipes, which were trained again for it, are others.
        """
        query = select(COMPARISONS.c.facts).where(COMPARISONS.c.a == a, COMPARISONS.c.b == b)
        found = [Comparison(**_with_nan(row)) for row in self._database.rows(query)]
        models = [comparison for comparison in found if comparison.trainings == 1]
        return models[-1] if models else None

    @property
    def looks(self) -> int:
        """Comparisons made on the validation part so far; the best of several counts as so many."""
        rows = self._database.rows(select(COMPARISONS.c.facts).order_by(COMPARISONS.c.number))
        return max([len(rows), *(int(facts["looks"]) for facts in rows)])

    @property
    def openings(self) -> int:
        """How often the seal has been opened."""
        return self._database.count(OPENINGS)

    def steps(self) -> tuple[Step, ...]:
        """Every turn of the loop, oldest first."""
        rows = self._database.rows(select(STEPS.c.facts).order_by(STEPS.c.number))
        return tuple(Step(**_with_nan(row)) for row in rows)

    def runs(self) -> tuple[tuple[str, str, Mapping[str, Any]], ...]:
        """Run, role and what is noted, oldest first; a run is there each time it was asked for."""
        query = select(RUNS.c.run, RUNS.c.role, RUNS.c.facts).order_by(RUNS.c.number)
        return tuple(self._database.rows(query))

    def last_look(self) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
        """What the latest look at the data found, each sentence once, and what it left out."""
        query = select(FINDINGS.c.code, FINDINGS.c.facts).where(FINDINGS.c.about == _DATA)
        latest: dict[str, Finding] = {}
        left_out: tuple[str, ...] = ()
        for code, facts in self._database.rows(query.order_by(FINDINGS.c.number)):
            if code == _BEGUN:
                latest.clear()
                left_out = tuple(facts.get("left_out", ()))
                continue
            cures = tuple(Prescription(**cure) for cure in facts.pop("prescriptions"))
            latest[facts["message"]] = Finding(**facts, prescriptions=cures)
        return tuple(latest.values()), left_out


def _with_nan(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {**facts, **{name: math.nan for name in _UNDEFINED if facts[name] is None}}
