import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as peer

from phoropter.data import rle

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"  # pycocotools
)
MASKS = hnp.arrays(bool, st.tuples(st.integers(1, 20), st.integers(1, 20)))


@given(MASKS)
def test_masks_come_back_and_equal_pycocotools(mask):
    height, width = mask.shape
    counts = rle.counts_of(mask)
    theirs = peer.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert rle.packed(counts) == theirs["counts"].decode()
    assert rle.unpacked(rle.packed(counts)) == counts
    assert (rle.mask_of(counts, height, width) == mask).all()
    assert rle.area_of(counts) == peer.area(theirs) == mask.sum()
    extent = rle.extent_of(counts, height)
    if mask.any():
        rows, columns = np.nonzero(mask)
        assert extent == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        x, y, w, h = peer.toBbox(theirs)
        assert extent == (x, y, x + w, y + h)
    else:
        assert extent is None


@given(st.lists(st.integers(0, 10**8), max_size=30))
def test_any_counts_come_back(counts):
    assert rle.unpacked(rle.packed(counts)) == counts


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    try:
        counts = rle.unpacked(text)
    except rle.RunLengthError:
        return
    assert all(count >= 0 for count in counts)


@pytest.mark.parametrize("counts", [[1, 2], [-1, 5], [3, 2]])
def test_counts_must_fill_the_mask(counts):
    with pytest.raises(rle.RunLengthError):
        rle.mask_of(counts, 2, 2)


def test_a_huge_mask_is_refused_before_it_is_unpacked():
    with pytest.raises(rle.RunLengthError, match="pixels"):
        rle.mask_of([10**12], 10**6, 10**6)


@pytest.mark.parametrize("text", ["\n", "o", "é", "o" * 100])
def test_what_is_no_run_length(text):
    with pytest.raises(rle.RunLengthError):
        rle.unpacked(text)
