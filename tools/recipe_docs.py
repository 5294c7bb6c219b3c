"""Writes docs/recipe.md from the recipe's fields; a test fails when the page is stale."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from phoropter import Recipe

PAGE = Path(__file__).parents[1] / "docs" / "recipe.md"
HEAD = """\
# Recipe

<!-- Written by tools/recipe_docs.py (make docs); do not edit. -->

A recipe holds everything that decides a run, and nothing else. It is a YAML file
(`--recipe FILE`); what is left out has its default. Single keys are set with
`--set train.lr=0.01`, or in Python with `Recipe().changed({"train.lr": 0.01})`.
An unknown key or a value that does not fit is refused, with the nearest key named.
"""


def page() -> str:
    """The content of docs/recipe.md."""
    parts = [HEAD, "## Keys\n", "| key | values | default | meaning |\n|---|---|---|---|"]
    parts += _rows(Recipe, "")
    defaults = yaml.safe_dump(Recipe().model_dump(), sort_keys=False)
    parts.append(f"\n## All defaults\n\n```yaml\n{defaults}```\n")
    return "\n".join(parts)


def _rows(section: type[BaseModel], prefix: str) -> list[str]:
    rows: list[str] = []
    for name, field in section.model_fields.items():
        kind: Any = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            rows += _rows(kind, f"{prefix}{name}.")
            continue
        meaning = (field.description or "").replace("|", "\\|")
        default = yaml.safe_dump(field.default).splitlines()[0]
        rows.append(f"| `{prefix}{name}` | {_values(kind, field)} | `{default}` | {meaning} |")
    return rows


def _values(kind: Any, field: FieldInfo) -> str:
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    names = {int: "integer", float: "number", bool: "true or false", str: "text"}
    parts = [item for item in (*get_args(kind), kind) if item in names]
    limits = [
        f"{sign} {getattr(limit, word):g}"
        for limit in field.metadata
        for word, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))
        if getattr(limit, word, None) is not None
    ]
    null = " or null" if type(None) in get_args(kind) else ""
    return " ".join([names[parts[0]], ", ".join(limits)]).strip() + null


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
