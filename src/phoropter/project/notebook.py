"""The append-only record of a project: SQLite by default, any SQLAlchemy URL."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    DateTime,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    func,
    insert,
    select,
)
from sqlalchemy.exc import DatabaseError

from phoropter.core.errors import CorruptFileError
from phoropter.core.files import plain, storage_errors
from phoropter.core.records import Comparison, Finding, Prescription
from phoropter.project.results import Step

_META = MetaData()


def _table(name: str, *columns: Column[Any]) -> Table:
    return Table(
        name,
        _META,
        Column("number", Integer, primary_key=True, autoincrement=True),
        Column("at", DateTime(timezone=True), nullable=False, default=lambda: datetime.now(UTC)),
        *columns,
    )


_DATASETS = _table(
    "datasets", Column("digest", String, unique=True, nullable=False), Column("facts", JSON)
)
_SPLITS = _table(
    "splits", Column("digest", String, unique=True, nullable=False), Column("facts", JSON)
)
_RUNS = _table(
    "runs",
    Column("run", String, unique=True, nullable=False),
    Column("role", String, nullable=False),
    Column("facts", JSON),
)
_FINDINGS = _table(
    "findings",
    Column("about", String, nullable=False),
    Column("code", String),
    Column("facts", JSON),
)
_COMPARISONS = _table(
    "comparisons",
    Column("a", String, nullable=False),
    Column("b", String, nullable=False),
    Column("facts", JSON),
)
_STEPS = _table("steps", Column("facts", JSON, nullable=False))
_OPENINGS = _table(
    "openings", Column("run", String, nullable=False), Column("facts", JSON, nullable=False)
)


class Notebook:
    """What was tried, found, compared and opened, in the order it happened.

    Args:
        path: The SQLite file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        self._engine = create_engine(f"sqlite:///{path}")
        with self._guarded() as connection:
            _META.create_all(connection)

    def close(self) -> None:
        """Lets go of the file."""
        self._engine.dispose()

    def record_dataset(self, digest: str, facts: Mapping[str, Any]) -> None:
        """Notes a state of the data, once."""
        self._once(_DATASETS, "digest", digest, facts=plain(facts))

    def record_split(self, digest: str, facts: Mapping[str, Any]) -> None:
        """Notes a split, once."""
        self._once(_SPLITS, "digest", digest, facts=plain(facts))

    def record_run(self, run: str, role: str, facts: Mapping[str, Any]) -> None:
        """Notes a run, once; `role` is "ladder", "baseline", "candidate" or "single"."""
        self._once(_RUNS, "run", run, role=role, facts=plain(facts))

    def record_findings(self, about: str, findings: Iterable[Finding]) -> None:
        """Notes what was found about a run or about the data (`about` is "data")."""
        with self._guarded() as connection:
            for finding in findings:
                values = {"about": about, "code": finding.code, "facts": plain(finding)}
                connection.execute(insert(_FINDINGS).values(values))

    def record_comparison(self, comparison: Comparison) -> None:
        """Notes a look at the validation part."""
        facts = plain(comparison)
        with self._guarded() as connection:
            connection.execute(
                insert(_COMPARISONS).values(a=comparison.a, b=comparison.b, facts=facts)
            )

    def record_step(self, step: Step) -> None:
        """Notes one turn of the loop."""
        with self._guarded() as connection:
            connection.execute(insert(_STEPS).values(facts=plain(step)))

    def record_opening(self, run: str, facts: Mapping[str, Any]) -> None:
        """Notes that the seal was opened for a run."""
        with self._guarded() as connection:
            connection.execute(insert(_OPENINGS).values(run=run, facts=plain(facts)))

    def comparison(self, a: str, b: str) -> Comparison | None:
        """The recorded comparison of this pair, in this order, if there is one."""
        query = select(_COMPARISONS.c.facts).where(_COMPARISONS.c.a == a, _COMPARISONS.c.b == b)
        rows = self._column(query)
        return Comparison(**rows[-1]) if rows else None

    @property
    def looks(self) -> int:
        """Comparisons made on the validation part so far."""
        with self._guarded() as connection:
            count = connection.scalar(select(func.count()).select_from(_COMPARISONS))
        return int(count or 0)

    @property
    def openings(self) -> int:
        """How often the seal has been opened."""
        with self._guarded() as connection:
            count = connection.scalar(select(func.count()).select_from(_OPENINGS))
        return int(count or 0)

    def steps(self) -> tuple[Step, ...]:
        """Every turn of the loop, oldest first."""
        rows = self._column(select(_STEPS.c.facts).order_by(_STEPS.c.number))
        return tuple(Step(**row) for row in rows)

    def runs(self) -> tuple[tuple[str, str], ...]:
        """Pairs (run, role), oldest first."""
        query = select(_RUNS.c.run, _RUNS.c.role).order_by(_RUNS.c.number)
        with self._guarded() as connection:
            return tuple((str(run), str(role)) for run, role in connection.execute(query))

    def data_findings(self) -> tuple[Finding, ...]:
        """What the latest look at the data found."""
        query = select(_FINDINGS.c.facts).where(_FINDINGS.c.about == "data")
        latest: dict[str, Finding] = {}
        for facts in self._column(query.order_by(_FINDINGS.c.number)):
            cures = tuple(Prescription(**cure) for cure in facts.pop("prescriptions"))
            latest[facts["message"]] = Finding(**facts, prescriptions=cures)
        return tuple(latest.values())

    def opened(self) -> tuple[Mapping[str, Any], ...]:
        """The facts of every opening, oldest first."""
        return tuple(self._column(select(_OPENINGS.c.facts).order_by(_OPENINGS.c.number)))

    def _column(self, query: Any) -> list[Any]:
        with self._guarded() as connection:
            return list(connection.scalars(query))

    def _once(self, table: Table, key: str, value: str, **columns: Any) -> None:
        with self._guarded() as connection:
            if connection.scalar(select(table.c.number).where(table.c[key] == value)) is None:
                connection.execute(insert(table).values({key: value, **columns}))

    @contextmanager
    def _guarded(self) -> Iterator[Connection]:
        try:
            with storage_errors(self._path), self._engine.begin() as connection:
                yield connection
        except (DatabaseError, json.JSONDecodeError) as error:
            reason = str(error.__cause__ or error)
            raise CorruptFileError(
                f"The notebook {str(self._path)!r} cannot be used: {reason}.",
                hint="If the disk is full, free some space; otherwise restore the file or start a "
                "new project with --project DIR.",
            ) from error
