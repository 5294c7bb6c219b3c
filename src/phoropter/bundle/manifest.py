"""`bundle.yaml`: everything about a model that is not a number of its weights."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from phoropter.core.decoding import Decoding
from phoropter.core.errors import CorruptFileError, InputError, UsageError
from phoropter.core.files import plain, write_text
from phoropter.core.recipe import Recipe, from_yaml
from phoropter.core.records import Metric, Preprocessing, TargetSchema

FORMAT = 1
MANIFEST = "bundle.yaml"
WEIGHTS = "model.safetensors"
ONNX = "model.onnx"
GOLDEN = "golden.npz"
CARD = "README.md"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `bundle.yaml` says.

    Args:
        made_by: The program and version that wrote it.
        name: What the model is called.
        recipe: How it was trained; with the schema and `head` it is how the network is rebuilt.
        schema: What the outputs mean.
        preprocessing: How a decoded image becomes the network's input.
        head: Name of the classic model that answers, or "" for a trained network.
        primary: Name of the metric that was optimised.
        measured_on: The part the metrics were measured on, "test" or "val".
        metrics: What was reached there.
        decoding: The temperature, which the ONNX file holds already, and the decision, which it
            does not: it gives probabilities.
        files: SHA-256 of every other file that must be sound, by name.
        format: Version of this layout.
    """

    made_by: str
    name: str
    recipe: Recipe
    schema: TargetSchema
    preprocessing: Preprocessing
    head: str
    primary: str
    measured_on: str
    metrics: tuple[Metric, ...]
    decoding: Decoding = field(default_factory=Decoding)
    files: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Writes the manifest as YAML, with the class names and the views a prediction in the open."""
    content = {
        "format": manifest.format,
        "made_by": manifest.made_by,
        "name": manifest.name,
        "task": manifest.recipe.task,
        "classes": list(manifest.schema.names) if manifest.schema.kind == "classes" else [],
        "tta": manifest.recipe.predict.tta,
        "primary": manifest.primary,
        "measured_on": manifest.measured_on,
        "metrics": plain(manifest.metrics),
        "schema": plain(manifest.schema),
        "preprocessing": plain(manifest.preprocessing),
        "decoding": plain(manifest.decoding),
        "head": manifest.head,
        "recipe": manifest.recipe.model_dump(),
        "files": dict(manifest.files),
    }
    write_text(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a bundle; nothing in it is executed.

    Raises:
        InputError: If the folder is no bundle, or one of a later format.
        CorruptFileError: If the manifest is damaged.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise InputError(
            f"{str(folder)!r} is no model bundle: it holds no {MANIFEST!r}.",
            hint="Give the folder that `phoropter export` or `phoropter run` wrote (…/model).",
        )
    content = _mapping(path)
    if content.get("format") != FORMAT:
        raise InputError(
            f"{str(path)!r} has format {content.get('format')!r}; this version reads {FORMAT}.",
            hint="Install the version of phoropter named in its 'made_by'.",
        )
    try:
        return _manifest(content, path)
    except (KeyError, TypeError, ValidationError, UsageError) as error:
        reason = str(error).splitlines()[0]
        raise CorruptFileError(
            f"{str(path)!r} is damaged: {reason}.", hint="Export the run again."
        ) from error


def digest(path: Path) -> str:
    """SHA-256 of a file's content, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_files(folder: Path, manifest: Manifest) -> None:
    """Makes sure that every file is there and is the one that was exported.

    Raises:
        CorruptFileError: If one is missing or has been altered.
    """
    for name, expected in manifest.files.items():
        path = folder / name
        if Path(name).name != name or not path.is_file():
            raise CorruptFileError(
                f"The bundle {str(folder)!r} lacks its file {name!r}.",
                hint="Copy the whole folder again, or export the run again.",
            )
        if digest(path) != expected:
            raise CorruptFileError(
                f"{str(path)!r} is not the file that was exported: its SHA-256 differs.",
                hint="Copy the whole folder again, or export the run again.",
            )


def _mapping(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise CorruptFileError(
            f"{str(path)!r} is damaged: {reason}.", hint="Export the run again."
        ) from error
    if not isinstance(content, dict):
        raise CorruptFileError(
            f"{str(path)!r} is damaged: it holds no mapping.", hint="Export the run again."
        )
    return content


def _manifest(content: Mapping[str, Any], path: Path) -> Manifest:
    files = TypeAdapter(dict[str, str]).validate_python(content["files"])
    if not {WEIGHTS, ONNX, GOLDEN} <= files.keys():
        message = f"'files' lists {sorted(files)}"
        raise KeyError(message)
    return Manifest(
        made_by=str(content["made_by"]),
        name=str(content["name"]),
        recipe=from_yaml(yaml.safe_dump(content["recipe"]), where=str(path)),
        schema=TypeAdapter(TargetSchema).validate_python(content["schema"]),
        preprocessing=TypeAdapter(Preprocessing).validate_python(content["preprocessing"]),
        head=str(content["head"]),
        primary=str(content["primary"]),
        measured_on=str(content["measured_on"]),
        metrics=TypeAdapter(tuple[Metric, ...]).validate_python(content["metrics"]),
        decoding=TypeAdapter(Decoding).validate_python(content.get("decoding", {})),
        files=files,
    )
