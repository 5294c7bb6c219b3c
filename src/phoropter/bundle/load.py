"""Opening a bundle: data only, nothing in it is executed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from phoropter.bundle.answer import Answer
from phoropter.bundle.golden import Golden, read_golden
from phoropter.bundle.manifest import (
    GOLDEN,
    ONNX,
    Manifest,
    check_files,
    read_manifest,
)
from phoropter.bundle.onnx_file import has_runtime, onnx_answer
from phoropter.bundle.predict import predict_files
from phoropter.bundle.verify import verify
from phoropter.core.events import Listener, silent
from phoropter.core.records import Preprocessing, TargetSchema

Runtime = Literal["auto", "onnx", "torch"]


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """A model that is ready to answer.

    Args:
        folder: Where it came from.
        manifest: What it says about itself.
        runtime: "onnx" or "torch".
        answer: Pixels (n, c, s, s), uint8, to probabilities (n, k) or values (n, t), float64.
    """

    folder: Path
    manifest: Manifest
    runtime: str
    answer: Answer

    @property
    def schema(self) -> TargetSchema:
        """What the answers mean."""
        return self.manifest.schema

    @property
    def preprocessing(self) -> Preprocessing:
        """How a decoded image becomes pixels of the right shape."""
        return self.manifest.preprocessing

    @property
    def golden(self) -> Golden:
        """The samples with the answers of the original network."""
        return read_golden(self.folder / GOLDEN)

    def verify(self) -> float:
        """The largest difference to the golden answers, here and now.

        Raises:
            PhoropterError: If one differs by more than the tolerance.
        """
        return verify(
            self.answer, self.golden, self.schema, what=f"The bundle {str(self.folder)!r}"
        )

    def predict(
        self, files: Iterable[str | Path], *, listener: Listener = silent
    ) -> list[dict[str, Any]]:
        """One row a file: path, prediction, probability and probabilities, or values.

        A file that cannot be read gets a row with `error` (the reason) and no prediction.

        Args:
            files: Image files, folders (searched to the bottom) and glob patterns.
            listener: Told of progress and of what was left out.

        Raises:
            InputError: If a path does not exist, is a URL, or nothing is left to predict.
        """
        return predict_files(
            files,
            self.answer,
            schema=self.schema,
            preprocessing=self.preprocessing,
            decision=self.manifest.decoding.decision,
            listener=listener,
        )


def load(folder: str | Path, *, runtime: Runtime = "auto", own_code: bool = False) -> Bundle:
    """The bundle in `folder`, its files checked against their digests.

    Args:
        folder: What `export` wrote.
        runtime: "onnx" starts in a fraction of a second; "torch" rebuilds the network; "auto" is
            "onnx" where ONNX Runtime is installed.
        own_code: Whether "torch" may run the code by which a network of the user's own is built.

    Raises:
        InputError: If the folder is no bundle.
        CorruptFileError: If a file is missing, damaged or altered.
        MissingExtraError: If "onnx" is asked for and not installed.
    """
    place = Path(folder)
    manifest = read_manifest(place)
    check_files(place, manifest)
    if runtime == "onnx" or (runtime == "auto" and has_runtime()):
        return Bundle(place, manifest, "onnx", onnx_answer(place / ONNX))
    from phoropter.bundle.portable import outer_views, portable, torch_answer
    from phoropter.bundle.rebuild import rebuild

    network = portable(
        rebuild(place, manifest, own_code=own_code),
        manifest.preprocessing,
        manifest.schema,
        tta=outer_views(manifest.recipe),
        temperature=manifest.decoding.temperature,
    )
    return Bundle(place, manifest, "torch", torch_answer(network))
