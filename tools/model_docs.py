"""Writes the table of docs/models.md from the list of models and from what was measured once.

python tools/model_docs.py             the table anew; a test fails when it is stale
python tools/model_docs.py --measure   measures every network first: minutes, on a quiet machine
"""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from phoropter.core.records import ModelCard
from phoropter.project.api import models
from phoropter.project.machine import processor

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "models.md"
MEASURED = ROOT / "benchmarks" / "models.json"
START, END = "<!-- models: written by tools/model_docs.py (make docs) -->\n", "<!-- end -->\n"
HEAD = (
    "| name | input, px | parameters | MACs | answer | training step | memory |\n"
    "|---|---|---|---|---|---|---|\n"
)


def page() -> str:
    """The content of docs/models.md with a fresh table."""
    before, _, rest = PAGE.read_text("utf-8").partition(START)
    return before + START + _table() + END + rest.partition(END)[2]


def measure() -> None:
    """Measures every network on this machine and keeps the figures for the table."""
    found = {card.name: asdict(card.measured) for card in models(measure=True) if card.measured}
    cores = os.cpu_count()
    machine = f"{processor()}, {cores} cores, Python {platform.python_version()}"
    content = {"machine": machine, "torch": version("torch"), "networks": found}
    MEASURED.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _table() -> str:
    known = json.loads(MEASURED.read_text("utf-8"))
    networks = [card for card in models() if card.family == "network"]
    rows = "".join(_row(card, known["networks"].get(card.name)) for card in networks)
    some = next(iter(known["networks"].values()))
    where = (
        f"Measured by `tools/model_docs.py --measure` on {some['on']}: {known['machine']}, torch "
        f"{known['torch']}, {some['threads']} thread(s), nothing else running. The times are the "
        "processor's, of all its cores together.\n"
    )
    return f"\n{HEAD}{rows}\n{where}\n"


def _row(card: ModelCard, measured: dict[str, Any] | None) -> str:
    costs = ["-"] * 3
    if measured is not None:
        costs = [
            f"{1000 * measured['forward_cpu_s']:.3g} ms",
            f"{1000 * measured['step_cpu_s']:.3g} ms",
            f"{measured['memory_bytes'] / 2**20:,.0f} MiB",
        ]
    size = str(card.input_px or "any (32)")
    if card.least_px:
        size += f", at least {card.least_px}"
    cells = [f"`{card.name}`", size, f"{card.parameters:,}", f"{card.macs / 1e6:,.1f} M", *costs]
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    if "--measure" in sys.argv[1:]:
        measure()
    PAGE.write_text(page(), encoding="utf-8")
