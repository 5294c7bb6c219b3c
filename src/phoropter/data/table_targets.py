"""How the cells of a row become its target: a class, numbers, or several labels at once."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

Kind = Literal["class", "numbers", "labels"]

MISSING = frozenset({"", "nan", "null", "n/a", "#n/a"})
"""Cells that hold no target, in lower case."""

JSON = "json"
"""Stands for a separator where cells hold JSON lists."""

_WHOLE = re.compile(r"([+-]?\d+)\.0+")
_SEPARATORS = ("|", ";", ",", " ")
_FLAGS = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}
_TASKS: dict[Kind, str] = {
    "class": "classification",
    "numbers": "regression",
    "labels": "multilabel",
}


@dataclass(frozen=True, slots=True)
class Target:
    """The columns to be predicted and how their cells are read.

    Args:
        names: Columns of the resulting table.
        kind: One class, one or more numbers, or a list of labels.
        separator: What stands between the labels of a cell; `JSON` for lists, "" for none.
        flags: The table's columns of 0 and 1, one a label, where labels are given so.
    """

    names: tuple[str, ...]
    kind: Kind
    separator: str = ""
    flags: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the file that hold it."""
        return self.flags or self.names

    @property
    def task(self) -> str:
        """The task that such targets suggest."""
        return _TASKS[self.kind]

    @property
    def dtype(self) -> pl.DataType:
        """Of each column in the data set's table."""
        if self.kind == "labels":
            return pl.List(pl.String)
        return pl.Float64() if self.kind == "numbers" else pl.String()

    def values(
        self, row: Mapping[str, str], *, decimal_comma: bool = False
    ) -> tuple[tuple[object, ...], str]:
        """The values of one row, in the order of `names`, and what is wrong ("" for nothing)."""
        if self.kind == "labels":
            return self._labels(row)
        values: list[object] = []
        for name in self.names:
            cell = row[name]
            if cell.casefold() in MISSING:
                return (), f"the target {name!r} is missing"
            if self.kind == "class":
                values.append(_WHOLE.sub(r"\1", cell) if _WHOLE.fullmatch(cell) else cell)
                continue
            value = number(cell, decimal_comma=decimal_comma)
            if value is None:
                comma = "; write numbers with a decimal point" if "," in cell else ""
                return (), f"the target {cell!r} is not a number{comma}"
            if not math.isfinite(value):
                return (), f"the target {cell!r} is not finite"
            values.append(value)
        return tuple(values), ""

    def described(self, column: pl.Series) -> str:
        """What the column of targets holds, for people."""
        if self.kind == "numbers":
            return "numbers"
        if self.kind == "labels":
            return f"{column.explode().drop_nulls().n_unique()} labels, several a sample"
        return f"{column.n_unique()} classes"

    def _labels(self, row: Mapping[str, str]) -> tuple[tuple[object, ...], str]:
        if not self.flags:
            return (split_labels(row[self.names[0]], self.separator),), ""
        found = []
        for name in self.flags:
            cell = row[name].casefold()
            if cell not in _FLAGS:
                return (), f"{name!r} is {row[name]!r}, not 0 or 1"
            if _FLAGS[cell]:
                found.append(name)
        return (tuple(sorted(found)),), ""


def number(text: str, *, decimal_comma: bool = False) -> float | None:
    """The number that a cell holds, or None.

    >>> number("1.5"), number("0,5"), number("0,5", decimal_comma=True)
    (1.5, None, 0.5)
    """
    if decimal_comma and "." not in text:
        text = text.replace(",", ".")
    if "_" in text:  # Python's own notation, which no table means as a number
        return None
    try:
        return float(text)
    except ValueError:
        return None


def are_flags(column: pl.Series) -> bool:
    """Whether a column of text holds nothing but 0 and 1 (or false and true), and both.

    >>> are_flags(pl.Series(["0", "1", "1"])), are_flags(pl.Series(["1", "2"]))
    (True, False)
    """
    found = {cell.casefold() for cell in column.unique().to_list()}
    return found <= set(_FLAGS) and len({_FLAGS[cell] for cell in found}) == 2


def separator_of(cells: Sequence[str]) -> str:
    """What separates several labels in one cell; "" where cells hold one label each.

    A mark separates labels if what it divides comes back in other cells, so that there are no more
    different labels than different cells, and if cells differ in how many they hold.

    >>> separator_of(["cat|dog", "dog", "cat", "cat|bird|dog"]), separator_of(["hot dog", "car"])
    ('|', '')
    """
    filled = sorted({cell for cell in cells if cell.casefold() not in MISSING})
    if filled and all(_json_list(cell) is not None for cell in filled):
        return JSON
    for mark in _SEPARATORS:
        lists = [split_labels(cell, mark) for cell in filled]
        lengths = {len(labels) for labels in lists}
        several = [labels for labels in lists if len(labels) > 1]
        different = {label for labels in lists for label in labels}
        if len(several) >= 2 and len(lengths) > 1 and len(different) <= len(filled):
            shared = sum(len(labels) for labels in lists) > len(different)
            if shared and (mark != " " or len(lengths) > 2):
                return mark
    return ""


def split_labels(cell: str, separator: str) -> tuple[str, ...]:
    """The labels of one cell, sorted, each once.

    >>> split_labels("dog; cat;dog", ";"), split_labels('["b", 1]', JSON)
    (('cat', 'dog'), ('1', 'b'))
    """
    parts = _json_list(cell) or () if separator == JSON else cell.split(separator)
    return tuple(sorted({part.strip() for part in parts} - {""}))


def _json_list(cell: str) -> list[str] | None:
    if not cell.startswith("["):
        return None
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, list) or any(isinstance(item, dict | list) for item in value):
        return None
    return [str(item) for item in value]
