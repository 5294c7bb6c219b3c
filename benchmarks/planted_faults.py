"""Which planted faults `look` finds, and what it reports beyond them.

Run: python benchmarks/planted_faults.py --data DIR [--only NAME ...]

DIR holds sets called dirty_* and shift_*, and for each a list of its faults in DIR/truth/NAME.json.
Each set is looked at as a user would; what findings, the list of rejected entries and the
proposed corrections name is matched with the list. One line a set and finding code: how much was
planted, how much of it was found, how much was reported and how much of that was planted. Misses,
and what was reported beyond the planted, follow by name: sets have true faults nobody planted.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from planted_truth import COPIES, Planted, key, planted

import phoropter
from phoropter.core.records import Finding, Rejected
from phoropter.data.open import open_dataset
from phoropter.look.checks.bad_boxes import REMARKS

LISTS = ("samples", "examples", "files", "columns", "classes", "categories", "constant", "same")
LISTS += ("dates", "lacking_in_part", "without_objects", "without_annotation_file")
REMARKS_ON_A_SET = ("rare-class", "low-resolution", "object-statistics", "missing-values")
READING = ("kept", "layout", "junk", "skipped", "read", "unknown")
STATISTICS = {*REMARKS_ON_A_SET, *READING, "bad-boxes (remark)", "leftover-markup"}
"""What is true of any set, and said as a remark: not counted as reported."""


@dataclass(frozen=True)
class Said:
    """One thing that was reported: by which code, what it names, and its words."""

    code: str
    names: frozenset[str]
    text: str

    @cached_property
    def known(self) -> frozenset[str]:
        """The names, whole and by what stays of them where folders and endings differ."""
        return self.names | set(map(key, self.names))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    print("| set | finding | planted | found | reported | recall | precision |")
    print("|---|---|---|---|---|---|---|")
    notes = []
    for truth in sorted((options.data / "truth").glob("*.json")):
        folder = options.data / truth.stem
        if folder.is_dir() and (not options.only or truth.stem in options.only):
            notes += judged(folder, json.loads(truth.read_text("utf-8")))
    print("\n".join(["", *notes]))


def judged(folder: Path, truth: dict[str, Any]) -> list[str]:
    """Prints the lines of one set; returns what was missed and what was reported beyond."""
    wanted, said = planted(truth, folder), list(reported(folder, truth))
    rows: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    notes: list[str] = []
    beyond: dict[str, list[str]] = defaultdict(list)
    for item in (item for item in wanted if item.required):
        found = any(answers(one, item) for one in said)
        rows[item.codes[0]][0] += 1
        rows[item.codes[0]][1] += found
        if not found:
            named = " and ".join(sorted(item.names)) or item.words
            notes.append(f"{folder.name}: missed: {item.codes[0]}: {item.kind}: {named}")
    family = families(wanted)
    for one in said:
        tied = {family.get(name) or family.get(key(name)) for name in one.names}
        known = one.code in COPIES and len(tied) == 1 and None not in tied
        known = known or any(answers(one, item) for item in wanted)
        rows[one.code][2] += 1
        rows[one.code][3] += known
        if not known and one.code not in STATISTICS:
            beyond[one.code].append(one.text)
    notes += [f"{folder.name}: beyond: {code}: {t}" for code, ts in beyond.items() for t in ts]
    for code, numbers in sorted(rows.items()):
        if numbers[0] or (code not in STATISTICS and numbers[2]):
            print(f"| {folder.name} | {code} | {line(code, *numbers)} |")
    return notes


def line(code: str, count: int, found: int, reports: int, right: int) -> str:
    """One line of the table, from the third column on."""
    recall = f"{found / count:.2f}" if count else ""
    if code in STATISTICS:
        return f"{count} | {found} | | {recall} | "
    precision = f"{right / reports:.2f}" if count and reports else ""
    return f"{count} | {found} | {reports} | {recall} | {precision}"


def answers(one: Said, item: Planted) -> bool:
    """Whether this reports that fault."""
    return one.code in item.codes and item.words in one.text and item.among(one.known)


def families(wanted: Iterable[Planted]) -> dict[str, str]:
    """For each planted copy one name that all of its copies share."""
    first: dict[str, str] = {}
    for item in wanted:
        if item.codes[0] in COPIES:
            known = {first.get(name, name) for name in item.names}
            chosen = min(known)
            first |= dict.fromkeys(item.names | known, chosen)
            first = {name: chosen if own in known else own for name, own in first.items()}
    return first


def reported(folder: Path, truth: dict[str, Any]) -> Iterator[Said]:
    """Everything that is said of a set, each thing once a code."""
    with tempfile.TemporaryDirectory() as place:
        result = phoropter.look(folder, project=place, target=truth.get("target"))
        with Path(result.issues).open(encoding="utf-8", newline="") as file:
            corrections = list(csv.DictReader(file))
    known: set[tuple[str, frozenset[str]]] = set()
    for one in (
        *(one for finding in result.findings for one in of_finding(finding)),
        *(one for row in corrections for one in of_correction(row)),
        *(of_rejected(item, result.task) for item in result.rejected),
        *of_reading(folder, result, truth),
    ):
        if (one.code, one.names) not in known:
            known.add((one.code, one.names))
            yield one


def of_finding(finding: Finding) -> Iterator[Said]:
    evidence = finding.evidence
    if finding.code == "covariate-shift":
        columns = [row["column"] for row in evidence.get("categories", ())]
        names = {evidence["part"], *columns, *evidence.get("columns", ())}
        yield Said(finding.code, frozenset(names), finding.message)
        return
    lists = [name for name in LISTS if evidence.get(name)]
    if {"samples", "columns"} <= set(lists):
        lists.remove("samples")  # the rows behind a column
    for name in lists if finding.code != "unreadable-files" else ():
        rows = evidence[name]
        kinds = rows if isinstance(rows, dict) else {"": rows}
        for kind, entries in kinds.items():
            if kind == "an entry of an annotation file":  # these are among the rejected entries
                continue
            code = f"{finding.code} (remark)" if kind in REMARKS else finding.code
            for entry in entries if isinstance(entries, list) else [kind]:
                text = f"{kind} {json.dumps(entry, ensure_ascii=False)}"
                yield Said(code, frozenset(leaves(entry)), text)


def leaves(entry: Any) -> Iterator[str]:
    """Every name in an entry of a finding's evidence."""
    if isinstance(entry, str):
        yield entry
    elif isinstance(entry, list):
        for part in entry:
            yield from leaves(part)
    elif isinstance(entry, dict):
        for name in ("id", "path", "class"):
            yield from leaves(entry.get(name))
        yield from (f"{name} {entry[name]}" for name in ("annotation", "line") if name in entry)


def of_correction(row: dict[str, str]) -> Iterator[Said]:
    """What a proposed correction says: lists in findings are short, these are whole."""
    path, problem = row["path"], row["problem"]
    text = f"{path}: {problem}"
    if ", looks like " in problem:
        yield Said("label-errors", frozenset({path}), text)
    elif problem.startswith("like no other"):
        yield Said("outliers", frozenset({path}), text)
    elif match := re.search(r"(the same \w+ as|a copy of) (.*?)(?:, labelled '[^']*')?$", problem):
        names = frozenset({path, match[2]})
        yield Said(COPIES["copy" in match[1]], names, text)
        if problem.startswith("labelled"):
            yield Said("conflicting-duplicates", names, text)


def of_rejected(item: Rejected, task: str) -> Said:
    codes = {"junk": "junk", "annotation": "bad-masks" if task == "segmentation" else "bad-boxes"}
    names = {item.path, *re.findall(r"'([^']*)'", item.reason)}
    names |= set(re.findall(r"\b(?:annotation|line|image) \d+", item.reason))
    code = codes.get(item.kind, "unreadable-files")
    return Said(code, frozenset(names), f"{item.path}: {item.reason}")


def of_reading(folder: Path, result: Any, truth: dict[str, Any]) -> Iterator[Said]:
    """What was read and how: clauses of the description, samples kept, files passed over."""
    for clause in result.description.split(";")[1:]:
        names = set(re.findall(r"'([^']*)'", clause)) | set(clause.split())
        yield Said("layout", frozenset(names), clause)
    if all(finding.code != "wrong-encoding" for finding in result.findings):
        yield Said("read", frozenset(), result.description)
    named = {item.path for item in result.rejected}
    table = open_dataset(folder, target=truth.get("target")).table
    for name, path in table.select("id", "path").iter_rows():
        if path not in named and name not in named:
            yield Said("kept", frozenset({name}), name)
    used = named | set(table["path"])
    for path in folder.rglob("*"):
        place = path.relative_to(folder)
        if path.is_file() and place.as_posix() not in used:
            yield Said("skipped", frozenset({place.as_posix(), *place.parts}), str(place))


if __name__ == "__main__":
    main()
