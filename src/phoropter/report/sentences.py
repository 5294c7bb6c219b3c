"""Every sentence of the page, by key, from one file a language."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from string import Template
from types import MappingProxyType

import yaml

from phoropter.core.errors import UsageError, nearest
from phoropter.report.translation import translated

_LOCALE = files("phoropter.report") / "locale"


class Sentences:
    """The sentences of one language.

    >>> Sentences("en")("cost-runs", count=3)
    '3 × this run'

    Raises:
        UsageError: If there is no such language.
    """

    def __init__(self, language: str) -> None:
        if language not in languages():
            raise UsageError(
                f"There are no sentences in the language {language!r}.",
                hint=nearest(language, languages()),
            )
        self.language = language
        self._texts = texts(language)

    def __call__(self, key: str, **values: object) -> str:
        """The sentence `key` with its `$placeholders` filled."""
        return Template(self._texts[key]).substitute({k: str(v) for k, v in values.items()})

    def text(self, english: str) -> str:
        """What a check, a rule or the split said, as far as it is known in this language."""
        return translated(english, self.language)

    def known(self, key: str, other: str) -> str:
        """The sentence `key` if there is one, else `other`."""
        return self._texts.get(key, other)


@cache
def languages() -> tuple[str, ...]:
    """The codes of the languages there are, sorted."""
    return tuple(sorted(item.name.removesuffix(".yaml") for item in _LOCALE.iterdir()))


@cache
def texts(language: str) -> MappingProxyType[str, str]:
    """All texts of a language by key."""
    return MappingProxyType(
        yaml.safe_load((_LOCALE / f"{language}.yaml").read_text(encoding="utf-8"))
    )
