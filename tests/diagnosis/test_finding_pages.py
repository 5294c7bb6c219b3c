"""The pages of docs/findings that show real runs: what they show can be made again."""

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "findings"
SHOWN = sorted(picture.stem for picture in PAGES.glob("*.svg"))


@pytest.fixture
def runs(monkeypatch):
    """The script that makes the pages."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    return importlib.import_module("finding_runs")


@pytest.mark.parametrize("code", SHOWN)
def test_a_picture_has_a_page_with_both_commands(code):
    text = (PAGES / f"{code}.md").read_text("utf-8")
    assert f"![The healthy run beside the sick one]({code}.svg)" in text
    assert text.count("phoropter train") == 2
    assert "| findings | " in text
    assert (PAGES / f"{code}.svg").stat().st_size < 40_000


def test_every_pair_is_shown(runs):
    assert sorted(runs.PAIRS) == SHOWN


@pytest.mark.nightly
@pytest.mark.parametrize("code", SHOWN)
def test_the_runs_of_a_page_still_show_what_it_says(runs, code, tmp_path):
    healthy, sick = runs.both(code, tmp_path)
    text = (PAGES / f"{code}.md").read_text("utf-8")
    assert healthy.command in text
    assert sick.command in text
    assert f"this is said ({sick.finding.severity}):" in text
