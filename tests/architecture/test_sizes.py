"""Small functions, files and classes; the limits are the project's own."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(
    path for folder in ("src", "tests", "tools") for path in (ROOT / folder).rglob("*.py")
)
FUNCTION_LINES, FILE_LINES, CLASS_METHODS, POSITIONAL = 60, 400, 15, 5
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc"}


def functions(tree):
    return [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


@pytest.mark.parametrize("folder", ["src", "tests", "tools"])
def test_sizes(folder):
    offences = []
    for path in FILES:
        if path.relative_to(ROOT).parts[0] != folder:
            continue
        text, name = path.read_text(encoding="utf-8"), str(path.relative_to(ROOT))
        if (lines := text.count("\n")) > FILE_LINES:
            offences.append(f"{name}: {lines} lines")
        tree = ast.parse(text)
        for function in functions(tree):
            lines = function.end_lineno - function.lineno + 1
            if lines > FUNCTION_LINES:
                offences.append(f"{name}: {function.name} has {lines} lines")
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                methods = sum(isinstance(item, ast.FunctionDef) for item in node.body)
                if methods > CLASS_METHODS:
                    offences.append(f"{name}: {node.name} has {methods} methods")
    assert offences == []


def test_commands_are_thin():
    faces = (ROOT / "src/phoropter/cli").glob("*.py")
    commands = {path for path in faces if "from phoropter.project import api" in path.read_text()}
    assert len(commands) == 19
    assert {path.name for path in commands if path.read_text().count("\n") >= 60} == set()


def test_names_say_what_is_inside():
    assert [str(path) for path in FILES if VAGUE & {path.stem, *path.parts}] == []


def test_public_functions_take_few_arguments_by_position():
    offences = []
    for path in FILES:
        if path.relative_to(ROOT).parts[0] != "src":
            continue
        for function in functions(ast.parse(path.read_text(encoding="utf-8"))):
            names = [item.arg for item in function.args.args if item.arg not in {"self", "cls"}]
            if not function.name.startswith("_") and len(names) > POSITIONAL:
                offences.append(f"{path.name}: {function.name}({', '.join(names)})")
    assert offences == []
