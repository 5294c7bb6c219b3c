"""Which texts are copies of each other but for a few characters."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from phoropter.core.seed import generator
from phoropter.look.copies import NO_COPIES, Copies
from phoropter.look.detail import blocks

SIMILARITY = 0.8
"""Jaccard similarity of the sets of shingles from which two texts are copies: the level that
Broder, "On the resemblance and containment of documents" (1997), and the cleaning of web corpora
since then (Lee et al., "Deduplicating training data makes language models better", 2022) use."""

SHINGLE = 5
"""Characters of a shingle."""

SHORTEST = 20
"""Characters of a text below which only equal ones are copies: one letter more or less is another
word, and chance alone makes short texts alike."""

BANDS, ROWS = 25, 5
"""Hash values compared together and how often: two texts of similarity s are looked at closely
with probability 1 - (1 - s^5)^25, which is 0.9999 at 0.8 and 0.05 at 0.3."""

BLOCK_TEXTS = 5_000

LARGEST_BUCKET = 50
"""Texts with one band in common that are compared with each other; of more, each is compared with
the next few, which still ties them into one family."""

_SPACE = re.compile(r"[\W_]+")


def normalized(text: str) -> str:
    """A text without its case, punctuation and spacing.

    >>> normalized("Hello,  WORLD!")
    'hello world'
    """
    return _SPACE.sub(" ", text.casefold()).strip()


def text_copies(texts: Sequence[str], *, seed: int = 0) -> Copies:
    """Pairs of texts that differ and say the same, most alike first; distance is 1 - similarity.

    Texts equal but for case, punctuation and spacing, and longer ones that share four fifths of
    their parts of five characters. Candidates are found by MinHash in time that grows with the
    number of texts, not with its square, and each is checked exactly.

    >>> long = "the quick brown fox jumps over the lazy dog and runs away from here"
    >>> text_copies([long, long + "!", "something else entirely, with other words"]).pairs.tolist()
    [[0, 1]]
    """
    plain = [normalized(text) for text in texts]
    pairs = _equal_pairs(plain)
    pairs |= _candidates(plain, seed)
    found: list[tuple[float, int, int]] = []
    for first, second in pairs:
        distance = 0.0
        if plain[first] != plain[second]:
            distance = 1 - _similarity(_shingles(plain[first]), _shingles(plain[second]))
        if distance <= 1 - SIMILARITY + 1e-9:
            found.append((distance, first, second))
    if not found:
        return NO_COPIES
    found.sort()
    return Copies(
        np.array([pair for _, *pair in found], dtype=np.int64),
        np.array([distance for distance, *_ in found]),
        None,
    )


def _equal_pairs(plain: Sequence[str]) -> set[tuple[int, int]]:
    """Each text beside the first one that is equal to it."""
    first: dict[str, int] = {}
    pairs = set()
    for at, text in enumerate(plain):
        if text and first.setdefault(text, at) != at:
            pairs.add((first[text], at))
    return pairs


def _shingles(text: str) -> NDArray[np.uint32]:
    """Hashes of every `SHINGLE` neighbouring characters, sorted, each once."""
    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    windows = np.lib.stride_tricks.sliding_window_view(codes, SHINGLE)
    value = np.zeros(len(windows), dtype=np.uint64)
    for place in range(SHINGLE):  # FNV-1a over whole characters
        value = (value ^ windows[:, place]) * np.uint64(1099511628211)
    return np.unique((value ^ (value >> np.uint64(32))).astype(np.uint32))


def _candidates(plain: Sequence[str], seed: int) -> set[tuple[int, int]]:
    """Pairs of long texts that agree in all hash values of one band."""
    rows = [at for at, text in enumerate(plain) if len(text) >= SHORTEST]
    if len(rows) < 2:
        return set()
    signatures = _signatures([plain[at] for at in rows], seed)
    pairs: set[tuple[int, int]] = set()
    for band in range(BANDS):
        part = np.ascontiguousarray(signatures[:, band * ROWS : (band + 1) * ROWS])
        keys = part.view(f"V{part.dtype.itemsize * ROWS}").ravel()
        _, bucket = np.unique(keys, return_inverse=True)
        order = np.argsort(bucket, kind="stable")
        for members in np.split(order, np.flatnonzero(np.diff(bucket[order])) + 1):
            pairs |= _neighbours([rows[at] for at in members.tolist()])
    return pairs


def _neighbours(members: Sequence[int]) -> set[tuple[int, int]]:
    reach = len(members) if len(members) <= LARGEST_BUCKET else 5
    return {
        (first, second)
        for at, first in enumerate(members)
        for second in members[at + 1 : at + 1 + reach]
    }


def _signatures(plain: Sequence[str], seed: int) -> NDArray[np.uint32]:
    """MinHash values, shape (n, `BANDS` * `ROWS`): the least of each set under random hashes.

    Sets of shingles are many times as large as their signatures, so that only those of
    `BLOCK_TEXTS` texts are held at once.
    """
    rng = generator(seed, "minhash")
    factors = rng.integers(1, 1 << 62, BANDS * ROWS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    shifts = rng.integers(0, 1 << 62, BANDS * ROWS, dtype=np.uint64)
    signatures = np.empty((len(plain), BANDS * ROWS), dtype=np.uint32)
    for block in blocks(len(plain), BLOCK_TEXTS):
        shingles = [_shingles(text) for text in plain[block]]
        flat = np.concatenate(shingles).astype(np.uint64)
        starts = np.cumsum([0, *(len(item) for item in shingles[:-1])])
        for column, (factor, shift) in enumerate(zip(factors, shifts, strict=True)):
            hashed = (flat * factor + shift) >> np.uint64(32)  # multiply-shift: Dietzfelbinger 1997
            signatures[block, column] = np.minimum.reduceat(hashed, starts)
    return signatures


def _similarity(first: NDArray[np.uint32], second: NDArray[np.uint32]) -> float:
    """Jaccard similarity of two sorted sets."""
    shared = len(np.intersect1d(first, second, assume_unique=True))
    return shared / (len(first) + len(second) - shared)
