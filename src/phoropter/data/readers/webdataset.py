"""Tar shards as WebDataset writes them: 0001.jpg beside 0001.cls; or archives of class folders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from phoropter.core.errors import InputError
from phoropter.core.records import Dataset
from phoropter.data.images import contains_image
from phoropter.data.parts import part_of
from phoropter.data.table_targets import Target
from phoropter.data.tar_shards import Member, is_shard, members_of
from phoropter.data.unpacked import About, Kind, Label, Packed, digest_of, read_unpacked, unpack

_FEW = 20


def detects(path: Path) -> float:
    """How sure this reader is that `path` is a tar file or a folder of them, in [0, 1]."""
    shards = _shards(path)
    if not shards:
        return 0.0
    return 0.1 if path.is_dir() and contains_image(path) else 0.9


def read(path: Path, *, target: str | None) -> Dataset:
    """The images of the shards, written once into the cache with their bytes as they are.

    A label is the text of the member .cls or .txt beside the image, a field of .json (label,
    class, ...), or the folder that the image lies in. The shard's name may say the part.

    Args:
        path: A tar file, or a folder of them.
        target: None or "label".

    Raises:
        InputError: If a shard is damaged or none holds an image.
        StorageError: If the cache has no room for the images.
    """
    shards = _shards(path)
    if not shards:
        raise InputError(f"There is no tar file at {str(path)!r}.")
    key = digest_of(*shards)
    kind, by_folder = _labels(shards)
    place = path.parent if path.is_file() else path
    what = shards[0].name if len(shards) == 1 else f"{len(shards)} tar shards of {path.name}"
    folder = unpack(
        lambda: _packed(shards, kind, by_folder=by_folder, place=place),
        About("webdataset", f"images of {what}", kind),
        name=path.name.split(".")[0] if path.is_file() else path.name,
        key=key,
    )
    sources = tuple(shard.relative_to(place).as_posix() for shard in shards)
    return replace(read_unpacked(folder, target=target), sources=sources)


def _shards(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if is_shard(path) else []
    inner = [path, *sorted(child for child in path.iterdir() if child.is_dir())]
    return [
        file
        for folder in inner
        for file in sorted(folder.iterdir())
        if file.is_file() and is_shard(file)
    ]


def _labels(shards: Sequence[Path]) -> tuple[Kind, bool]:
    """What the labels are, and whether the folders give them."""
    spoken: list[str] = []
    folders: set[str] = set()
    images = 0
    for member in _images(shards):
        images += 1
        folders.add(member.folder)
        if (label := member.label) is not None:
            spoken.append(label)
    if not images:
        raise InputError(
            f"No image is in {', '.join(shard.name for shard in shards[:3])}.",
            hint="Expected members such as 0001.jpg and 0001.cls.",
        )
    if not spoken:
        return ("class", True) if len(folders) > 1 else ("none", False)
    different = len(set(spoken))
    if different > max(_FEW, len(spoken) / 2) and not all(map(_is_number, spoken)):
        return "none", False  # captions, each its own
    fractions = [text for text in spoken if _is_number(text) and not text.lstrip("+-").isdigit()]
    return ("numbers" if fractions and all(map(_is_number, spoken)) else "class"), False


def _images(shards: Sequence[Path]) -> Iterator[Member]:
    for shard in shards:
        yield from (member for member in members_of(shard) if member.image is not None)


def _packed(
    shards: Sequence[Path], kind: Kind, *, by_folder: bool, place: Path
) -> Iterator[Packed]:
    for shard in shards:
        words = [shard.name.split(".")[0], *([shard.parent.name] if shard.parent != place else [])]
        word = next((word for word in words if part_of(word)), None)
        for member in members_of(shard):
            if member.image is None:
                continue
            label = member.folder or None if by_folder else member.label
            yield Packed(member.image, _read(label, kind), word, f"{shard.name}/{member.name}")


def _read(label: str | None, kind: Kind) -> Label:
    if label is None or kind == "none":
        return None
    if kind == "class":
        return label
    values, problem = Target(("label",), "numbers").values({"label": label})
    return None if problem else (float(str(values[0])),)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
