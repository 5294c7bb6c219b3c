"""The pages of docs/findings that show real runs, sets, loops and projects can be made again."""

import importlib
import math
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
    commands = re.findall(r"^ *phoropter (?:train|look) .*", text, re.MULTILINE)
    changed = re.findall(r"^[-+] .*", text.partition("```diff")[2], re.MULTILINE)
    assert len(commands) in {2, 4} or changed  # a project may be looked at first
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


def test_a_project_is_told_in_as_many_runs_as_it_is_made_of(runs):
    for story in runs.finding_stories.STORIES.values():
        for side in (story.healthy, story.sick):
            lines = runs.finding_stories.commands(side)
            loops = re.findall(r"for \w+ in ([^;]+); do", "\n".join(lines))
            made = list(side.runs())
            assert math.prod(len(values.split()) for values in loops) == len(made)
            assert len({str(run) for run in made}) == len(made)
            assert sum("phoropter train" in line for line in lines) == 1


@pytest.mark.nightly
@pytest.mark.parametrize("code", SHOWN)
def test_what_a_page_shows_still_shows_what_it_says(runs, code, tmp_path):
    exhibition = runs.KINDS[code](code)
    _, sick = runs.both(code, exhibition, tmp_path)
    text = (PAGES / f"{code}.md").read_text("utf-8")
    assert exhibition.difference in text
    assert all(line in text for line in sick.command.splitlines() if not exhibition.difference)
    assert f"this is said ({sick.finding(code).severity}):" in text
