"""Writes docs/recipe.md from the recipe's fields; a test fails when the page is stale."""

from __future__ import annotations

from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

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
    words = [f"`{word}`" for word in _words(kind)]
    if get_origin(kind) is Literal:
        return ", ".join(words)
    if get_origin(kind) is tuple:
        return "list"
    names = {int: "integer", float: "number", bool: "true or false", str: "text"}
    bare = [get_args(item)[0] if hasattr(item, "__metadata__") else item for item in _parts(kind)]
    inner = [limit for item in _parts(kind) for limit in getattr(item, "__metadata__", ())]
    limits = [
        f"{sign} {getattr(limit, word):g}"
        for limit in (*field.metadata, *(one for info in inner for one in info.metadata))
        for word, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))
        if getattr(limit, word, None) is not None
    ]
    first = next(names[item] for item in bare if item in names)
    null = ["null"] if type(None) in bare else []
    return " or ".join([" ".join([first, ", ".join(limits)]).strip(), *words, *null])


def _parts(kind: Any) -> tuple[Any, ...]:
    """The alternatives of a union, or the kind itself."""
    return get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)


def _words(kind: Any) -> list[Any]:
    literals = [item for item in _parts(kind) if get_origin(item) is Literal]
    return [word for item in literals for word in get_args(item)]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
