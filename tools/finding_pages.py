"""Writes the tables of docs/findings.md from codes and pages; a test fails when they are stale."""

from __future__ import annotations

import re
from pathlib import Path

from phoropter.diagnosis.codes import CODES
from phoropter.diagnosis.diagnose import EXPLAINS

INDEX = Path(__file__).parents[1] / "docs" / "findings.md"
PAGES = INDEX.with_suffix("")
PLACES = {
    "data": "The data",
    "before": "Before training",
    "training": "Training",
    "result": "The result",
    "generative": "Generative models",
    "deployed": "In use",
}
_SECTION = re.compile(r"(<!-- (\w+): [^\n]*-->\n).*?(<!-- end -->)", re.DOTALL)


def page() -> str:
    """The content of docs/findings.md, its tables made anew."""
    made = {"silences": _silences(), "codes": _codes()}
    text = INDEX.read_text("utf-8")
    return _SECTION.sub(lambda found: f"{found[1]}{made[found[2]]}\n{found[3]}", text)


def _silences() -> str:
    rows = [
        f"| {_link(cause)} | {', '.join(sorted(silenced))} |"
        for cause, silenced in sorted(EXPLAINS.items())
    ]
    return "\n".join(["", "| cause | silences |", "|---|---|", *rows, ""])


def _codes() -> str:
    parts = []
    for category, title in PLACES.items():
        codes = sorted(code for code, kind in CODES.items() if kind == category)
        rows = [f"| {_link(code)} | {first_sentence(code)} |" for code in codes]
        parts.append("\n".join([f"\n### {title}\n", "| code | what it says |", "|---|---|", *rows]))
    return "\n".join([*parts, ""])


def _link(code: str) -> str:
    return f"[{code}](findings/{code}.md)"


def first_sentence(code: str) -> str:
    """What the page of a code begins with, on one line, without links and parentheses."""
    text = (PAGES / f"{code}.md").read_text("utf-8")
    body = " ".join(text.partition("\n")[2].split())
    plain = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", body)
    plain = re.sub(r"\s*\([^()]*\)", "", plain)
    return re.split(r"(?<=[.:;])\s", plain)[0].rstrip(":;,.") + "."


if __name__ == "__main__":
    INDEX.write_text(page(), "utf-8")
