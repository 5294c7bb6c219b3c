"""Copies are found once for the same pictures, and again where the file is not sound."""

import numpy as np
import pytest

from phoropter.look import kept_copies as kept
from phoropter.look.copies import find_copies


@pytest.fixture
def pictures():
    drawn = np.random.default_rng(0).integers(0, 256, (kept.WORTH_KEEPING, 32, 32)).astype(np.uint8)
    drawn[7] = drawn[3, :, ::-1] // 2
    return drawn


def same(one, other):
    assert one.pairs.tolist() == other.pairs.tolist()
    assert one.distances.tolist() == other.distances.tolist()
    assert (repr(one.rule), one.how) == (repr(other.rule), other.how)


def test_what_is_kept_is_what_was_found(pictures, tmp_path, monkeypatch):
    found = find_copies(pictures, seed=1)
    assert found.pairs.tolist() == [[3, 7]]
    same(kept.kept_copies(pictures, seed=1, folder=tmp_path / "cache"), found)
    monkeypatch.setattr(kept, "find_copies", lambda *_, **__: pytest.fail("found twice"))
    same(kept.kept_copies(pictures, seed=1, folder=tmp_path / "cache"), found)
    with pytest.raises(pytest.fail.Exception):
        kept.kept_copies(pictures[::-1], seed=1, folder=tmp_path / "cache")


@pytest.mark.parametrize("damage", [b"", b"PAR1 of something else", None])
def test_a_damaged_file_is_made_again(pictures, tmp_path, damage):
    found = kept.kept_copies(pictures, seed=1, folder=tmp_path)
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    file.write_bytes(content[:40] + b"?" + content[41:] if damage is None else damage)
    same(kept.kept_copies(pictures, seed=1, folder=tmp_path), found)
    assert file.read_bytes() == content


def test_few_pictures_are_not_kept(pictures, tmp_path):
    kept.kept_copies(pictures[:100], seed=1, folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_nothing_found_is_kept_too(pictures, tmp_path, monkeypatch):
    strangers = np.delete(pictures, 7, axis=0)
    monkeypatch.setattr(kept, "WORTH_KEEPING", 100)
    found = kept.kept_copies(strangers, seed=1, folder=tmp_path)
    assert not len(found.pairs)
    same(kept.kept_copies(strangers, seed=1, folder=tmp_path), found)
