"""The tables of the planted-fault suite, from the lines that `run.py` wrote.

Run: python benchmarks/faults/report.py FILE

For each part: of each code how often it came first where it should (recall), and how often it was
right where it came first (precision), with 95 % intervals (Wilson 1927); the share of right first
findings; every warning or critical finding of a healthy run; and how much of the score that a fault
had cost came back by its first prescription, where that was more than luck.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from faults import FAULTS
from numpy.typing import NDArray
from plan import HEALTHY
from run import read

from phoropter.project.yardsticks import people as wilson

Row = Mapping[str, Any]

LOST = 0.05
"""Of balanced accuracy: less is within what seeds and a few hundred samples make of one recipe."""

RECOVERED = 0.9
CLEAR = 1.96
"""Standard errors: what other validation samples might have shown stays within them."""

NOTHING = "(nothing)"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("results", type=Path)
    rows = read(parser.parse_args().results)
    for part in dict.fromkeys(row["half"] for row in rows):
        print("\n".join([f"\n## Part: {part}\n", *tables([r for r in rows if r["half"] == part])]))


def tables(rows: list[Row]) -> Iterator[str]:
    """Everything that is said of one part."""
    healthy = [row for row in rows if row["fault"] == HEALTHY]
    sick = [row for row in rows if row["fault"] != HEALTHY and FAULTS[row["fault"]].right]
    pairs = len({row["pair"] for row in rows})
    yield f"{len(rows)} runs, {len(healthy)} of them healthy, on {pairs} pairs of set and model."
    yield from _overall(healthy, sick, rows)
    yield from ["", "| fault | runs | right first | first findings |", "|---|---|---|---|"]
    yield from _by_fault(sick)
    yield from ["", "| code | recall | precision |", "|---|---|---|"]
    yield from _by_code(sick, healthy)
    yield from ["", "False alarms on healthy runs:", ""]
    yield from (_alarms(healthy) or ["none"])
    yield from ["", "| fault | cures with something to recover | recovered | shares |"]
    yield from ["|---|---|---|---|", *_by_cure(recoveries(rows))]


def first(row: Row) -> str:
    """The code of the first finding, if it is a warning or critical."""
    findings = row["findings"]
    return findings[0][0] if findings and findings[0][1] != "info" else NOTHING


def is_right(row: Row) -> bool:
    """Whether the first finding of a sick run names what was planted."""
    return first(row) in FAULTS[row["fault"]].right


def recoveries(rows: Iterable[Row]) -> dict[str, list[float | None]]:
    """By repairable fault: of each case the share of the lost score that came back.

    A case is a fault of a pair, by the means of its runs; where nothing was done about a run, its
    score stays what it was, and None is a case in which nothing was done at all. Only where at
    least `LOST` had been lost against the mean of the reference runs.
    """
    rows = list(rows)
    found: dict[str, list[float | None]] = defaultdict(list)
    for case in _cases(rows):
        cost = mean(lost(row, rows) for row in case)
        if cost < LOST:
            continue
        done = [row for row in case if isinstance(row.get("cured"), float)]
        back = sum(row["cured"] - row["score"] for row in done) / len(case)
        found[case[0]["fault"]].append(back / cost if done else None)
    return found


def _cases(rows: list[Row]) -> Iterator[list[Row]]:
    """The runs of each pair and repairable fault, without those that were refused."""
    judged = [row for row in rows if row["fault"] in FAULTS and row["score"] is not None]
    fit = [row for row in judged if FAULTS[row["fault"]].repairable]
    yield from _grouped(fit, lambda row: f"{row['fault']} {row['pair']}").values()


def lost(row: Row, rows: Iterable[Row]) -> float:
    """What the fault cost, against the mean of the runs that it is to be compared with.

    Nothing where these were refused.
    """
    sound = [other["score"] for other in _compared(row, rows)]
    return mean(sound) - row["score"] if sound else 0.0


def _compared(row: Row, rows: Iterable[Row]) -> list[Row]:
    """The sound runs that a sick one is compared with; without those that were refused."""
    named = FAULTS[row["fault"]].reference or HEALTHY
    wanted = (row["pair"], named)
    return [r for r in rows if (r["pair"], r["fault"]) == wanted and r["score"] is not None]


def shortfalls(rows: Iterable[Row]) -> Iterator[tuple[float, bool]]:
    """Of each case with a cure: what it lacks of 90 %, and whether that is no luck.

    What is lacking is balanced accuracy, positive where the cure falls short; it is clear beyond
    1.96 standard errors of differences on the same samples. To each class half a sample is added
    for each of right and wrong by the one and the other (Agresti and Min 2005), so that agreement
    on all of a few is no certainty. What seeds do is not in it.
    """
    rows = list(rows)
    for case in _cases(rows):
        sound = [other["answers"] for other in _compared(case[0], rows) if other.get("answers")]
        done = [row for row in case if row.get("cured_answers")]
        if not sound or not done or mean(lost(row, rows) for row in case) < LOST:
            continue
        lacking, variance = 0.0, 0.0
        names = done[0]["answers"]
        for name in names:
            wanted = RECOVERED * _mean_right(sound, name)
            sick = _mean_right([row["answers"] for row in done], name)
            cured = _mean_right([row["cured_answers"] for row in done], name)
            lacks = wanted + (1 - RECOVERED) * sick - cured
            n = len(lacks)
            lacking += lacks.mean() / len(names)
            spread = (np.sum(lacks**2) + 1) / (n + 2) - (lacks.sum() / (n + 2)) ** 2
            variance += spread / (n + 2) / len(names) ** 2
        yield float(lacking), bool(lacking > CLEAR * np.sqrt(variance))


def _mean_right(runs: Iterable[Mapping[str, str]], name: str) -> NDArray[np.float64]:
    """Of each sample of a class the share of runs that were right about it."""
    return np.mean([_right(answers[name]) for answers in runs], axis=0)


def _right(answers: str) -> NDArray[np.float64]:
    return np.array([answer == "1" for answer in answers], dtype=np.float64)


def _overall(healthy: list[Row], sick: list[Row], rows: list[Row]) -> Iterator[str]:
    quiet = sum(first(row) == NOTHING for row in healthy)
    cures = [share for shares in recoveries(rows).values() for share in shares]
    back = sum(share is not None and share >= RECOVERED for share in cures)
    yield ""
    yield f"- right first finding: {_share(sum(map(is_right, sick)), len(sick))}"
    felt = [row for row in sick if row["score"] is None or lost(row, rows) >= LOST]
    told = _share(sum(map(is_right, felt)), len(felt))
    yield f"- the same of faults that cost 5 points or were refused: {told}"
    yield f"- healthy runs without a warning: {_share(quiet, len(healthy))}"
    yield f"- first cure brings back 90 % of what was lost: {_share(back, len(cures))}"
    judged = list(shortfalls(rows))
    if judged:
        short = sum(clear for _, clear in judged)
        yield (
            f"- of these {len(judged)} cures {sum(lacks > 0 for lacks, _ in judged)} fall short of "
            f"it, {short} by more than the validation samples leave to chance"
        )


def _by_fault(sick: list[Row]) -> Iterator[str]:
    for name, rows in _grouped(sick, lambda row: row["fault"]).items():
        counts = Counter(map(first, rows))
        told = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        words = ", ".join(
            f"{'' if code in FAULTS[name].right else '*'}{code} {count}" for code, count in told
        )
        yield f"| {name} | {len(rows)} | {sum(map(is_right, rows))} | {words} |"


def _by_code(sick: list[Row], healthy: list[Row]) -> Iterator[str]:
    """Recall: said at all, as a warning, where it is a right name. Precision: of first findings."""
    codes = sorted({code for fault in FAULTS.values() for code in fault.right})
    for code in codes:
        due = [row for row in sick if code in FAULTS[row["fault"]].right]
        said = [row for row in due if code in _loud(row)]
        came = [row for row in (*sick, *healthy) if first(row) == code]
        right = [row for row in came if row["fault"] != HEALTHY and is_right(row)]
        yield f"| {code} | {_share(len(said), len(due))} | {_share(len(right), len(came))} |"


def _loud(row: Row) -> set[str]:
    return {code for code, severity, _ in row["findings"] if severity != "info"}


def _alarms(healthy: list[Row]) -> list[str]:
    return [
        f"- {row['pair']}, seed {row['seed']}: {message}"
        for row in healthy
        for message in row["messages"]
    ]


def _by_cure(found: Mapping[str, list[float | None]]) -> Iterator[str]:
    for name, shares in found.items():
        back = sum(share is not None and share >= RECOVERED for share in shares)
        told = ", ".join("none" if share is None else f"{share:.0%}" for share in shares)
        yield f"| {name} | {len(shares)} | {_share(back, len(shares))} | {told} |"


def _grouped(rows: Iterable[Row], key: Callable[[Row], str]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def _share(hits: int, n: int) -> str:
    """A share with its interval."""
    if not n:
        return "–"
    told = wilson(f"{hits}/{n}")
    return f"{told.value:.2f} [{told.low:.2f}, {told.high:.2f}] ({hits}/{n})"


if __name__ == "__main__":
    main()
