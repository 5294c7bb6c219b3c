"""Arrays in NPY and NPZ files, read piece by piece and without running anything from the file."""

from __future__ import annotations

import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from phoropter.core.errors import InputError
from phoropter.data.damage import damage_told

LARGEST_BYTES = 1 << 30
"""Bytes of an array that is held in the memory whole (labels, arrays in Fortran's order)."""

_KINDS = "biufSU"
_ENCRYPTED = 0x1  # a bit of a ZIP entry's flags
_DAMAGE = (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError)
_BAD_HEADER = (SyntaxError, TypeError, MemoryError, RecursionError, tokenize.TokenError)
"""A header is a Python literal, which numpy tokenizes and parses: text of nested brackets exhausts
the parser, keys that cannot be compared fall over numpy's own checks."""


@dataclass(frozen=True, slots=True)
class ArrayMember:
    """One array of a file, described by its header; its numbers are not read yet.

    Args:
        file: The NPY or NPZ file.
        name: The array's name: its key, or the file's stem.
        entry: Name within the archive, "" in an NPY file.
        shape: Its shape.
        dtype: Its type; a number, truth value or text.
        column_major: Whether it lies in Fortran's order.
    """

    file: Path
    name: str
    entry: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    column_major: bool

    def whole(self) -> NDArray[Any]:
        """The array.

        Raises:
            InputError: If it is too large for that, or damaged.
        """
        self._check_size(prod(self.shape))
        with self._opened() as stream:
            flat = _numbers(stream, self.dtype, prod(self.shape))
        return flat.reshape(self.shape, order="F" if self.column_major else "C")

    def items(self) -> Iterator[NDArray[Any]]:
        """`array[0]`, `array[1]`, ..., of which only one is in the memory.

        Raises:
            InputError: If one is too large for that, or the array is damaged.
        """
        if self.column_major:
            yield from self.whole()
            return
        size = prod(self.shape[1:])
        self._check_size(size)
        with self._opened() as stream:
            for _ in range(self.shape[0]):
                yield _numbers(stream, self.dtype, size).reshape(self.shape[1:])

    def _check_size(self, count: int) -> None:
        if count * self.dtype.itemsize > LARGEST_BYTES:
            raise InputError(
                f"The array {self.name!r} of {str(self.file)!r} has the shape {self.shape}: "
                f"{count * self.dtype.itemsize / 2**30:.1f} GiB at once are too much.",
                hint="Save one image an entry of the first axis, in C order.",
            )

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        """The stream after the header; what goes wrong while reading becomes one clear error."""
        with _damage_told(self.file), _stream(self.file, self.entry) as stream:
            _header(stream)
            yield stream


def array_members(path: Path) -> dict[str, ArrayMember]:
    """The arrays of an NPZ file, or the one of an NPY file, by name.

    Raises:
        InputError: If it is damaged, or holds Python objects.
    """
    with _damage_told(path):
        if path.suffix.casefold() == ".npy":
            return {path.stem: _member(path, path.stem, "")}
        with zipfile.ZipFile(path) as archive:
            entries = [name for name in archive.namelist() if name.endswith(".npy")]
        names = [entry.removesuffix(".npy") for entry in entries]
        return {
            name: _member(path, name, entry) for name, entry in zip(names, entries, strict=True)
        }


def _member(path: Path, name: str, entry: str) -> ArrayMember:
    with _stream(path, entry) as stream:
        shape, column_major, dtype = _header(stream)
    if dtype.kind not in _KINDS or dtype.hasobject:
        what = "Python objects" if dtype.hasobject else f"the type {dtype}"
        raise InputError(
            f"The array {name!r} of {str(path)!r} holds {what}, which are not read.",
            hint="Save numbers or text; objects could run code when they are read.",
        )
    return ArrayMember(path, name, entry, shape, dtype, column_major)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old files, of which the header says so
        version = npy.read_magic(stream)
        if version not in {(1, 0), (2, 0)}:
            message = f"version {version} of the format"
            raise ValueError(message)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        try:
            shape, column_major, dtype = read(stream)
        except _BAD_HEADER as error:
            message = "its header describes no array"
            raise ValueError(message) from error
    if any(type(length) is not int or length < 0 for length in shape):
        message = f"the shape {shape}"
        raise ValueError(message)
    return shape, column_major, dtype


def _numbers(stream: IO[bytes], dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    wanted = count * dtype.itemsize
    content = stream.read(wanted) if wanted else b""
    if len(content) < wanted:
        message = "it ends too early"
        raise EOFError(message)
    return np.frombuffer(content, dtype=dtype, count=count)


@contextmanager
def _stream(path: Path, entry: str) -> Iterator[IO[bytes]]:
    if not entry:
        with path.open("rb") as stream:
            yield stream
        return
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo(entry).flag_bits & _ENCRYPTED:
            message = "it is encrypted"
            raise ValueError(message)
        with archive.open(entry) as stream:
            yield stream


def _damage_told(path: Path) -> AbstractContextManager[None]:
    return damage_told(path, _DAMAGE, what="file of arrays", hint="Save it again.")
