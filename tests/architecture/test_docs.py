"""Documentation that cannot go stale: pages are generated or run, never only read."""

import re
import shlex
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import typer

from phoropter.cli.main import application
from phoropter.core.recipe import Recipe, flat, from_yaml

ROOT = Path(__file__).parents[2]
FINDINGS = sorted((ROOT / "docs" / "findings").glob("*.md"))
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *FINDINGS,
]
MARKDOWN = [*PAGES, ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs" / "adr").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def blocks(page, language):
    return [body for kind, body in BLOCK.findall(page.read_text("utf-8")) if kind == language]


def tool(name):
    spec = spec_from_file_location(f"tool_{name}", ROOT / "tools" / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.name
)
def test_the_python_of_a_page_runs_from_top_to_bottom(page, tmp_path):
    finished = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks(page, "python"))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_exist(page):
    commands = typer.main.get_command(application()).commands
    keys = flat(Recipe())
    for line in "\n".join(blocks(page, "bash")).splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] != ["phoropter"]:
            continue
        known = {spelling for item in commands[words[1]].params for spelling in item.opts}
        assert {word for word in words if word.startswith("--")} <= known, line
        settings = [words[at + 1] for at, word in enumerate(words) if word == "--set"]
        assert {setting.partition("=")[0] for setting in settings} <= set(keys), line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_make_targets_of_a_page_exist(page):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for line in "\n".join(blocks(page, "bash")).splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["make"]:
            assert words[1] in targets, line


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("cli_docs", "cli.md"),
        ("recipe_docs", "recipe.md"),
        ("model_docs", "models.md"),
        ("finding_pages", "findings.md"),
    ],
)
def test_generated_pages_are_fresh(name, page):
    written = (ROOT / "docs" / page).read_text("utf-8")
    assert written == tool(name).page(), "run: make docs"


def test_the_recipe_page_shows_a_recipe_that_reads_back():
    [text] = blocks(ROOT / "docs" / "recipe.md", "yaml")
    assert from_yaml(text) == Recipe()


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    missing = [
        link for link in LINK.findall(page.read_text("utf-8")) if not (page.parent / link).exists()
    ]
    assert missing == []


def test_every_error_is_documented():
    from phoropter.core import errors
    from phoropter.data import decode
    from phoropter.models import timm_zoo

    assert issubclass(timm_zoo.WeightsUnavailableError, errors.PhoropterError)
    assert issubclass(decode.UnreadableImageError, errors.InputError)

    page = (ROOT / "docs" / "errors.md").read_text("utf-8")
    known = [errors.PhoropterError]
    for kind in known:
        known += kind.__subclasses__()
    for kind in known[1:]:
        assert re.search(rf"^\| `{kind.code}` \|.*\| {kind.exit_code} \|$", page, re.MULTILINE), (
            kind
        )
