"""Writes docs/cli.md from the commands themselves; a test fails when the page is stale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from phoropter.cli.main import application

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
HEAD = """\
# Commands

<!-- Written by tools/cli_docs.py (make docs); do not edit. -->

Words and progress go to stderr, results to stdout. With `--json`, stdout is exactly one JSON
document, on failure too. See [errors](errors.md) for the exit codes.
"""


def page() -> str:
    """The content of docs/cli.md."""
    commands = typer.main.get_command(application()).commands
    return "\n".join([HEAD, *(_section(name, item) for name, item in commands.items())])


def _section(name: str, command: Any) -> str:
    arguments = [item for item in command.params if item.param_type_name == "argument"]
    options = [item for item in command.params if item.param_type_name == "option"]
    words = " ".join(["phoropter", name, *(str(item.metavar) for item in arguments)])
    rows = [(f"`{item.metavar}`", item) for item in arguments]
    rows += [(f"`{_spelling(item)}`", item) for item in options]
    table = "\n".join(f"| {left} | {_meaning(item)} |" for left, item in rows)
    return (
        f"## {name}\n\n```\n{words} [OPTIONS]\n```\n\n{command.help.strip()}\n\n"
        f"| word | meaning |\n|---|---|\n{table}\n"
    )


def _spelling(option: Any) -> str:
    value = f" {option.metavar}" if option.metavar else ""
    return f"{option.opts[0]}{value}".replace("|", "\\|")


def _meaning(item: Any) -> str:
    default = item.default
    shown = isinstance(default, str) and "(default" not in item.help
    return f"{item.help} Default: `{default}`." if shown else item.help


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
