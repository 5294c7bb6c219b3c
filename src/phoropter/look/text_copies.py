"""Which texts are copies of each other but for a few characters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from phoropter.core.seed import generator
from phoropter.look.copies import NO_COPIES, Copies
from phoropter.look.detail import blocks
from phoropter.look.families import joined

SIMILARITY = 0.8
"""Jaccard similarity of the sets of shingles from which two texts are copies: the level that
Broder, "On the resemblance and containment of documents" (1997), and the cleaning of web corpora
since then (Lee et al., "Deduplicating training data makes language models better", 2022) use."""

SHINGLE = 5
"""Characters of a shingle."""

SHORTEST = 20
"""Characters of a text below which only equal ones are copies: one letter more or less is another
word, and chance alone makes short texts alike."""

BANDS, ROWS = 40, 7
"""Hash values compared together and how often: two texts of similarity s are looked at closely
with probability 1 - (1 - s^7)^40, which is 0.9999 at 0.8 and 0.009 at 0.3."""

LEAST_AGREEMENT = 0.68
"""Share of equal hash values from which a pair is compared exactly. It is an estimate of the
similarity with a standard deviation of 0.024 at 0.8, so that one copy in a million is below."""

BLOCK_TEXTS = 1_000
BLOCK_PAIRS = 50_000

LARGEST_FAMILY = 50
"""Texts with one band in common that are compared with each other; of more, each is compared with
the next few, which still ties them into one family. What lies in one family of more texts than that
is not compared again."""

NEXT_FEW = 5

Pairs = NDArray[np.int64]

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
    equal = _equal_pairs(plain)
    near, distances = _near_pairs(plain, seed)
    pairs = np.concatenate([equal, near])
    if not len(pairs):
        return NO_COPIES
    _, once = np.unique(_codes(pairs, len(plain)), return_index=True)
    distances = np.append(np.zeros(len(equal)), distances)[once]
    nearest_first = np.argsort(distances, kind="stable")
    return Copies(pairs[once][nearest_first], distances[nearest_first], None)


def _equal_pairs(plain: Sequence[str]) -> Pairs:
    """Each text beside the first one that is equal to it, shape (p, 2)."""
    first: dict[str, int] = {}
    pairs = [
        (first[text], at)
        for at, text in enumerate(plain)
        if text and first.setdefault(text, at) != at
    ]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _codes(pairs: Pairs, count: int) -> NDArray[np.int64]:
    """One number for each pair (p, 2) of `count` places, in the order of the pairs."""
    return np.asarray(pairs[:, 0] * count + pairs[:, 1])


def _distances(plain: Sequence[str], pairs: Pairs) -> NDArray[np.float64]:
    """1 less the Jaccard similarity of each pair, shape (p,)."""
    distances = np.zeros(len(pairs))
    for at, (first, second) in enumerate(pairs.tolist()):
        if plain[first] != plain[second]:
            distances[at] = 1 - _similarity(_shingles(plain[first]), _shingles(plain[second]))
    return distances


def _shingles(text: str) -> NDArray[np.uint32]:
    """Hashes of every `SHINGLE` neighbouring characters, sorted, each once."""
    return np.unique(_hashes(text))


def _hashes(text: str) -> NDArray[np.uint32]:
    """A hash of the `SHINGLE` characters from each place on, shape (characters - 4,)."""
    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    count = len(codes) - SHINGLE + 1
    value = np.zeros(count, dtype=np.uint64)
    for place in range(SHINGLE):  # FNV-1a over whole characters
        value = (value ^ codes[place : place + count]) * np.uint64(1099511628211)
    return (value ^ (value >> np.uint64(32))).astype(np.uint32)


def _similarity(first: NDArray[np.uint32], second: NDArray[np.uint32]) -> float:
    """Jaccard similarity of two sorted sets."""
    shared = len(np.intersect1d(first, second, assume_unique=True))
    return shared / (len(first) + len(second) - shared)


def _near_pairs(plain: Sequence[str], seed: int) -> tuple[Pairs, NDArray[np.float64]]:
    """Pairs of long texts that are copies, shape (p, 2), and their distances, shape (p,).

    Of a family of more than `LARGEST_FAMILY` texts not every pair is looked for: a million texts of
    one template have more of them than anybody could read.
    """
    rows = np.array([at for at, text in enumerate(plain) if len(text) >= SHORTEST], dtype=np.int64)
    found, distances = np.zeros((0, 2), dtype=np.int64), np.zeros(0)
    if len(rows) < 2:
        return found, distances
    long = [plain[at] for at in rows.tolist()]
    keys, marks = _signatures(long, seed)
    for band in keys:
        settled = _settled(joined(len(long), found))
        parts = [_alike(pairs, marks, settled) for pairs in _neighbours(band)]
        pairs = np.concatenate([np.zeros((0, 2), dtype=np.int64), *parts])
        pairs = pairs[np.isin(_codes(pairs, len(long)), _codes(found, len(long)), invert=True)]
        exact = _distances(long, pairs)
        near = exact <= 1 - SIMILARITY + 1e-9
        found, distances = np.append(found, pairs[near], axis=0), np.append(distances, exact[near])
    return rows[found], distances


def _settled(family: NDArray[np.int64]) -> NDArray[np.int64]:
    """The family of each text (n,); of one still searched for more, a number of its own."""
    own = -1 - np.arange(len(family))
    return np.where(np.bincount(family)[family] > LARGEST_FAMILY, family, own)


def _alike(pairs: Pairs, marks: NDArray[np.uint8], settled: NDArray[np.int64]) -> Pairs:
    """Those of some pairs (p, 2) that agree in most values and are not settled already."""
    pairs = pairs[settled[pairs[:, 0]] != settled[pairs[:, 1]]]
    kept = [pairs[:0]]
    for part in blocks(len(pairs), BLOCK_PAIRS):
        equal = marks[pairs[part, 0]] == marks[pairs[part, 1]]
        agreeing = np.count_nonzero(equal, axis=1) >= LEAST_AGREEMENT * equal.shape[1]
        kept.append(pairs[part][agreeing])
    return np.concatenate(kept)


def _neighbours(keys: NDArray[np.uint64]) -> Iterator[Pairs]:
    """Pairs of places (n,) of equal keys, the first before the second, a few steps at a time."""
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.append(True, keys[order[1:]] != keys[order[:-1]]))
    sizes = np.diff(np.append(starts, len(keys)))
    after = np.repeat(starts + sizes, sizes) - np.arange(len(keys)) - 1
    reach = np.where(np.repeat(sizes, sizes) <= LARGEST_FAMILY, after, np.minimum(after, NEXT_FEW))
    for step in range(1, int(reach.max(initial=0)) + 1):
        places = np.flatnonzero(reach >= step)
        yield np.stack([order[places], order[places + step]], axis=1)


def _signatures(plain: Sequence[str], seed: int) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    """MinHash of texts: the least of each set of shingles under random hashes.

    Sets of shingles are many times as large as their signatures, so that only those of
    `BLOCK_TEXTS` texts are held at once. Sources: Broder 1997; Li and König, "b-bit minwise
    hashing", WWW 2010 (one byte of each value is enough to estimate a similarity).

    Returns:
        One number for the `ROWS` values of each band, shape (`BANDS`, n), and one byte of each
        value, shape (n, `BANDS` * `ROWS`).
    """
    rng = generator(seed, "minhash")
    count = BANDS * ROWS
    factors = rng.integers(1, 1 << 31, count, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    shifts = rng.integers(0, 1 << 32, count, dtype=np.uint32)
    mixers = rng.integers(1, 1 << 62, ROWS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    keys = np.empty((BANDS, len(plain)), dtype=np.uint64)
    marks = np.empty((len(plain), count), dtype=np.uint8)
    for block in blocks(len(plain), BLOCK_TEXTS):
        least = _least(plain[block], factors, shifts)
        marks[block] = least.T.astype(np.uint8)  # of a least value the high bits are mostly 0
        values = least.reshape(BANDS, ROWS, -1).astype(np.uint64)
        keys[:, block] = (values * mixers[:, None]).sum(axis=1, dtype=np.uint64)
    return keys, marks


def _least(
    plain: Sequence[str], factors: NDArray[np.uint32], shifts: NDArray[np.uint32]
) -> NDArray[np.uint32]:
    """The least hash of each text's shingles under each of k hashes, shape (k, texts)."""
    flat, starts = _all_hashes(plain)
    least = np.empty((len(factors), len(plain)), dtype=np.uint32)
    hashed = np.empty_like(flat)
    for row, (factor, shift) in enumerate(zip(factors, shifts, strict=True)):
        np.multiply(flat, factor, out=hashed)  # multiply-shift: Dietzfelbinger et al. 1997
        np.add(hashed, shift, out=hashed)
        np.minimum.reduceat(hashed, starts, out=least[row])
    return least


def _all_hashes(plain: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The hashes of all texts one after the other, and where those of each begin."""
    flat = _hashes("".join(plain))
    ends = np.cumsum([len(text) for text in plain])
    across = ends[:-1, None] - np.arange(1, SHINGLE)  # these run into the next text
    kept = np.ones(len(flat), dtype=bool)
    kept[across] = False
    starts = np.append(0, ends[:-1] - (SHINGLE - 1) * np.arange(1, len(plain)))
    return flat[kept], starts
