"""How much room a text takes in a drawing, so that it stays inside."""

from __future__ import annotations

import unicodedata

PX = 14.0
"""The larger of the two sizes in which charts are lettered: that of phones."""

BOLD = 1.12
"""How much wider bold letters are, in the widest of the usual faces."""

_WIDTHS = {
    "'ijl|": 0.22,
    " !,./:;I[]\\ft": 0.28,
    '"()-`r{}·': 0.35,
    "*^Jckssvxyz": 0.5,
    "+<=>~−–": 0.58,
    "FTZABEKPSVXY&": 0.66,
    "CDHNRUwGOQ": 0.76,
    "Mm%W@…→←": 1.0,
}
"""In ems, those of Helvetica (Adobe's font metrics), rounded up in groups."""
_EM = {letter: width for letters, width in _WIDTHS.items() for letter in letters}
_OTHER = 0.58


def text_width(text: str) -> float:
    """About how many drawing units a text takes; every second face is a little wider.

    >>> text_width("0.0001") > text_width("0.1") > text_width("i")
    True
    """
    return PX * sum(_em(letter) for letter in text)


def fitted(text: str, room: float) -> str:
    """The text, or as much of its beginning as fits into `room` drawing units.

    >>> fitted("efficientnet_lite0", 200), fitted("efficientnet_lite0", 80)
    ('efficientnet_lite0', 'efficientne…')
    """
    if text_width(text) <= room:
        return text
    kept = next(
        (end for end in range(len(text) - 1, 0, -1) if text_width(f"{text[:end]}…") <= room), 1
    )
    return f"{text[:kept]}…"


def _em(letter: str) -> float:
    """The advance of a letter; those of Chinese, Japanese and Korean are square."""
    if unicodedata.combining(letter):
        return 0.0
    wide = unicodedata.east_asian_width(letter) in {"F", "W"}
    return 1.0 if wide else _EM.get(letter, _OTHER)
