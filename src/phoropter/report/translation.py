"""What checks, rules and the split say in English, in another language.

Findings are made, stored and printed as JSON in English. A page or a terminal that speaks another
language looks each sentence up in a catalogue of patterns, so that records of any age, and those
of other people's checks as far as the catalogue knows them, are translated where they are shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files

import yaml

_CATALOGUES = files("phoropter.report") / "translations"
_HOLE = re.compile(r"\{(#?)(\w+)(?::(\w+))?\}")
_NUMBER = r"[+\-−]?(?:[\d.,]*\d(?:e[+\-]?\d+)?|inf|nan)"
_COUNT = r"[\d,.]+ [a-z ]+"
_JOINTS = {"list": ", ", "clauses": "; ", "sentences": " "}
_PARTICLE = re.compile(r"([가-힣0-9])(은\(는\)|이\(가\)|을\(를\)|\(으\)로)")
_PARTICLES = {"은(는)": ("은", "는"), "이(가)": ("이", "가"), "을(를)": ("을", "를")}
_DIGITS = "영일이삼사오육칠팔구"
_SENTENCE_END = re.compile(r"(?<=\.) (?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Entry:
    """One sentence, or a phrase that sentences are made of.

    Args:
        source: The English with its holes.
        target: The translation with the same holes.
        pattern: Matches the English with its holes filled.
        kinds: How each hole is taken over: "" as it is, "say" and "count" translated, "list" and
            so on item by item.
    """

    source: str
    target: str
    pattern: re.Pattern[str]
    kinds: dict[str, str]


def translated(text: str, language: str) -> str:
    """The text in the language; as it is where the catalogue does not know it.

    >>> translated("2 pictures are like no other.", "ko")
    '다른 어떤 것과도 다른 이미지 2장이 있습니다.'
    >>> translated("2 pictures are like no other.", "en")
    '2 pictures are like no other.'
    """
    if language == "en":
        return text
    plain, others = _catalogue(language)
    if text in plain:
        return plain[text].target
    for entry in others:
        match = entry.pattern.fullmatch(text)
        if match:
            said = {
                name: _said(value, entry.kinds[name], language)
                for name, value in match.groupdict().items()
            }
            return _fitting(_HOLE.sub(partial(_filled, said), entry.target))
    return text


def _filled(values: Mapping[str, str], hole: re.Match[str]) -> str:
    return values[hole[2]]


def _fitting(text: str) -> str:
    """Korean with the form of each particle that fits the syllable or digit before it.

    >>> _fitting("이미지은(는) 사본을(를) 3(으)로")
    '이미지는 사본을 3으로'
    """

    def chosen(found: re.Match[str]) -> str:
        syllable, particle = found.groups()
        spoken = _DIGITS[int(syllable)] if syllable.isdecimal() else syllable
        final = (ord(spoken) - ord("가")) % 28  # 0: none; 8: ㄹ
        if particle == "(으)로":
            return syllable + ("으로" if final not in {0, 8} else "로")
        return syllable + _PARTICLES[particle][final == 0]

    return _PARTICLE.sub(chosen, text)


def _said(value: str, kind: str, language: str) -> str:
    if kind == "sentences":
        return " ".join(translated(item, language) for item in _SENTENCE_END.split(value))
    if kind in _JOINTS:
        joint = _JOINTS[kind]
        return joint.join(translated(item, language) for item in value.split(joint))
    return translated(value, language) if kind in {"say", "count"} else value


@cache
def entries(language: str) -> tuple[Entry, ...]:
    """The catalogue of a language; empty where there is none."""
    place = _CATALOGUES / f"{language}.yaml"
    if not place.is_file():
        return ()
    items = yaml.safe_load(place.read_text(encoding="utf-8"))
    return tuple(_entry(item["en"], item[language]) for item in items)


@cache
def _catalogue(language: str) -> tuple[dict[str, Entry], tuple[Entry, ...]]:
    """Sentences without holes by their text, and the others, the most specific first."""
    known = entries(language)
    plain = {entry.source: entry for entry in known if not entry.kinds}
    others = [entry for entry in known if entry.kinds]
    others.sort(key=_looseness)
    return plain, tuple(others)


def _looseness(entry: Entry) -> tuple[int, int]:
    """Sorts what begins with the most words of its own first, then what has the most at all."""
    start = _HOLE.search(entry.source)
    return -start.start() if start else 0, -len(_HOLE.sub("", entry.source))


def _entry(source: str, target: str) -> Entry:
    parts, kinds, place = [], {}, 0
    for hole in _HOLE.finditer(source):
        number, name, kind = hole.groups()
        parts += [
            re.escape(source[place : hole.start()]),
            f"(?P<{name}>{_NUMBER if number else _COUNT if kind == 'count' else '.+?'})",
        ]
        kinds[name] = kind or ""
        place = hole.end()
    parts.append(re.escape(source[place:]))
    return Entry(source, target, re.compile("".join(parts), re.DOTALL), kinds)
