"""From the cells of texts and tables to a data set: roles of the columns, types, digests."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import polars as pl

from phoropter.core.errors import InputError, UsageError
from phoropter.core.records import Dataset, Rejected
from phoropter.data.parts import part_of
from phoropter.data.row_columns import is_identifier, is_language, text_columns, typed
from phoropter.data.row_files import RowFiles
from phoropter.data.table_columns import (
    GROUP_NAMES,
    PART_NAMES,
    TARGET_NAMES,
    counts_rows,
    find_target,
    named_column,
    target_of,
    wanted_columns,
)
from phoropter.data.table_targets import Target, are_flags
from phoropter.data.table_text import decoded

Modality = Literal["text", "table"]

RESERVED = frozenset(
    {"id", "path", "group", "part", "part_name", "digest", "family", "found", "moment", "mask_path",
     "unit", "stratum", "fixed"}
)  # fmt: skip
"""Columns that a data set's table has or is given; a file's own are called "id (column)"."""

RARE_SPELLING = 0.05
"""A class name that differs from another in case only is that one where it is this much rarer;
where both are common, they are meant as different ("a" and "A")."""

_NAME_FILES = ("classes.txt", "labels.txt", "class_names.txt")
_LONGEST_NAMES = 1 << 20
_AMBIGUOUS = frozenset({"class", "category"})  # of the ship, of the goods: mostly not the target


@dataclass(frozen=True, slots=True)
class Roles:
    """What the columns of a table of texts or numbers are for.

    Args:
        target: To be predicted, or None where there is nothing to predict.
        inputs: To predict it from.
        group: Tells which samples belong together, or None.
        part: Holds "train", "val", "test" or the like, or None.
    """

    target: Target | None
    inputs: tuple[str, ...]
    group: str | None
    part: str | None


def dataset_of_rows(
    source: RowFiles, *, modality: Modality, layout: str, target: str | None
) -> Dataset:
    """The data set whose samples are rows.

    Args:
        source: The rows.
        modality: "text": the inputs are columns of language; "table": all that are left.
        layout: The reader's name.
        target: The column to predict, as the user names it; None to find it.

    Raises:
        InputError: If no column is left as an input.
        UsageError: If the target is not clear or not there.
    """
    source = _unreserved(source)
    roles = _roles(source, modality, _renamed(target))
    source = _with_target(source, roles)
    frame, rejected = _samples(source, roles)
    frame, spelling = _one_spelling(frame, roles)
    frame, name_files = _named_classes(frame, roles, source.root)
    named = [f"class names from {name}" for name in name_files]
    notes = (*spelling, *named, *_blanks(source, frame), *source.notes)
    return Dataset(
        name=source.name,
        root=source.root,
        layout=layout,
        description="; ".join((_description(source, roles, frame, modality), *notes)),
        task=roles.target.task if roles.target else "unlabelled",
        targets=roles.target.names if roles.target else (),
        table=frame,
        rejected=(*source.rejected, *rejected),
        modality=modality,
        inputs=roles.inputs,
        sources=(*source.files, *name_files),
    )


def _unreserved(source: RowFiles) -> RowFiles:
    cells = source.table.cells
    names = {name: _renamed(name) or name for name in cells.columns}
    return replace(source, table=replace(source.table, cells=cells.rename(names)))


def _renamed(name: str | None) -> str | None:
    return f"{name} (column)" if name in RESERVED else name


def _roles(source: RowFiles, modality: Modality, target: str | None) -> Roles:
    table, file = source.table, source.root / source.files[0]
    cells = table.cells
    wanted = wanted_columns(cells, target, file=file)
    part = _own(named_column(cells, _with_renamed(PART_NAMES)), wanted)
    if part and not any(part_of(cell) for cell in cells[part].unique()):
        part = None
    group = _own(named_column(cells, _with_renamed(GROUP_NAMES)), wanted)
    taken = {*wanted, part, group}
    free = [name for name in cells.columns if name not in taken]
    texts = text_columns(cells.select(free)) if modality == "text" else ()
    if modality == "text" and not texts:
        raise InputError(
            f"No column of {file.name} holds text: {', '.join(cells.columns)}.",
            hint="Choose another way to read it with --layout, for example --layout table.",
        )
    if wanted:
        found: Target | None = target_of(table, wanted)
    elif modality == "text":
        found = _label_beside(source, [name for name in free if name not in texts], file)
    else:
        found = _target_of_table(source, free, file)
    used = found.columns if found else ()
    inputs = texts or tuple(name for name in free if name not in used)
    if not inputs:
        raise InputError(
            f"{file.name} has no column but the target to learn from: {', '.join(cells.columns)}.",
            hint="Add columns, or choose another target with --target.",
        )
    return Roles(found, inputs, group, part)


def _with_renamed(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(item for name in names for item in (name, f"{name}_(column)"))


def _own(name: str | None, wanted: Sequence[str]) -> str | None:
    return None if name in wanted else name


def _label_beside(source: RowFiles, free: Sequence[str], file: Path) -> Target | None:
    """The label of texts: what is left beside them, if anything is."""
    cells = source.table.cells
    columns = [
        name
        for name in free
        if not counts_rows(cells, name) and not is_identifier(typed(cells[name]))
    ]
    if not columns:
        return None
    if len(columns) == 1 or all(are_flags(cells[name]) for name in columns):
        return find_target(source.table, columns, file=file)
    labelled = [name for name in columns if name.casefold() in TARGET_NAMES]
    return find_target(source.table, labelled[:1] or columns, file=file)


def _target_of_table(source: RowFiles, free: Sequence[str], file: Path) -> Target:
    """The target of a table of numbers; several columns of 0 and 1 are inputs like others."""
    if len(free) > 1 and all(are_flags(source.table.cells[name]) for name in free):
        raise UsageError(
            f"{file.name} does not say which column is to be predicted: {', '.join(free)}.",
            hint=f"Choose one with --target, for example --target {free[-1]!r}.",
        )
    ends = {source.table.cells.columns[0], source.table.cells.columns[-1]}
    free = [name for name in free if name.casefold() not in _AMBIGUOUS or name in ends] or free
    return _ordered(source, find_target(source.table, free, file=file))


def _ordered(source: RowFiles, target: Target) -> Target:
    """Whole numbers that start neither at 0 nor at 1 are grades (3 to 9), not class numbers."""
    if target.kind != "class":
        return target
    values = typed(source.table.cells[target.names[0]]).drop_nulls()
    if values.dtype != pl.Float64 or values.n_unique() <= 2:
        return target
    whole = bool((values == values.floor()).all())
    return replace(target, kind="numbers") if whole and values.min() not in {0, 1} else target


def _with_target(source: RowFiles, roles: Roles) -> RowFiles:
    """The rows of those files that have the target; Kaggle's test.csv has none."""
    if roles.target is None or len(source.files) < 2:
        return source
    named = pl.any_horizontal(pl.col(name) != "" for name in roles.target.columns)
    filled = source.origin.with_columns(source.table.cells.select(filled=named)["filled"])
    counts = filled.group_by("path", maintain_order=True).agg(pl.col("filled").any(), rows=pl.len())
    without = {path: rows for path, has, rows in counts.iter_rows() if not has}
    if not without or len(without) == counts.height:
        return source
    kept = ~source.origin["path"].is_in(list(without))
    table = source.table
    places = {old: new for new, old in enumerate(kept.arg_true().to_list())}
    return replace(
        source,
        files=tuple(name for name in source.files if name not in without),
        table=replace(
            table,
            cells=table.cells.filter(kept),
            lines=tuple(source.origin.filter(kept)["line"].to_list()),
            surplus=frozenset(places[at] for at in table.surplus if at in places),
        ),
        origin=source.origin.filter(kept),
        rejected=(
            *source.rejected,
            *(
                Rejected(path, f"its {rows:,} rows have no target and are not read", "unlisted")
                for path, rows in without.items()
            ),
        ),
    )


def _samples(source: RowFiles, roles: Roles) -> tuple[pl.DataFrame, list[Rejected]]:
    """The rows that hold an input and a target, and the others with their reasons."""
    table = source.table
    kept: list[int] = []
    values: list[tuple[object, ...]] = []
    rejected: list[Rejected] = []
    rows = zip(source.origin.iter_rows(named=True), table.cells.iter_rows(named=True), strict=True)
    for at, (origin, row) in enumerate(rows):
        found, problem = _checked(row, roles, decimal_comma=table.decimal_comma)
        if at in table.surplus:
            problem = f"more cells than the {table.cells.width} columns"
        if problem:
            rejected.append(Rejected(f"{origin['path']}#line{origin['line']}", problem, "unusable"))
        else:
            kept.append(at)
            values.append(found)
    return _frame(source, roles, kept, values), rejected


def _checked(
    row: Mapping[str, str], roles: Roles, *, decimal_comma: bool
) -> tuple[tuple[object, ...], str]:
    if not any(row[name] for name in roles.inputs):
        what = "the text is empty" if len(roles.inputs) == 1 else "all inputs are empty"
        return (), what
    if roles.target is None:
        return (), ""
    return roles.target.values(row, decimal_comma=decimal_comma)


def _frame(
    source: RowFiles, roles: Roles, kept: list[int], values: list[tuple[object, ...]]
) -> pl.DataFrame:
    cells, origin = source.table.cells[kept], source.origin[kept]
    names = roles.target.names if roles.target else ()
    targets = [
        pl.Series(name, [row[at] for row in values], dtype=roles.target.dtype)
        for at, name in enumerate(names)
        if roles.target
    ]
    part = cells[roles.part].replace("", None) if roles.part else origin["part_name"]
    parts = [part_of(word) if word else None for word in part]
    group = cells[roles.group].replace("", None) if roles.group else pl.Series([None] * len(kept))
    inputs = _inputs(cells, roles, source)
    identifiers = origin.select(pl.format("{}#line{}", "path", "line")).to_series()
    return pl.DataFrame(
        [
            identifiers.alias("id"),
            origin["path"],
            *targets,
            group.cast(pl.String).alias("group"),
            pl.Series("part", parts, dtype=pl.String),
            part.alias("part_name"),
            *inputs,
            digests(inputs, origin["path"]),
        ]
    )


def _inputs(cells: pl.DataFrame, roles: Roles, source: RowFiles) -> list[pl.Series]:
    """The inputs: language as it stands, other columns as numbers where all cells are."""
    texts = text_columns(source.table.cells.select(roles.inputs))
    comma = source.table.decimal_comma
    return [
        cells[name] if name in texts else typed(cells[name], decimal_comma=comma)
        for name in roles.inputs
    ]


def digests(inputs: Sequence[pl.Series], files: pl.Series) -> pl.Series:
    """BLAKE2b-128 of each row's inputs, by which repeated rows are known.

    Columns that only name the rows are left out, and columns that one of the files does not have.

    >>> x, y = pl.Series("x", [1.0, 1.0, 1.0]), pl.Series("y", ["a", "b", "b"])
    >>> digests([x, y], pl.Series(["f"] * 3)).n_unique()
    2
    """
    shared = [column for column in inputs if _in_all_files(column, files)]
    telling = [column for column in shared if not is_identifier(column)]
    columns = telling or shared or list(inputs)
    spelt = pl.DataFrame([column.cast(pl.String).fill_null("\0") for column in columns])
    lines = spelt.select(pl.concat_str(pl.all(), separator="\x1f")).to_series()
    sums = [hashlib.blake2b(line.encode(), digest_size=16).hexdigest() for line in lines]
    return pl.Series("digest", sums, dtype=pl.String)


def _in_all_files(column: pl.Series, files: pl.Series) -> bool:
    filled = files.filter(column.is_not_null())
    return filled.n_unique() == files.n_unique()


def _one_spelling(frame: pl.DataFrame, roles: Roles) -> tuple[pl.DataFrame, list[str]]:
    """The table with rare spellings of a class name read as the common one, and a note of each."""
    if roles.target is None or roles.target.kind != "class":
        return frame, []
    name = roles.target.names[0]
    counts = Counter(frame[name].to_list())
    best: dict[str, str] = {}
    for label in sorted(counts, key=lambda label: (-counts[label], label)):
        best.setdefault(label.casefold(), label)
    merged = {
        label: best[label.casefold()]
        for label, count in sorted(counts.items())
        if label != best[label.casefold()]
        and count <= RARE_SPELLING * counts[best[label.casefold()]]
    }
    if not merged:
        return frame, []
    notes = [f"{label!r} read as {used!r}" for label, used in merged.items()]
    return frame.with_columns(pl.col(name).replace(merged)), notes


def _named_classes(frame: pl.DataFrame, roles: Roles, root: Path) -> tuple[pl.DataFrame, list[str]]:
    """The table with class numbers replaced by the lines of a file such as classes.txt beside it.

    The second is that file's name, if there is one. It must have as many lines as there are
    classes, and these must count from 0 or 1.
    """
    if roles.target is None or roles.target.kind != "class":
        return frame, []
    name = roles.target.names[0]
    found = set(frame[name].to_list())
    for file in (root / word for word in _NAME_FILES):
        if not file.is_file() or file.stat().st_size > _LONGEST_NAMES:
            continue
        names = [line.strip() for line in decoded(file.read_bytes()).splitlines() if line.strip()]
        for first in (0, 1):
            numbers = [str(first + at) for at in range(len(names))]
            if found == set(numbers) and len(set(names)) == len(names):
                replaced = pl.col(name).replace(dict(zip(numbers, names, strict=True)))
                return frame.with_columns(replaced), [file.name]
    return frame, []


def _blanks(source: RowFiles, frame: pl.DataFrame) -> list[str]:
    """Which categories some cells spell with blanks behind, which were left out."""
    notes = []
    for name, count in source.table.padded.items():
        column = frame[name] if name in frame.columns else None
        few = count < 0.5 * frame.height
        if few and column is not None and column.dtype == pl.String and not is_language(column):
            notes.append(f"blanks left out behind {name} ({count})")
    return notes


def _description(source: RowFiles, roles: Roles, frame: pl.DataFrame, modality: Modality) -> str:
    shown = (
        source.files
        if len(source.files) <= 3
        else (*source.files[:2], f"{len(source.files)} files")
    )
    what = "texts" if modality == "text" else "table"
    goal = "no target"
    if roles.target is not None:
        names = roles.target.names
        goal = f"target {', '.join(names)} ({roles.target.described(frame[names[0]])})"
    if modality == "text":
        counts = f"text in {', '.join(roles.inputs)}, {frame.height:,} texts"
    else:
        counts = f"{len(roles.inputs)} columns, {frame.height:,} rows"
    parts = sorted(set(frame["part"].drop_nulls()), key=("train", "val", "test").index)
    given = f", given parts: {', '.join(parts)}" if parts else ""
    return f"{what} of {', '.join(shown)}, {goal}, {counts}{given}"
