import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoropter.core.tables import read_table, write_table

TABLE = pl.DataFrame({"a": [1, None, 3], "b": ["x", "y", None], "c": [b"\0", b"", b"\xff"]})


def test_a_table_and_its_words_come_back(tmp_path):
    write_table(tmp_path / "t", TABLE, {"why": "이유"})
    table, about = read_table(tmp_path / "t")
    assert table.equals(TABLE)
    assert about["why"] == "이유"


def test_other_programs_read_it(tmp_path):
    arrow = pytest.importorskip("pyarrow.parquet")
    write_table(tmp_path / "t.parquet", TABLE, {"why": "so"})
    table = arrow.read_table(tmp_path / "t.parquet")
    assert table.to_pylist() == TABLE.to_dicts()
    assert arrow.read_metadata(tmp_path / "t.parquet").metadata[b"why"] == b"so"
    assert pl.scan_parquet(tmp_path / "t.parquet").collect().equals(TABLE)


def test_a_table_without_a_checksum_is_believed(tmp_path):
    TABLE.write_parquet(tmp_path / "t")
    assert read_table(tmp_path / "t")[0].equals(TABLE)


@given(place=st.integers(0, 10**6), change=st.integers(1, 255), cut=st.booleans())
def test_a_changed_byte_or_a_lost_end_is_seen_or_harmless(tmp_path_factory, place, change, cut):
    path = tmp_path_factory.mktemp("tables") / "t"
    write_table(path, TABLE, {"why": "so"})
    content = bytearray(path.read_bytes())
    place %= len(content)
    if cut:
        del content[place:]
    else:
        content[place] ^= change
    path.write_bytes(content)
    try:
        table, about = read_table(path)
    except ValueError:
        return
    assert not cut
    assert table.equals(TABLE)  # what was hit is the mark of the checksum
    assert about["why"] == "so"
