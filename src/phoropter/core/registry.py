"""One door for built-in and third-party parts: entry points, found by name, loaded when used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from phoropter.core.errors import UsageError, nearest
from phoropter.core.references import is_reference, resolve

GROUPS = (
    "phoropter.readers",
    "phoropter.writers",
    "phoropter.tasks",
    "phoropter.losses",
    "phoropter.models",
    "phoropter.classics",
    "phoropter.metrics",
    "phoropter.checks",
    "phoropter.image_checks",
    "phoropter.table_checks",
    "phoropter.text_checks",
    "phoropter.rules",
    "phoropter.prescriptions",
)

OPEN = ("phoropter.models", "phoropter.losses", "phoropter.metrics", "phoropter.augmentations")
"""Groups of which a part may be named by where it is. A name in a file that comes from others, such
as the classic model of a bundle, must never lead to code that is not installed."""


class DuplicateNameError(RuntimeError):
    """Two installed packages register the same name in one group."""


@cache
def _entries(group: str) -> Mapping[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=group):
        other = found.get(entry.name)
        if other is not None and other.value != entry.value:
            message = f"{group}: {entry.name!r} is both {other.value} and {entry.value}"
            raise DuplicateNameError(message)
        found[entry.name] = entry
    return found


def names(group: str) -> tuple[str, ...]:
    """The sorted names of a group, without importing any of the parts."""
    return tuple(sorted(_entries(group)))


def load(group: str, name: str) -> Any:
    """The part registered as `name`, or in `OPEN` groups the one that `name` refers to.

    Raises:
        UsageError: If nothing of that name is registered; names the nearest one.
    """
    if group in OPEN and is_reference(name):
        return resolve(name)
    entry = _entries(group).get(name)
    if entry is None:
        what = group.rpartition(".")[2].removesuffix("es" if group.endswith("sses") else "s")
        raise UsageError(f"Unknown {what} {name!r}.", hint=nearest(name, names(group)))
    return entry.load()


def is_ours(group: str, name: str) -> bool:
    """Whether `name` is a part of this package, so that its contract is tested already."""
    entry = _entries(group).get(name)
    return entry is not None and entry.value.startswith("phoropter.")


def load_all(group: str) -> Iterator[tuple[str, Any]]:
    """Every part of a group with its name, in the order of the names."""
    for name in names(group):
        yield name, load(group, name)
