"""YOLO: one text file an image, a line an object, and mostly a data.yaml with the names."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path, PurePosixPath

from phoropter.core.errors import InputError, UsageError
from phoropter.core.records import Dataset, Rejected
from phoropter.data.annotated import (
    AnnotatedImage,
    ObjectRows,
    described,
    extent,
    part_in,
    peeked,
    samples,
    unlisted,
)
from phoropter.data.class_names import Names, is_names_file, listed_names
from phoropter.data.decode import Header, UnreadableImageError, header
from phoropter.data.images import contains_image, files_below, is_note
from phoropter.data.locate import ImageFinder
from phoropter.data.parallel import ordered
from phoropter.data.problems import Problems
from phoropter.data.yolo_text import (
    MAX_BYTES,
    YoloConfig,
    YoloLine,
    find_config,
    listed_images,
    looks_like_labels,
    parse_lines,
    read_config,
)

_PEEK_TEXTS = 50
_IMAGES, _LABELS = "images", "labels"


def detects(path: Path) -> float:
    """How sure this reader is that `path` is a data.yaml or a folder of YOLO's, in [0, 1]."""
    if path.is_file():
        named = path.suffix.casefold() in {".yaml", ".yml"} and find_config(path.parent) == path
        return 1.0 if named else 0.0
    texts = (file for file in peeked(path, {".txt"}) if _is_label_file(file) and file.is_file())
    if not any(looks_like_labels(file) for file in islice(texts, _PEEK_TEXTS)):
        return 0.0
    if find_config(path):
        return 0.9
    return 0.85 if contains_image(path, deep=True) else 0.0


def read(path: Path, *, target: str | None) -> Dataset:
    """The images of a YOLO folder with their objects.

    The labels of `images/a/1.jpg` are in `labels/a/1.txt`, else beside the image. An image without
    a label file, or with an empty one, shows nothing of interest (its `annotation` is null in the
    first case). Boxes become pixels of the image as shown, so every labelled image is asked for its
    size.

    Args:
        path: The folder, or the data.yaml in it.
        target: None; the objects are the target.

    Raises:
        UsageError: If a target is asked for.
        InputError: If there is no image with a label file.
    """
    if target is not None:
        raise UsageError(
            f"There is no column {target!r}: YOLO files hold objects.", hint="Leave --target out."
        )
    root = path.parent if path.is_file() else path
    file = path if path.is_file() else find_config(root)
    config = read_config(file, root) if file else YoloConfig({}, {}, Problems("data.yaml"))
    reading = _Reading(root, config)
    if file:
        reading.sources.append(file.relative_to(root).as_posix())
    if not reading.images:
        raise InputError(
            f"There is no image with labels in {str(root)!r}.",
            hint="Expected images/NAME.jpg and labels/NAME.txt.",
        )
    return reading.dataset()


def _is_label_file(file: Path) -> bool:
    name = file.name
    return (
        file.suffix.casefold() == ".txt"
        and not name.startswith(".")
        and not is_names_file(name)
        and not is_note(name)
    )


def _key(path: str) -> str:
    """What an image and its label file have in common.

    >>> _key("train/images/a/1.jpg") == _key("train/labels/a/1.txt")
    True
    """
    place = PurePosixPath(path)
    folders = [name for name in place.parent.parts if name.casefold() not in {_IMAGES, _LABELS}]
    return "/".join([*folders, place.stem])


class _Reading:
    """The images and label files of one folder."""

    def __init__(self, root: Path, config: YoloConfig) -> None:
        self._root = root
        self._config = config
        self._finder = ImageFinder(root)
        self._texts = self._label_files()
        self._parts = self._given_parts()
        folders = {key.rpartition("/")[0] for key in self._texts}
        self.images = [
            path for path in sorted(self._finder.images) if self._takes_part(path, folders)
        ]
        self._rejected: list[Rejected] = []
        self.sources = [place for place in config.folders if (root / place).is_file()]

    def _label_files(self) -> dict[str, str]:
        """The label files by key; lists of images that data.yaml names are none."""
        lists = set(self._config.folders)
        texts = {}
        for file in files_below(self._root):
            shown = file.relative_to(self._root).as_posix()
            if _is_label_file(file) and shown not in lists and file.is_file():
                texts[_key(shown)] = shown
        return texts

    def _given_parts(self) -> dict[str, str]:
        """The part's word of single images, from the lists that data.yaml names."""
        parts: dict[str, str] = {}
        for place, part in self._config.folders.items():
            if (self._root / place).is_file():
                for line in listed_images(self._root / place):
                    located = self._finder.find(line.removeprefix("./"))
                    if located.path:
                        parts[located.path] = part
        return parts

    def _takes_part(self, path: str, folders: set[str]) -> bool:
        """Whether an image lies where labels are: their folder, `images`, or one of data.yaml."""
        parents = [parent.as_posix() for parent in PurePosixPath(path).parents]
        return (
            _key(path) in self._texts
            or path in self._parts
            or any(parent in self._config.folders for parent in parents)
            or (_key(path).rpartition("/")[0] in folders and self._is_beside(path))
        )

    def _is_beside(self, path: str) -> bool:
        """Whether the image's folder is one of images, not a third one of the same key."""
        names = {name.casefold() for name in PurePosixPath(path).parent.parts}
        return _LABELS not in names

    def _part_name(self, path: str) -> str | None:
        if path in self._parts:
            return self._parts[path]
        named = part_in(path)
        for parent in PurePosixPath(path).parents:
            given = self._config.folders.get(parent.as_posix())
            if given is not None:
                same = named is not None and AnnotatedImage("", named).part == given
                return named if same else given
        return named

    def dataset(self) -> Dataset:
        """Everything as a data set."""
        names = self._names()
        lines = {path: self._lines(self._texts.get(_key(path))) for path in self.images}
        labelled = [path for path, found in lines.items() if found]
        sizes = dict(zip(labelled, ordered(self._size, labelled), strict=True))
        objects, kept = ObjectRows(), []
        for path in self.images:
            size = sizes.get(path)
            if isinstance(size, str):
                self._rejected.append(Rejected(path, size, "unreadable"))
                continue
            kept.append(AnnotatedImage(path, self._part_name(path), self._texts.get(_key(path))))
            if size is not None:
                self._add(objects, path, size, lines[path], names)
        self._rejected += self._orphans() + self._config.problems.rejected()
        return self._made(objects, kept, names)

    def _made(self, objects: ObjectRows, kept: Sequence[AnnotatedImage], names: Names) -> Dataset:
        table, frame = samples(kept), objects.frame()
        masked = frame.height > 0 and frame["polygons"].null_count() == 0
        plain = list(names) == list(range(len(names)))
        return Dataset(
            name=self._root.name,
            root=self._root,
            layout="yolo",
            description=described(
                "YOLO instances" if masked else "YOLO detection",
                table,
                classes=len(names),
                objects=frame.height,
            ),
            task="instances" if masked else "detection",
            targets=(),
            table=table,
            rejected=(*self._rejected, *unlisted(self._finder.images, self.images)),
            classes=tuple(names.values()),
            objects=frame,
            class_ids=() if plain else tuple(names),
            sources=(*self.sources, *self._texts_of_images()),
        )

    def _names(self) -> Names:
        """Class names by number: of data.yaml, else of a list in the root or beside the labels."""
        if self._config.names:
            return self._config.names
        places = [self._root, self._root / _LABELS]
        places += sorted({self._root / Path(text).parent for text in self._texts.values()})
        for place in places:
            names, file = listed_names(place) if place.is_dir() else ({}, "")
            if names:
                self.sources.append((place / file).relative_to(self._root).as_posix())
                return names
        seen = sorted(
            {
                line.class_id
                for text in self._texts.values()
                for line in self._lines(text, quiet=True)
                if line.class_id >= 0
            }
        )
        return {number: f"class {number}" for number in seen}

    def _lines(self, text: str | None, *, quiet: bool = False) -> list[YoloLine]:
        """The objects in a label file; what is wrong in it is noted once."""
        if text is None:
            return []
        problems = Problems(text)
        file = self._root / text
        if file.stat().st_size > MAX_BYTES:
            problems.add("it is too large", f"{file.stat().st_size:,} bytes")
            content = ""
        else:
            content = file.read_bytes().decode("utf-8-sig", "replace")
        found = list(parse_lines(content, problems, keypoints=self._config.keypoints))
        if not quiet:
            if content and not content.strip():
                problems.add("it holds nothing but white space, read as empty", "no object")
            self._rejected += problems.rejected()
        return found

    def _size(self, path: str) -> Header | str:
        """The image's header, or the reason why it cannot be read."""
        try:
            return header(self._root / path)
        except UnreadableImageError as error:
            return error.reason

    def _add(
        self,
        objects: ObjectRows,
        path: str,
        size: Header | str,
        lines: Sequence[YoloLine],
        names: Names,
    ) -> None:
        if isinstance(size, str):
            return
        problems = Problems(self._texts[_key(path)])
        for line in lines:
            label = names.get(line.class_id)
            values = line.values
            extra: dict[str, object] = {"line": line.number}
            if self._config.keypoints:
                values, extra["yolo_keypoints"] = values[:4], list(values[4:])
            if label is None:
                problems.add("a class that has no name", f"line {line.number}: {line.class_id}")
                extra["class"] = line.class_id
            box, polygon = _in_pixels(values, size.width, size.height)
            polygons = [polygon] if polygon else None
            objects.add(path, label, box, polygons=polygons, extra=extra)
        self._rejected += problems.rejected()

    def _texts_of_images(self) -> list[str]:
        """The label files that belong to an image."""
        return [text for path in self.images if (text := self._texts.get(_key(path)))]

    def _orphans(self) -> list[Rejected]:
        """The label files without an image."""
        known = {_key(path) for path in self.images}
        found = []
        for key, text in sorted(self._texts.items()):
            if key not in known:
                count = len(self._lines(text, quiet=True))
                found.append(Rejected(text, f"no image for it ({count} objects)", "annotation"))
        return found


def _in_pixels(
    values: Sequence[float], width: int, height: int
) -> tuple[tuple[float, float, float, float], list[float] | None]:
    """A line's box as x1, y1, x2, y2 and its polygon, if it is one."""
    if len(values) == 4:
        x, y, w, h = values
        half_w, half_h = w / 2, h / 2
        return (
            (x - half_w) * width,
            (y - half_h) * height,
            (x + half_w) * width,
            (y + half_h) * height,
        ), None
    polygon = [value * (height if place % 2 else width) for place, value in enumerate(values)]
    return extent([polygon]) or (0.0, 0.0, 0.0, 0.0), polygon
