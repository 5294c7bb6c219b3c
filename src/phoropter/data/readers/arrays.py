"""Images and labels as arrays: an NPZ file, an NPY file, or a folder of NPY files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from phoropter.core.errors import InputError
from phoropter.core.records import Dataset
from phoropter.data.array_file import ArrayMember, array_members
from phoropter.data.array_roles import is_stack, names_of, packed_pairs, pairs_of, read_labels
from phoropter.data.images import contains_image
from phoropter.data.unpacked import TARGET, About, digest_of, read_unpacked, unpack

_SUFFIXES = frozenset({".npz", ".npy"})


def detects(path: Path) -> float:
    """How sure this reader is that `path` holds arrays of images, in [0, 1]."""
    files = _files(path)
    if not files:
        return 0.0
    if path.is_dir() and contains_image(path):
        return 0.1
    try:
        members = _members(files)
    except InputError:  # reading it says what is wrong
        return 0.5
    return 0.9 if any(is_stack(member) for member in members.values()) else 0.5


def read(path: Path, *, target: str | None) -> Dataset:
    """The images of the arrays, written once into the cache as PNG.

    Arrays are told by name (images, labels, x, y, x_train, test_labels, ...) and shape. Labels
    are classes, numbers, or a column of 0 and 1 for each label.

    Args:
        path: The file, or the folder of NPY files or of one NPZ file.
        target: None or "label".

    Raises:
        InputError: If a file is damaged or holds no images.
        StorageError: If the cache has no room for the images.
    """
    files = _files(path)
    if not files:
        raise InputError(f"There is no NPZ or NPY file at {str(path)!r}.")
    members = _members(files)
    pairs = pairs_of(members)
    labels = read_labels(pairs, names_of(members))
    width = pairs[0].labels.shape[1:] if pairs[0].labels else ()
    several = labels.kind == "numbers" and width not in {(), (1,)}
    targets = tuple(f"{TARGET} {at}" for at in range(width[0])) if several else (TARGET,)
    shown = path.name if path.is_file() or len(files) > 1 else files[0].name
    folder = unpack(
        lambda: packed_pairs(pairs, labels.values),
        About("arrays", f"arrays of {shown}", labels.kind, targets),
        name=path.stem if path.is_file() else path.name,
        key=digest_of(*files),
    )
    return replace(read_unpacked(folder, target=target), sources=tuple(file.name for file in files))


def _files(path: Path) -> list[Path]:
    """The files of arrays at a path; of a folder, its NPZ file if it has one, else all of NPY."""
    if path.is_file():
        return [path] if path.suffix.casefold() in _SUFFIXES else []
    found = sorted(
        child
        for child in path.iterdir()
        if child.is_file() and child.suffix.casefold() in _SUFFIXES and child.name[0] != "."
    )
    archives = [file for file in found if file.suffix.casefold() == ".npz"]
    return archives if len(archives) == 1 else found


def _members(files: list[Path]) -> dict[str, ArrayMember]:
    """The arrays of all files; those of several archives by part ("train.npz" has train_x)."""
    found: dict[str, ArrayMember] = {}
    for file in files:
        members = array_members(file)
        prefix = f"{file.stem}_" if len(files) > 1 and file.suffix.casefold() == ".npz" else ""
        found |= {f"{prefix}{name}": member for name, member in members.items()}
    return found
