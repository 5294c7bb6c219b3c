"""The tables of the notebook, and the one file they lie in."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
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
    Select,
    String,
    Table,
    create_engine,
    func,
    insert,
    select,
)
from sqlalchemy.exc import DatabaseError

from phoropter.core.checksums import checked, with_checksum
from phoropter.core.errors import CorruptFileError, StorageError
from phoropter.core.files import disk_full, storage_errors

_META = MetaData()


def _table(name: str, *columns: Column[Any]) -> Table:
    return Table(
        name,
        _META,
        Column("number", Integer, primary_key=True, autoincrement=True),
        Column("at", DateTime(timezone=True), nullable=False, default=lambda: datetime.now(UTC)),
        *columns,
    )


DATASETS = _table(
    "datasets", Column("digest", String, unique=True, nullable=False), Column("facts", JSON)
)
SPLITS = _table(
    "splits", Column("digest", String, unique=True, nullable=False), Column("facts", JSON)
)
RUNS = _table(
    "runs",
    Column("run", String, nullable=False),
    Column("role", String, nullable=False),
    Column("facts", JSON),
)
FINDINGS = _table(
    "findings",
    Column("about", String, nullable=False),
    Column("code", String),
    Column("facts", JSON),
)
COMPARISONS = _table(
    "comparisons",
    Column("a", String, nullable=False),
    Column("b", String, nullable=False),
    Column("facts", JSON),
)
STEPS = _table("steps", Column("facts", JSON, nullable=False))
OPENINGS = _table(
    "openings", Column("run", String, nullable=False), Column("facts", JSON, nullable=False)
)


class Database:
    """A SQLite file with the notebook's tables; every call is a transaction of its own.

    Args:
        path: The file; made, with its folder, if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        self._engine = create_engine(f"sqlite:///{path}")
        with self._transaction() as connection:
            _META.create_all(connection)

    def close(self) -> None:
        """Lets go of the file."""
        self._engine.dispose()

    def add(self, table: Table, **values: Any) -> None:
        """Appends a row."""
        with self._transaction() as connection:
            connection.execute(insert(table).values(_sealed(values)))

    def add_once(self, table: Table, key: str, value: str, **values: Any) -> None:
        """Appends a row unless one with this key is there."""
        with self._transaction() as connection:
            if connection.scalar(select(table.c.number).where(table.c[key] == value)) is None:
                connection.execute(insert(table).values({key: value, **_sealed(values)}))

    def rows(self, query: Select[Any]) -> list[Any]:
        """The rows of a query, plain values where it asks for one column; facts are checked."""
        names = [column["name"] for column in query.column_descriptions]
        with self._transaction() as connection:
            found = [
                tuple(
                    checked(value) if name == "facts" else value
                    for name, value in zip(names, row, strict=True)
                )
                for row in connection.execute(query)
            ]
        return [row[0] if len(row) == 1 else row for row in found]

    def count(self, table: Table) -> int:
        """Rows of a table."""
        return int(self.rows(select(func.count()).select_from(table))[0])

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with storage_errors(self._path), self._engine.begin() as connection:
                yield connection
        except (DatabaseError, ValueError) as error:
            _tell_storage(self._path, error)
            reason = str(error.__cause__ or error)
            raise CorruptFileError(
                f"The notebook {str(self._path)!r} cannot be used: {reason}.",
                hint="Restore the file, or start a new project with --project DIR.",
            ) from error


def _sealed(values: Mapping[str, Any]) -> dict[str, Any]:
    """The row with a checksum in its facts: SQLite finds a broken page, but no changed number."""
    return {**values, "facts": with_checksum(values["facts"])}


def _tell_storage(path: Path, error: DatabaseError | ValueError) -> None:
    """Raises what the disk is to blame for; a transaction that was under way is undone."""
    cause = getattr(error, "orig", None)
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # the kind, without the details
    if code == sqlite3.SQLITE_FULL:
        raise disk_full(path) from error
    if code in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}:
        raise StorageError(
            f"The notebook {str(path)!r} cannot be written: {cause}.",
            hint="Check that there is space and permission, and run the same command again; "
            "nothing finished is lost.",
        ) from error
