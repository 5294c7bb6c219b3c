"""The files around the code say what is so."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "phoropter"
TEXTS = [
    *(path for path in ROOT.glob("*") if path.suffix in {".md", ".toml"}),
    ROOT / "Makefile",
    ROOT / ".ci" / "run",
    *(
        path
        for folder in ("src", "tests", "tools", "docs", "benchmarks", "examples")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".md", ".yaml", ".svg", ".html", ".j2", ".css"}
    ),
]
PRIVATE = re.compile("|".join(["/" + "work/", "/" + "root/", "/" + "home/[a-z]", "/" + "tmp/w"]))


def test_the_readme_has_its_two_commands():
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "make demo" in readme
    assert "make test" in readme


def test_the_readme_lists_every_package():
    rows = re.findall(r"^\| `(\w+)` \|", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert sorted(rows) == sorted(packages)


def test_the_architecture_page_draws_the_layers_that_are_checked():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    [layers] = [item["layers"] for item in contracts if item["type"] == "layers"]
    assert "\n".join(layers) in (ROOT / "ARCHITECTURE.md").read_text("utf-8")


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_names_a_private_place(path):
    assert PRIVATE.findall(path.read_text("utf-8")) == []


def test_every_decision_has_a_number_of_its_own():
    pages = sorted((ROOT / "docs" / "adr").glob("*.md"))
    numbers = [int(page.name[:4]) for page in pages]
    assert len(set(numbers)) == len(numbers)
    for page, number in zip(pages, numbers, strict=True):
        assert page.read_text("utf-8").startswith(f"# {number}. "), page.name


def test_entry_points_are_sorted_and_lead_somewhere():
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]
    for group, entries in groups.items():
        assert list(entries) == sorted(entries), group
        for value in entries.values():
            module = value.partition(":")[0].replace(".", "/")
            assert (ROOT / "src" / f"{module}.py").exists(), value


def test_the_ci_script_can_be_executed():
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_the_version_is_in_the_changelog_or_unreleased():
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert "## [Unreleased]" in changes or "## [0.1.0]" in changes
