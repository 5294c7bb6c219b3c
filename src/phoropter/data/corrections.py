"""Corrections that the user accepted: samples left out, labels set right. No file is touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from phoropter.core.errors import CorruptFileError, UsageError, nearest
from phoropter.core.files import whole_file
from phoropter.core.records import Dataset, Rejected
from phoropter.data.usable import usable

DROP = "drop"
_LABEL = "label="
_COLUMNS = ("path", "problem", "suggestion", "accept")
_YES = frozenset({"y", "yes", "true", "1", "x"})
_NO = frozenset({"n", "no", "false", "0", ""})


@dataclass(frozen=True, slots=True)
class Correction:
    """One line of `issues.csv`.

    Args:
        path: Identifier of the sample: its path, as the data set's table has it.
        problem: What is wrong with it.
        suggestion: "drop", or "label=NAME".
        accepted: Whether it is to be carried out.
    """

    path: str
    problem: str
    suggestion: str
    accepted: bool = False


def relabelled(name: str) -> str:
    """The suggestion that sets a label.

    >>> relabelled("cat")
    'label=cat'
    """
    return _LABEL + name


def read_corrections(path: Path) -> tuple[Correction, ...]:
    """The lines of an `issues.csv`, none where there is no such file.

    Raises:
        CorruptFileError: If it is no such table, or holds a word that means nothing.
    """
    if not path.exists():
        return ()
    try:
        table = pl.read_csv(path, infer_schema=False)
        rows = table.select(pl.col(_COLUMNS).fill_null("")).rows()
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise CorruptFileError(
            f"{str(path)!r} cannot be read: {' '.join(str(error).split())}.",
            hint=f"Its columns are {', '.join(_COLUMNS)}; delete it, and `look` writes a new one.",
        ) from error
    return tuple(
        Correction(name, problem, suggestion.strip(), _accepted(word, path, line))
        for line, (name, problem, suggestion, word) in enumerate(rows, start=2)
        if _sound(suggestion.strip(), path, line)
    )


def write_corrections(path: Path, corrections: Sequence[Correction]) -> None:
    """Writes an `issues.csv`, whole or not at all."""
    rows = [
        (item.path, item.problem, item.suggestion, "y" if item.accepted else "n")
        for item in corrections
    ]
    table = pl.DataFrame(rows, schema=dict.fromkeys(_COLUMNS, pl.String), orient="row")
    with whole_file(path) as partial:
        table.write_csv(partial)


def renewed(proposed: Sequence[Correction], known: Sequence[Correction]) -> tuple[Correction, ...]:
    """What is proposed now, with the answers that were given before.

    What was accepted stays, though it is no longer found once it is carried out; so do lines that
    the user added.
    """
    answers = {(item.path, item.suggestion): item.accepted for item in known}
    kept = [item for item in known if item.accepted]
    there = {(item.path, item.suggestion) for item in kept}
    fresh = [
        replace(item, accepted=answers.get((item.path, item.suggestion), False))
        for item in proposed
        if (item.path, item.suggestion) not in there
    ]
    return (*kept, *fresh)


def corrected(dataset: Dataset, corrections: Sequence[Correction]) -> Dataset:
    """The data set with the accepted corrections carried out.

    Raises:
        UsageError: If a label is none of the data's classes, or the targets are no classes.
        NothingUsableError: If nothing to learn from is left.
    """
    accepted = [item for item in corrections if item.accepted]
    if not accepted:
        return dataset
    dataset = _with_labels(dataset, [item for item in accepted if item.suggestion != DROP])
    dropped = {item.path: item.problem for item in accepted if item.suggestion == DROP}
    gone = pl.col("id").is_in(list(dropped))
    lost = tuple(
        Rejected(path, f"left out as you accepted: {dropped[name]}", "unusable")
        for name, path in dataset.table.filter(gone).select("id", "path").iter_rows()
    )
    return usable(
        replace(dataset, table=dataset.table.filter(~gone), rejected=dataset.rejected + lost)
    )


def _with_labels(dataset: Dataset, corrections: Sequence[Correction]) -> Dataset:
    if not corrections:
        return dataset
    if dataset.task != "classification":
        raise UsageError(
            f"A label cannot be set where the task is {dataset.task}.",
            hint="Accept only 'drop', or correct the data themselves.",
        )
    target = dataset.targets[0]
    known = set(dataset.table[target])
    wanted = {item.path: item.suggestion.removeprefix(_LABEL) for item in corrections}
    for name, label in wanted.items():
        if label not in known:
            raise UsageError(
                f"The label {label!r} accepted for {name!r} is no class of the data.",
                hint=nearest(label, known),
            )
    fresh = pl.col("id").replace_strict(wanted, default=None, return_dtype=pl.String)
    return replace(
        dataset, table=dataset.table.with_columns(fresh.fill_null(pl.col(target)).alias(target))
    )


def _accepted(word: str, path: Path, line: int) -> bool:
    plain = word.strip().casefold()
    if plain in _YES | _NO:
        return plain in _YES
    raise CorruptFileError(f"{str(path)!r}, line {line}: accept is {word!r}.", hint="Write y or n.")


def _sound(suggestion: str, path: Path, line: int) -> bool:
    if suggestion == DROP or suggestion.startswith(_LABEL):
        return True
    raise CorruptFileError(
        f"{str(path)!r}, line {line}: the suggestion is {suggestion!r}.",
        hint=f"Write {DROP!r} or {_LABEL}NAME.",
    )
