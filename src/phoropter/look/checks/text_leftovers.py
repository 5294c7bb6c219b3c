"""What the way here left in the texts: wrong decoding, mark-up, addresses without words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from phoropter.core.records import Finding, Prescription, Severity
from phoropter.look.evidence import LookEvidence
from phoropter.look.listing import counted, listed

WARNING_SHARE = 0.01
"""Share of texts with broken letters from which words are lost to the model."""

_BROKEN = re.compile(
    "\ufffd"  # what a decoder writes for bytes that it cannot read
    "|[\u00c2\u00c3][\u0080-\u00bf]"  # UTF-8 read as Latin-1 or cp1252: two letters for one
    "|\u00e2\u20ac[\u2122\u0153\u02dc\u201c\u201d\u00a6]?"  # the same with quotation marks
    "|\u00ef\u00bf\u00bd|\u00ef\u00bb\u00bf"
    "|[\u0080-\u009f]"  # control characters of Latin-1, which no keyboard types
)
_TAG = re.compile(
    r"</?(?:p|br|div|span|a|b|i|em|strong|ul|ol|li|table|tr|td|img|h[1-6])\b[^<>]*>", re.IGNORECASE
)
_ENTITY = re.compile(r"&(?:#\d{1,6}|#x[0-9a-f]{1,6}|[a-z]{2,8});|(?<!\w)#\d{2,4};", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_]")


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding for broken letters, one for mark-up and for addresses that stand alone."""
    texts = evidence.texts
    broken = [row for row, text in enumerate(texts) if _BROKEN.search(text)]
    if broken:
        yield _wrong_encoding(evidence, broken)
    kinds = {
        "tags": [row for row, text in enumerate(texts) if _TAG.search(text)],
        "entities": [row for row, text in enumerate(texts) if _ENTITY.search(text)],
        "only an address": [row for row, text in enumerate(texts) if _only_address(text)],
        "no letter": [row for row, text in enumerate(texts) if not _LETTER.search(text)],
    }
    if any(kinds.values()):
        yield _leftovers(evidence, kinds)


def _only_address(text: str) -> bool:
    return bool(_ADDRESS.search(text)) and not _LETTER.search(_ADDRESS.sub("", text))


def _wrong_encoding(evidence: LookEvidence, rows: Sequence[int]) -> Finding:
    share = len(rows) / len(evidence.dataset)
    severity: Severity = "warning" if share >= WARNING_SHARE else "info"
    return Finding(
        code="wrong-encoding",
        severity=severity,
        confidence=0.9,
        message=(
            f"{counted(len(rows), 'text')} ({share:.1%}) hold letters broken by a wrong decoding, "
            f"for example {_around(evidence.texts[rows[0]], _BROKEN)!r}."
        ),
        evidence={
            "count": len(rows),
            "share": share,
            "warning_share": WARNING_SHARE,
            "samples": listed(str(evidence.ids[row]) for row in rows),
        },
        prescriptions=(
            Prescription(
                change={},
                advice="Export the texts again as UTF-8.",
                expected_gain=None,
                cost=0.0,
                why="A word with a broken letter is another word to the model.",
            ),
        ),
    )


def _leftovers(evidence: LookEvidence, kinds: dict[str, list[int]]) -> Finding:
    rows = sorted({row for found in kinds.values() for row in found})
    parts = ", ".join(f"{name} in {len(found):,}" for name, found in kinds.items() if found)
    return Finding(
        code="leftover-markup",
        severity="info",
        confidence=0.9,
        message=f"{counted(len(rows), 'text')} hold what is no language: {parts}.",
        evidence={
            "count": len(rows),
            "share": len(rows) / len(evidence.dataset),
            "kinds": {name: len(found) for name, found in kinds.items()},
            "samples": {
                name: listed(str(evidence.ids[row]) for row in found)
                for name, found in kinds.items()
            },
        },
    )


def _around(text: str, pattern: re.Pattern[str]) -> str:
    match = pattern.search(text)
    start = match.start() if match else 0
    return text[max(start - 10, 0) : start + 12]
