"""Samples in tar files: members with one name and several extensions belong together."""

from __future__ import annotations

import json
import lzma
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Self

from typing_extensions import override

from phoropter.data.damage import damage_told
from phoropter.data.images import SUFFIXES as IMAGE_SUFFIXES
from phoropter.data.unpacked import LARGEST_IMAGE

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")

LARGEST_NOTE = 1 << 20
"""Bytes of a label, and of a header that names a member: none needs more."""

_LABELS = (".cls", ".label", ".cls.txt", ".txt", ".json")
_KEYS = ("label", "class", "cls", "category", "target")
_HEADERS = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_DAMAGE = (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError, ValueError)


@dataclass(slots=True)
class Member:
    """What a tar file holds under one name.

    Args:
        name: The path up to the first dot of the file's name.
        image: Bytes of the image, or None.
        notes: Contents of the other files by extension, with its dot, in lower case.
    """

    name: str
    image: bytes | None = None
    notes: dict[str, bytes] = field(default_factory=dict)

    @property
    def label(self) -> str | None:
        """What the notes say that it is: the text of .cls or .txt, or a field of .json."""
        for ending in _LABELS:
            if ending in self.notes:
                return _spoken(self.notes[ending], ending)
        return None

    @property
    def folder(self) -> str:
        """Name of the folder it lies in, "" if in none."""
        return PurePosixPath(self.name).parent.name


class _Header(tarfile.TarInfo):
    """A header whose own extensions are of a sensible size."""

    @classmethod
    @override
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0 or (header.type in _HEADERS and header.size > LARGEST_NOTE):
            message = f"a header of {header.size:,} bytes"
            raise tarfile.ReadError(message)
        return header


def is_shard(path: Path) -> bool:
    """Whether a file's name says that it is a tar file."""
    return path.name.casefold().endswith(SUFFIXES) and not path.name.startswith(".")


def members_of(path: Path) -> Iterator[Member]:
    """The samples of a tar file, in its order; only regular files count, nothing is extracted.

    Raises:
        InputError: If it is damaged.
    """
    current: Member | None = None
    told = damage_told(path, _DAMAGE, what="tar file", hint="Copy it again from its source.")
    with told, tarfile.open(path, "r:*", tarinfo=_Header) as shard:
        for header in shard:
            if not header.isreg() or PurePosixPath(header.name).name.startswith("."):
                continue
            place = PurePosixPath(header.name)
            stem, dot, rest = place.name.partition(".")
            name = (place.parent / stem).as_posix()
            if current is None or name != current.name:
                if current is not None:
                    yield current
                current = Member(name)
            _take(current, shard, header, f"{dot}{rest}".casefold())
        if current is not None:
            yield current


def _take(member: Member, shard: tarfile.TarFile, header: tarfile.TarInfo, ending: str) -> None:
    is_image = PurePosixPath(f"x{ending}").suffix in IMAGE_SUFFIXES
    most = LARGEST_IMAGE if is_image else LARGEST_NOTE
    if header.size > most:
        content = b""  # an image that is empty is told as such; larger notes are no labels
    else:
        stream = shard.extractfile(header)
        content = stream.read() if stream is not None else b""
        if len(content) < header.size:
            message = "it ends too early"
            raise EOFError(message)
    if is_image and member.image is None:
        member.image = content
    elif not is_image:
        member.notes[ending] = content


def _spoken(content: bytes, ending: str) -> str | None:
    text = content.decode("utf-8", "replace").strip()
    if ending != ".json":
        return text or None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, Mapping):
        value = next((value[key] for key in _KEYS if key in value), None)
    return str(value) if isinstance(value, str | int | float) and str(value) else None
