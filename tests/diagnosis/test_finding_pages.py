"""The pages of docs/findings that show real runs, sets and loops: they can be made again."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "findings"
SHOWN = sorted(
    page.stem
    for page in PAGES.glob("*.md")
    if "\n## A healthy and a sick " in page.read_text("utf-8")
)


@pytest.fixture
def runs(monkeypatch):
    """The script that makes the pages."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    return importlib.import_module("finding_runs")


@pytest.mark.parametrize("code", SHOWN)
def test_a_page_shows_how_both_are_made_and_what_was_said(code):
    text = (PAGES / f"{code}.md").read_text("utf-8")
    commands = re.findall(r"^phoropter (?:train|look) .*", text, re.MULTILINE)
    changed = re.findall(r"^[-+] .*", text.partition("```diff")[2], re.MULTILINE)
    assert len(commands) == 2 or changed
    assert len(set(commands)) == len(commands)
    said = next(line for line in text.splitlines() if line.startswith("| findings | "))
    *_, healthy, sick, _ = said.split("|")
    assert f"{code} (" in sick
    assert f"{code} (" not in healthy


@pytest.mark.parametrize("code", sorted(picture.stem for picture in PAGES.glob("*.svg")))
def test_a_picture_is_on_its_page_and_small(code):
    text = (PAGES / f"{code}.md").read_text("utf-8")
    assert f"![The healthy one beside the sick one]({code}.svg)" in text
    assert (PAGES / f"{code}.svg").stat().st_size < 60_000


def test_every_pair_is_shown(runs):
    assert sorted(runs.KINDS) == SHOWN


def test_what_a_loop_is_changed_by_is_in_the_loop(runs):
    text = (PAGES / "loop.py").read_text("utf-8")
    for change in runs.finding_loops.CHANGES.values():
        assert text.count(change.old) == 1


@pytest.mark.nightly
@pytest.mark.parametrize("code", SHOWN)
def test_what_a_page_shows_still_shows_what_it_says(runs, code, tmp_path):
    exhibition = runs.KINDS[code](code)
    _, sick = runs.both(code, exhibition, tmp_path)
    text = (PAGES / f"{code}.md").read_text("utf-8")
    assert exhibition.difference in text
    assert all(line in text for line in sick.command.splitlines() if not exhibition.difference)
    assert f"this is said ({sick.finding(code).severity}):" in text
