"""The loop against its rivals at an equal budget of wall time: who is ahead on the test part?

Run: python benchmarks/rivals.py --data FOLDER [FOLDER ...] --peer-python PATH [--budget 120]
     [--seeds 2] [--contenders loop search ladder fastai] [--results FILE]
     python benchmarks/rivals.py --dry [--peer-python PATH]

FOLDER holds images as `phoropter look` reads them, with classes. Each contender is a fresh process
on the same copy of the data, divided beforehand by `phoropter split` into train, val and test; its
clock starts before the interpreter does. All start from the EfficientNet-Lite0 of
`phoropter[weights]`:

- loop: `phoropter run --budget`, with looking, report and bundle;
- search: Optuna's TPE over the same recipes with the same trainer (peers/recipe_contender.py);
- ladder: the best of our simple models, which needs less than the budget;
- fastai: `fine_tune` with its defaults for as many epochs as fit (peers/fastai_budget.py). PATH is
  a Python with benchmarks/peers/fastai.txt installed.

What each says of the test part is measured here, by the metric that phoropter chooses for the data.
Every result is a line of FILE; those that are there are not measured again, so the script goes on
where it was stopped. At the end all are printed, and of every rival the paired difference to the
loop with its 95 % interval. `--dry` tries everything on digits with 20 s.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import polars as pl
import torch
from PIL import Image
from sklearn.datasets import load_digits
from time_to_accuracy import COMMAND, environment

from phoropter.comparison.paired import paired_test
from phoropter.core.events import silent
from phoropter.core.predictions import ClassPredictions, read_predictions, write_predictions
from phoropter.data.split import read_split
from phoropter.metrics import named
from phoropter.metrics.evaluate import evaluate
from phoropter.models.offline_weights import lite0_state
from phoropter.project.opened import started
from phoropter.project.options import Options

PEERS = Path(__file__).parent / "peers"
LOOP = "loop"
CONTENDERS = (LOOP, "search", "ladder", "fastai")
Row = dict[str, Any]


class Arena:
    """Where contenders run: the divided data, the weights, the results.

    Args:
        chosen: The command line.
        place: For everything that is kept between contenders.
    """

    def __init__(self, chosen: argparse.Namespace, place: Path) -> None:
        self.chosen = chosen
        self.place = place
        self.weights = place / "lite0.pt"
        if not self.weights.exists():
            state = lite0_state()
            kept = {k: v for k, v in state.items() if not k.startswith("classifier.")}
            torch.save(kept, self.weights)

    def divided(self, data: Path, seed: int) -> tuple[Path, str]:
        """Class folders under train, val and test, and the metric; made once."""
        folder = self.place / f"{data.name}-{seed}"
        known = folder.with_suffix(".metric")
        if not known.exists():
            shutil.rmtree(folder, ignore_errors=True)
            with tempfile.TemporaryDirectory() as work:
                options = Options(data, Path(work) / "p", seed=seed)
                with started(options, listener=silent) as project:
                    metric, target = project.problem().metric, project.dataset.targets[0]
                    table = project.dataset.table
                    split = read_split(project.folder.split).table
                    parts = split.select("id", pl.col("part").alias("drawn"))
                    for row in table.join(parts, on="id").iter_rows(named=True):
                        name = str(row["path"]).replace("/", "_")
                        to = folder / row["drawn"] / str(row[target]) / name
                        to.parent.mkdir(parents=True, exist_ok=True)
                        shutil.copyfile(project.dataset.root / row["path"], to)
            known.write_text(metric)
        return folder, known.read_text()

    def run(self, name: str, data: Path, seed: int) -> Row:
        """One contender, alone; its answers for the test part are kept beside the results."""
        folder, metric = self.divided(data, seed)
        said = self.place / f"{data.name}-{seed}-{name}-{self.chosen.budget:g}.parquet"
        with tempfile.TemporaryDirectory() as work:
            contend: Callable[..., tuple[float, ClassPredictions, Row]] = {
                LOOP: self._loop,
                "fastai": self._fastai,
            }.get(name, self._ours)
            seconds, predictions, facts = contend(name, folder, seed, Path(work))
        write_predictions(said, predictions)
        (score,) = evaluate(predictions, names=[metric])
        return {
            "data": data.name,
            "seed": seed,
            "contender": name,
            "budget": self.chosen.budget,
            "seconds": seconds,
            "metric": metric,
            "value": score.value,
            "low": score.low,
            "high": score.high,
            "n": score.n,
            "accuracy": named("accuracy")(predictions),
            "said": str(said),
            "facts": facts,
        }

    def _loop(
        self, _name: str, data: Path, seed: int, work: Path
    ) -> tuple[float, ClassPredictions, Row]:
        project = work / "loop.phoropter"
        words = [COMMAND, "run", data, "--project", project, "--seed", seed, "--json"]
        seconds, printed = timed([*words, "--budget", f"{self.chosen.budget:g}s"])
        said = json.loads(printed)
        predictions = read_predictions(project / "runs" / said["run"] / "test_predictions.parquet")
        steps = [[s["advice"], s["accepted"], round(s["seconds"], 1)] for s in said["steps"]]
        return seconds, predictions, {"stopped_by": said["stopped_by"], "steps": steps}

    def _ours(
        self, name: str, data: Path, seed: int, work: Path
    ) -> tuple[float, ClassPredictions, Row]:
        words = [sys.executable, PEERS / "recipe_contender.py", name, data]
        words += ["--project", work / "rival.phoropter", "--seed", seed]
        return self._saved(words, work)

    def _fastai(
        self, _name: str, data: Path, seed: int, work: Path
    ) -> tuple[float, ClassPredictions, Row]:
        words = [self.chosen.peer_python, PEERS / "fastai_budget.py", data]
        return self._saved([*words, "--weights", self.weights, "--seed", seed], work)

    def _saved(self, words: list[object], work: Path) -> tuple[float, ClassPredictions, Row]:
        out = work / "said.npz"
        clock = ["--budget", self.chosen.budget, "--started", time.time(), "--out", out]
        seconds, printed = timed([*words, *clock])
        facts = json.loads(printed.splitlines()[-1])
        with np.load(out) as told:
            said = answers(told["ids"], told["probabilities"], tuple(map(str, told["classes"])))
        return seconds - facts.get("uncharged_s", 0.0), said, facts


def answers(
    ids: np.ndarray, probabilities: np.ndarray, classes: tuple[str, ...]
) -> ClassPredictions:
    """Predictions whose truth is the folder that an image lies in."""
    names = [str(name) if str(name).startswith("test/") else f"test/{name}" for name in ids]
    truth = np.array([classes.index(Path(name).parent.name) for name in names], dtype=np.int64)
    return ClassPredictions(np.array(names), truth, probabilities.astype(np.float64), classes)


def timed(words: list[object]) -> tuple[float, str]:
    begun = time.perf_counter()
    done = subprocess.run(
        list(map(str, words)), env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{words[:3]} failed:\n{done.stderr}\n{done.stdout}")
    return time.perf_counter() - begun, done.stdout


def kept_rows(results: Path) -> list[Row]:
    lines = results.read_text().splitlines() if results.exists() else []
    return [json.loads(line) for line in lines]


def differences(rows: list[Row], rival: str) -> Iterator[tuple[Row, float, float, float]]:
    """The loop minus a rival, where both were measured, in favour of the loop if positive."""
    by_key = {(row["data"], row["seed"], row["contender"]): row for row in rows}
    for (data, seed, name), row in sorted(by_key.items()):
        other = by_key.get((data, seed, rival))
        if name != LOOP or other is None:
            continue
        metric = named(row["metric"])
        test = paired_test(
            read_predictions(Path(other["said"])), read_predictions(Path(row["said"])), metric
        )
        ends = (test.delta, test.low, test.high)
        if not metric.greater_is_better:
            ends = (-test.delta, -test.high, -test.low)
        yield row, *ends


def show(rows: list[Row], contenders: list[str]) -> None:
    cases: dict[tuple[str, int], dict[str, Row]] = defaultdict(dict)
    for row in rows:
        cases[row["data"], row["seed"]][row["contender"]] = row
    print(f"| data | seed | metric | n | {' | '.join(contenders)} |")
    print(f"|---|---|---|---|{'---|' * len(contenders)}")
    for (data, seed), found in sorted(cases.items()):
        cells = [cell(found.get(name)) for name in contenders]
        some = next(iter(found.values()))
        print(f"| {data} | {seed} | {some['metric']} | {some['n']} | {' | '.join(cells)} |")
    means = [
        mean(row["value"] for row in rows if row["contender"] == n)
        for n in contenders
        if any(row["contender"] == n for row in rows)
    ]
    print(f"| mean | | | | {' | '.join(f'{value:.4f}' for value in means)} |")
    for rival in contenders:
        if rival != LOOP:
            show_differences(list(differences(rows, rival)), rival)


def show_differences(found: list[tuple[Row, float, float, float]], rival: str) -> None:
    if not found:
        return
    print(f"\nloop minus {rival}: mean {mean(one[1] for one in found):+.4f} of {len(found)}")
    for row, delta, low, high in found:
        word = "behind beyond chance" if high < 0 else "behind" if delta < 0 else ""
        print(f"  {row['data']} {row['seed']}: {delta:+.4f} [{low:+.4f}, {high:+.4f}] {word}")


def cell(row: Row | None) -> str:
    if row is None:
        return ""
    return f"{row['value']:.4f} [{row['low']:.4f}, {row['high']:.4f}], {row['seconds']:.0f} s"


def write_digits(place: Path) -> Path:
    """Scikit-learn's digits as class folders of small PNG files."""
    digits = load_digits()
    for number, (pixels, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        if number % 3 == 0:
            to = place / "digits" / f"digit {label}" / f"{number}.png"
            to.parent.mkdir(parents=True, exist_ok=True)
            image = Image.fromarray(np.rint(pixels * 15.9375).astype(np.uint8))
            image.resize((32, 32)).save(to)
    return place / "digits"


def measure(chosen: argparse.Namespace, place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    data = [write_digits(place)] if chosen.dry else [path.resolve() for path in chosen.data]
    results = chosen.results or place / "results.jsonl"
    arena = Arena(chosen, place)
    for folder in data:
        for seed in range(chosen.seeds):
            for name in chosen.contenders:
                rows = kept_rows(results)
                key = (folder.name, seed, name, chosen.budget)
                if key in [(r["data"], r["seed"], r["contender"], r["budget"]) for r in rows]:
                    continue
                row = arena.run(name, folder, seed)
                with results.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(f"{folder.name} {seed} {name}: {cell(row)}", file=sys.stderr)
    rows = [row for row in kept_rows(results) if row["budget"] == chosen.budget]
    show(rows, [name for name in chosen.contenders if any(r["contender"] == name for r in rows)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+")
    parser.add_argument("--peer-python", type=Path, help="Left out: fastai is.")
    parser.add_argument("--budget", type=float, default=120.0, help="Seconds.")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--place", type=Path, help="Keeps divided data and answers.")
    parser.add_argument("--results", type=Path, help="Default: results.jsonl in the place.")
    parser.add_argument("--dry", action="store_true", help="Digits, 20 s, one seed.")
    chosen = parser.parse_args()
    if chosen.dry:
        chosen.budget, chosen.seeds = 20.0, 1
    if chosen.data is None and not chosen.dry:
        print("rivals: not measured, it needs --data FOLDER ... (or --dry) and --peer-python PATH")
        return
    if chosen.peer_python is None:
        chosen.contenders = [name for name in chosen.contenders if name != "fastai"]
    if chosen.place is not None:
        measure(chosen, chosen.place.resolve())
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(chosen, Path(folder))


if __name__ == "__main__":
    main()
