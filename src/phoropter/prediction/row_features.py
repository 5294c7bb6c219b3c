"""Features of texts and of table rows, for the checks that compare samples; without a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from phoropter.core.protocols import Features
from phoropter.core.records import Dataset, Rows
from phoropter.core.seed import derive, generator

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import TfidfVectorizer

_COMPONENTS = 128
_MOST_WORDS = 50_000
_MOST_FITTED = 50_000
_BLOCK = 20_000
_MOST_CATEGORIES = 20


class TextFeatures:
    """Words and parts of words, weighted by how rare they are, in at most 128 dimensions.

    TF-IDF of words and of 3 to 5 neighbouring characters, reduced by a truncated singular value
    decomposition (latent semantic analysis: Deerwester et al. 1990), each row of length 1.
    """

    name = "words"

    def __call__(self, dataset: Dataset, rows: Rows) -> Features:
        """Features of these rows, float32 (n, d), in their order."""
        return text_vectors(joined_texts(dataset, rows))


class TableFeatures:
    """Numbers in units of their spread, and one dimension for each of the common categories."""

    name = "columns"

    def __call__(self, dataset: Dataset, rows: Rows) -> Features:
        """Features of these rows, float32 (n, d), in their order; missing numbers are 0."""
        table = dataset.table.select(dataset.inputs)[rows]
        blocks = [_column_features(column) for column in table.get_columns()]
        return np.concatenate([np.zeros((len(rows), 0), np.float32), *blocks], axis=1)


def joined_texts(dataset: Dataset, rows: Rows) -> list[str]:
    """The texts of rows, the columns of one row joined by line breaks."""
    columns = [pl.col(name).cast(pl.String).fill_null("") for name in dataset.inputs]
    table = dataset.table.select(pl.concat_str(columns, separator="\n"))
    return table.to_series().gather(rows).to_list()


def text_vectors(texts: Sequence[str], *, seed: int = 0) -> Features:
    """Vectors of texts, float32 (n, d), of length 1 (or 0 for texts without a letter).

    Of more than 50,000 texts, words and directions are learnt from so many drawn ones: those that
    matter occur there, and the rest need not be held at once.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.preprocessing import normalize

    fitted = _drawn(texts, seed=seed)
    counters, matrix = _counted(fitted)
    components = min(_COMPONENTS, matrix.shape[0] - 1, matrix.shape[1] - 1)
    if components < 1:
        return np.zeros((len(texts), 1), dtype=np.float32)
    draw = derive(seed, "text-features") % 2**32
    reduction = TruncatedSVD(components, random_state=draw)
    reduced = reduction.fit_transform(matrix)
    if fitted is texts:
        return np.asarray(normalize(reduced), dtype=np.float32)
    vectors = np.empty((len(texts), components), dtype=np.float32)
    for start in range(0, len(texts), _BLOCK):
        some = _weights(counters, texts[start : start + _BLOCK])
        vectors[start : start + _BLOCK] = normalize(reduction.transform(some))
    return vectors


def word_weights(texts: Sequence[str], *, seed: int = 0) -> Callable[[Rows], csr_matrix]:
    """TF-IDF of words, of pairs of them, and of 3 to 5 neighbouring characters.

    Of more than 50,000 texts the words are learnt from so many drawn ones, and counted anew
    whenever rows are asked for.

    Returns:
        Gives the weights of some rows: float32 (n, d), sparse, of length 1 for the words and for
        the characters; a single column of zeros where no text has a letter.
    """
    fitted = _drawn(texts, seed=seed)
    counters, matrix = _counted(fitted)
    if fitted is texts:
        return lambda rows: matrix[rows]
    return lambda rows: _weights(counters, [texts[row] for row in rows])


def _drawn(texts: Sequence[str], *, seed: int) -> Sequence[str]:
    """The texts themselves, or some of them where there are very many."""
    if len(texts) <= _MOST_FITTED:
        return texts
    drawn = generator(seed, "fitted-texts").choice(len(texts), _MOST_FITTED, replace=False)
    return [texts[row] for row in np.sort(drawn)]


def _counted(texts: Sequence[str]) -> tuple[list[TfidfVectorizer], csr_matrix]:
    """Counters that know the words of these texts, and what they count in them."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import TfidfVectorizer

    counters, blocks = [], []
    for analyzer, lengths in (("word", (1, 2)), ("char_wb", (3, 5))):
        counter = TfidfVectorizer(
            analyzer=analyzer,
            ngram_range=lengths,
            sublinear_tf=True,
            max_features=_MOST_WORDS,
            token_pattern=r"(?u)\w+" if analyzer == "word" else None,
            dtype=np.float32,
        )
        try:
            blocks.append(counter.fit_transform(texts))
        except ValueError:  # scikit-learn's word for: no text has any such part
            continue
        counters.append(counter)
    empty = csr_matrix((len(texts), 1), dtype=np.float32)
    return counters, hstack(blocks).tocsr() if blocks else empty


def _weights(counters: Sequence[TfidfVectorizer], texts: Sequence[str]) -> csr_matrix:
    from scipy.sparse import csr_matrix, hstack

    if not counters:
        return csr_matrix((len(texts), 1), dtype=np.float32)
    return csr_matrix(hstack([counter.transform(texts) for counter in counters]))


def _column_features(column: pl.Series) -> Features:
    if column.dtype.is_numeric():
        values = column.cast(pl.Float64).to_numpy()
        known = np.isfinite(values)
        if not known.any():
            return np.zeros((len(values), 1), dtype=np.float32)
        low, middle, high = np.quantile(values[known], [0.05, 0.5, 0.95])
        scaled = (np.where(known, values, middle) - middle) / max(high - low, 1e-9)
        return np.asarray(np.clip(scaled, -10, 10)[:, None], dtype=np.float32)
    common = column.drop_nulls().value_counts(sort=True).head(_MOST_CATEGORIES)
    names = common.get_column(column.name).to_list()
    flags = [(column == name).fill_null(value=False).to_numpy() for name in names]
    return np.stack([np.zeros(len(column)), *flags], axis=1).astype(np.float32)[:, 1:]
