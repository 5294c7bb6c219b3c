"""Files that are built to break their parser are refused with one clear error."""

import io
import struct
import tarfile
import zipfile

import numpy as np
import pytest

from phoropter.core.errors import InputError
from phoropter.data.array_file import array_members
from phoropter.data.damage import damage_told
from phoropter.data.tar_shards import members_of

HEADERS = (
    "(" * 3000, "-" * 9000 + "1", "[" * 500 + "]" * 500, "{{}:1}", "{1: 2, 'a': 3}", "\0\0", "'''x",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (True,)}",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (-1,)}",
    "{'descr': '|O', 'fortran_order': False, 'shape': (3,)}",
    "{'descr': '<U99999999999', 'fortran_order': False, 'shape': (3,)}",
    "{'descr': [('a','<i4'),('a','<i4')], 'fortran_order': False, 'shape': (3,)}",
)  # fmt: skip


@pytest.mark.parametrize("text", HEADERS, ids=range(len(HEADERS)))
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (9, 9)])
def test_headers_of_arrays(text, version, tmp_path):
    content = text.encode()
    size = struct.pack("<H" if version == (1, 0) else "<I", len(content))
    file = tmp_path / "x.npy"
    file.write_bytes(b"\x93NUMPY" + bytes(version) + size + content + bytes(100))
    with pytest.raises(InputError, match=r"no sound file of arrays|are not read"):
        array_members(file)


def test_an_encrypted_archive_of_arrays(tmp_path):
    buffer = io.BytesIO()
    np.savez(buffer, x=np.arange(3))
    data = bytearray(buffer.getvalue())
    data[data.index(b"PK\1\2") + 8] |= 1
    data[6] |= 1
    (tmp_path / "x.npz").write_bytes(data)
    with pytest.raises(InputError, match="it is encrypted"):
        array_members(tmp_path / "x.npz")


def test_a_compression_that_is_not_known(tmp_path):
    buffer = io.BytesIO()
    np.savez(buffer, x=np.arange(3))
    data = bytearray(buffer.getvalue())
    data[data.index(b"PK\1\2") + 10] = 77
    data[8] = 77
    (tmp_path / "x.npz").write_bytes(data)
    with pytest.raises(InputError, match="compression method is not supported"):
        array_members(tmp_path / "x.npz")


SPARSE = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "20"}


@pytest.mark.parametrize(
    ("pax", "size"),
    [
        (SPARSE, None), ({"GNU.sparse.map": "a,b"}, None), ({"size": "9" * 30}, None),
        ({}, 2**80), ({}, 2**63 - 10), ({}, 2**62),
    ],
)  # fmt: skip
def test_headers_of_tar_files(pax, size, tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as shard:
        header = tarfile.TarInfo("a.png")
        content = b"abc\n" + bytes(600)
        header.size, header.pax_headers = len(content), pax
        shard.addfile(header, io.BytesIO(content))
    data = bytearray(buffer.getvalue())
    if size is not None:
        data[124:136] = b"\x80" + size.to_bytes(11, "big")
        data[148:156] = b" " * 8
        data[148:156] = b"%06o\0 " % sum(data[:512])
    (tmp_path / "x.tar").write_bytes(data)
    with pytest.raises(InputError, match="no sound tar file"):
        list(members_of(tmp_path / "x.tar"))


def test_only_the_stated_errors_are_damage(tmp_path):
    def fail(error):
        with damage_told(tmp_path / "f", (ValueError,), what="table", hint="Try again."):
            raise error

    with pytest.raises(InputError, match="no sound table: cut short") as caught:
        fail(ValueError("cut short\nsecond line"))
    assert caught.value.hint == "Try again."
    with pytest.raises(InputError, match="no sound table: UnicodeError"):
        fail(UnicodeError())
    with pytest.raises(InputError, match="too large"):
        fail(InputError("too large"))
    with pytest.raises(ZeroDivisionError):
        fail(ZeroDivisionError())
    with pytest.raises(zipfile.BadZipFile):
        fail(zipfile.BadZipFile())
