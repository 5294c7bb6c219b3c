"""Start-up is a feature: what must not be loaded is checked, never how long it takes."""

import json
import subprocess
import sys

import pytest

HEAVY = {
    "accelerate",
    "jinja2",
    "numpy",
    "onnxruntime",
    "pandas",
    "PIL",
    "plotly",
    "polars",
    "pydantic",
    "rich",
    "scipy",
    "sklearn",
    "sqlalchemy",
    "timm",
    "torch",
    "yaml",
}
HELP = "from phoropter.cli.main import main; main({words!r})"


def loaded(code):
    """The heavy packages that a fresh interpreter has loaded after `code`."""
    script = f"{code}\nimport json, sys\nprint('\\n' + json.dumps(sorted(sys.modules)))"
    finished = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    modules = json.loads(finished.stdout.splitlines()[-1])
    return HEAVY & {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize(
    "code",
    [
        "import phoropter; phoropter.__version__; phoropter.PhoropterError; dir(phoropter)",
        HELP.format(words=["--help"]),
    ],
)
def test_nothing_heavy_is_loaded(code):
    assert loaded(code) == set()


@pytest.mark.parametrize("words", [["train", "--help"], ["trian"], ["train", "x", "--budget", "9"]])
def test_what_needs_no_data_loads_only_what_reads_options(words):
    assert loaded(HELP.format(words=words)) <= {"pydantic"}


def test_the_models_are_listed_without_importing_them():
    heavy = loaded("import phoropter; phoropter.models()")
    assert heavy.isdisjoint({"torch", "timm", "sklearn", "scipy"})


def test_a_recipe_needs_no_torch():
    assert loaded("import phoropter; phoropter.Recipe()").isdisjoint({"torch", "sklearn"})


@pytest.mark.parametrize(
    "package", ["core", "metrics", "look", "diagnosis", "comparison", "report"]
)
def test_records_are_judged_without_torch(package):
    code = (
        "import importlib, pkgutil, phoropter\n"
        f"package = importlib.import_module('phoropter.{package}')\n"
        "for found in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "    importlib.import_module(found.name)"
    )
    assert "torch" not in loaded(code)
