"""Trains sound and sick networks, diagnoses and cures them, and notes one line for each.

Run: python benchmarks/faults/run.py --results FILE [--data DIR] [--work DIR] [--only NAME ...]
     [--half tune|report|drawn] [--seeds N] [--healthy N] [--jobs N] [--most N]

What FILE already has is not done again, so that the same command goes on where it was stopped.
Trainings are kept in `--work` and found there again: with a new FILE everything is judged anew by
the rules as they are now, and only what the code of the training has changed is trained anew.
`report.py FILE` makes the table.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from plan import Key, planned


def main() -> None:
    options = _options()
    os.environ["OMP_NUM_THREADS"] = "1"  # the nets are tiny; read when a process loads torch
    done = {Key(row["pair"], row["fault"], row["seed"]) for row in read(options.results)}
    plan = planned(options.half, options.seeds, tuple(options.only), healthy=options.healthy)
    left = [key for key in plan if key not in done]
    left = left[: options.most]
    begun = time.monotonic()
    for number, row in enumerate(_rows(left, options.data, options.work, options.jobs), start=1):
        append(options.results, row)
        found = ", ".join(code for code, severity, _ in row["findings"] if severity != "info")
        spent = time.monotonic() - begun
        told = f"{number}/{len(left)} {spent:.0f} s {row['pair']} {row['fault']} {row['seed']}"
        print(f"{told}: {row['score']} {found or '-'}", flush=True)


def _rows(left: list[Key], data: Path | None, work: Path, jobs: int) -> Iterator[dict[str, Any]]:
    """The outcomes, in the order in which they are ready; several jobs are as many processes."""
    if jobs == 1:
        yield from (_row(key, data, work) for key in left)
        return
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=fresh) as pool:
        futures = [pool.submit(_row, key, data, work) for key in left]
        yield from (future.result() for future in as_completed(futures))


def _row(key: Key, data: Path | None, work: Path) -> dict[str, Any]:
    from trial import tried

    return tried(key, data, work)


def append(results: Path, row: dict[str, Any]) -> None:
    """One line, whole: what a kill leaves half written is cut off by the next `read`."""
    results.parent.mkdir(parents=True, exist_ok=True)
    with results.open("ab") as file:
        file.write(json.dumps(row).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read(results: Path) -> list[dict[str, Any]]:
    """The lines that were written; a torn last one is removed from the file."""
    if not results.exists():
        return []
    content = results.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        results.write_bytes(whole)
    return [json.loads(line) for line in whole.splitlines()]


def _options(words: Iterable[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="where the sets are that are not built in")
    parser.add_argument("--work", type=Path, default=Path("faults-work"))
    parser.add_argument(
        "--half",
        choices=("tune", "report", "drawn", "all"),
        default="all",
        help="which pairs; all: those of the halves tune and report",
    )
    parser.add_argument("--only", nargs="*", default=[], help="pairs and faults")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each fault and pair")
    parser.add_argument("--healthy", type=int, default=10, help="sound runs of each pair")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--most", type=int, help="stop after so many")
    options = parser.parse_args(None if words is None else list(words))
    options.work = options.work.resolve()
    return options


if __name__ == "__main__":
    main()
