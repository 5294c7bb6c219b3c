"""The texts as a page shows them: how long they are, and which words are whose."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from phoropter.look.evidence import LookEvidence

MOST_TERMS = 12
FEWEST_USES = 3
"""A word of fewer uses in a class is a name or a slip, whatever its share."""

CERTAIN = 1.96
PRIOR_WORDS = 500.0
"""Weight of the prior, in words: so many drawn from all classes are added to each class."""

_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True, slots=True)
class Term:
    """A word that a class uses more often than the others.

    Args:
        word: In lower case.
        uses: How often the class uses it.
        z: Log-odds against the other classes, in standard errors.
    """

    word: str
    uses: int
    z: float


@dataclass(frozen=True, slots=True, eq=False)
class TextProfile:
    """What the texts look like as a whole.

    Args:
        characters: Of each text, shape (n,).
        words: Of each text, shape (n,).
        vocabulary: Different words.
        once: Those of them that are used once.
        frequent: The most frequent words with their counts.
        terms: Of each class the words that set it apart, the clearest first.
    """

    characters: NDArray[np.float64]
    words: NDArray[np.float64]
    vocabulary: int
    once: int
    frequent: tuple[tuple[str, int], ...]
    terms: Mapping[str, tuple[Term, ...]] = field(default_factory=dict)


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, of two letters or more.

    >>> words_of("Don't see 3 cats")
    ['don', 'see', 'cats']
    """
    return _WORD.findall(text.casefold())


def text_profile(evidence: LookEvidence) -> TextProfile:
    """The profile; words that set classes apart come from all parts but the test."""
    words = [words_of(text) for text in evidence.texts]
    counts = Counter(word for found in words for word in found)
    terms: Mapping[str, tuple[Term, ...]] = {}
    if evidence.labels is not None:
        taken = np.flatnonzero(evidence.parts != "test").tolist()
        labels = evidence.labels
        terms = distinctive([words[row] for row in taken], [str(labels[row]) for row in taken])
    return TextProfile(
        characters=np.array([len(text) for text in evidence.texts], dtype=np.float64),
        words=np.array([len(found) for found in words], dtype=np.float64),
        vocabulary=len(counts),
        once=sum(count == 1 for count in counts.values()),
        frequent=tuple(counts.most_common(MOST_TERMS)),
        terms=terms,
    )


def distinctive(
    texts: Sequence[Sequence[str]], labels: Sequence[str]
) -> dict[str, tuple[Term, ...]]:
    """The words that each class uses clearly more often than the others.

    Log-odds with an informative Dirichlet prior (Monroe, Colaresi and Quinn, "Fightin' words",
    2008): a word has to be frequent and typical, so neither "the" nor a name used once is listed.

    >>> found = distinctive([["cat", "purrs"], ["dog", "barks"]] * 99, ["cats", "dogs"] * 99)
    >>> [term.word for term in found["dogs"]]
    ['barks', 'dog']
    """
    by_class: dict[str, Counter[str]] = {}
    for words, label in zip(texts, labels, strict=True):
        by_class.setdefault(label, Counter()).update(words)
    total: Counter[str] = Counter()
    for counts in by_class.values():
        total.update(counts)
    size = total.total()
    return {
        label: _terms(counts, total - counts, {word: n / size for word, n in total.items()})
        for label, counts in sorted(by_class.items())
    }


def _terms(
    own: Counter[str], others: Counter[str], shares: Mapping[str, float]
) -> tuple[Term, ...]:
    words = [word for word, uses in own.items() if uses >= FEWEST_USES]
    if not words or not others or len(shares) < 2:  # one word tells no class from another
        return ()
    prior = PRIOR_WORDS * np.array([shares[word] for word in words])
    uses = np.array([own[word] for word in words]) + prior
    elsewhere = np.array([others[word] for word in words]) + prior
    odds = np.log(uses / (own.total() + PRIOR_WORDS - uses))
    other_odds = np.log(elsewhere / (others.total() + PRIOR_WORDS - elsewhere))
    z = (odds - other_odds) / np.sqrt(1 / uses + 1 / elsewhere)
    found = sorted(
        (Term(word, own[word], float(score)) for word, score in zip(words, z, strict=True)),
        key=lambda term: (-term.z, term.word),
    )
    return tuple(term for term in found if term.z > CERTAIN)[:MOST_TERMS]
