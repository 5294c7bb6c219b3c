"""Recipe keys that the user wants left as they are (`steering.yaml` in the project)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import yaml
from pydantic import TypeAdapter

from phoropter.core.errors import CorruptFileError, UsageError, nearest
from phoropter.core.files import write_text
from phoropter.core.recipe import Recipe, flat
from phoropter.core.records import Finding
from phoropter.project.folder import Folder

FILE = "steering.yaml"


def read_pins(folder: Folder) -> tuple[str, ...]:
    """The keys that the loop leaves alone.

    Raises:
        CorruptFileError: If the file is damaged.
    """
    path = folder.path / FILE
    if not path.exists():
        return ()
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
        return TypeAdapter(tuple[str, ...]).validate_python(content["pinned"])
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, KeyError, ValueError) as error:
        raise CorruptFileError(
            f"{str(path)!r} is damaged: {' '.join(str(error).split())}.", hint="Delete it."
        ) from error


def keep_pins(folder: Folder, *, pin: Sequence[str], unpin: Sequence[str]) -> tuple[str, ...]:
    """Notes the keys that the loop is to leave alone from now on, and returns all of them.

    Raises:
        UsageError: If there is no such key, or one is released that was not pinned.
    """
    known = list(flat(Recipe()))
    for key in pin:
        if not any(covers(key, one) for one in known):
            raise UsageError(f"Unknown recipe key {key!r}.", hint=nearest(key, known))
    before = read_pins(folder)
    for key in unpin:
        if key not in before:
            pinned = ", ".join(map(repr, before)) or "nothing"
            raise UsageError(f"{key!r} is not pinned.", hint=f"Pinned is: {pinned}.")
    pins = tuple(sorted({*before, *pin} - set(unpin)))
    if pins != before:
        write_text(folder.path / FILE, yaml.safe_dump({"pinned": list(pins)}))
    return pins


def covers(pin: str, key: str) -> bool:
    """Whether a pin is about a key.

    >>> covers("train", "train.lr"), covers("train.lr", "train.lr"), covers("train.lr", "train")
    (True, True, False)
    """
    return key == pin or key.startswith(f"{pin}.")


def left_alone(findings: Iterable[Finding], pins: tuple[str, ...]) -> tuple[Finding, ...]:
    """The findings without the prescriptions that change something that is pinned."""
    if not pins:
        return tuple(findings)
    return tuple(
        replace(
            finding,
            prescriptions=tuple(
                cure for cure in finding.prescriptions if not _touches(cure.change, pins)
            ),
        )
        for finding in findings
    )


def restored(recipe: Recipe, like: Recipe, pins: tuple[str, ...]) -> Recipe:
    """The recipe with what is pinned as it is in `like`, but for an ensemble's members.

    Those are what would be asked, not how.
    """
    kept = {
        key: value
        for key, value in flat(like).items()
        if key != "predict.ensemble" and any(covers(pin, key) for pin in pins)
    }
    return recipe.changed(kept) if kept else recipe


def _touches(change: Mapping[str, Any], pins: tuple[str, ...]) -> bool:
    return any(covers(pin, key) for pin in pins for key in change)
