"""The templates of the pages and the filters that they use."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache

import jinja2

from phoropter.core.change import settings
from phoropter.core.files import plain
from phoropter.report import numbers
from phoropter.report.pictures import data_uri

_MOST_EVIDENCE = 400


@cache
def environment() -> jinja2.Environment:
    """The templates; everything put into them is escaped unless it is marked as safe."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("phoropter.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "number": numbers.number,
        "fraction": numbers.fraction,
        "percent": numbers.percent,
        "three": numbers.three,
        "signed": numbers.signed,
        "reached": numbers.reached,
        "interval": numbers.interval,
        "ends": numbers.ends,
        "duration": numbers.duration,
        "settings": settings,
        "evidence": _evidence,
        "uri": data_uri,
    }
    return made


def _evidence(value: object) -> str:
    """A piece of evidence in one line."""
    if isinstance(value, str | int | float) or value is None:
        return numbers.number(value)
    if isinstance(value, list | tuple) and all(isinstance(v, str | int | float) for v in value):
        text = ", ".join(map(numbers.number, value)) or numbers.number(None)
    elif isinstance(value, Mapping) and not any(
        isinstance(v, Mapping | list) for v in value.values()
    ):
        text = ", ".join(f"{key}: {numbers.number(item)}" for key, item in value.items())
    else:
        text = json.dumps(plain(value), ensure_ascii=False)
    return text if len(text) <= _MOST_EVIDENCE else f"{text[:_MOST_EVIDENCE]} …"
