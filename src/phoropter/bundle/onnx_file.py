"""Writing a network as ONNX and running one; the only place that knows the two libraries."""

from __future__ import annotations

import io
import json
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phoropter.bundle.answer import Answer, Answers, Pixels
from phoropter.core.errors import CorruptFileError, MissingExtraError, PhoropterError
from phoropter.core.records import TargetSchema

if TYPE_CHECKING:
    from phoropter.bundle.portable import Portable

INPUT = "pixels"
OPSET = 17  # every operation used is in it; ONNX Runtime reads it since 1.12 (2022)
_RUNTIME = "onnxruntime"


def has_runtime() -> bool:
    """Whether ONNX Runtime is installed; does not import it."""
    return find_spec(_RUNTIME) is not None


def require_packages() -> None:
    """Makes sure before any work that an export can be written and verified.

    Raises:
        MissingExtraError: If onnx or ONNX Runtime is not installed.
    """
    for package in ("onnx", _RUNTIME):
        if find_spec(package) is None:
            raise MissingExtraError(package, "export", why="Exporting a model")


def to_onnx(network: Portable, example: Pixels, schema: TargetSchema) -> bytes:
    """The network as an ONNX file with a free batch size, its class names among the metadata.

    Tracing takes 1 s where `torch.export` takes 12 s (EfficientNet-Lite0), so it is tried first;
    what it could get wrong shows when the result is verified with other batch sizes.

    Raises:
        PhoropterError: If neither can express the network.
    """
    import onnx

    output = "probabilities" if schema.kind == "classes" else "values"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporters' words about themselves and about torch
        try:
            content = _traced(network, example, output)
        except (RuntimeError, TypeError):  # torch.onnx's errors are RuntimeErrors
            content = _exported(network, example, output)
    model = onnx.load_from_string(content)
    onnx.helper.set_model_props(
        model, {"names": json.dumps(schema.names, ensure_ascii=False), "kind": schema.kind}
    )
    described: bytes = model.SerializeToString()
    return described


def _traced(network: Portable, example: Pixels, output: str) -> bytes:
    import torch

    written = io.BytesIO()
    torch.onnx.export(
        network,
        (torch.from_numpy(np.array(example)),),
        written,  # type: ignore[arg-type] # with dynamo=False it takes files too
        dynamo=False,
        opset_version=OPSET,
        input_names=[INPUT],
        output_names=[output],
        dynamic_axes={INPUT: {0: "samples"}, output: {0: "samples"}},
    )
    return written.getvalue()


def _exported(network: Portable, example: Pixels, output: str) -> bytes:
    import torch

    # One sample would be taken for a constant.
    several = torch.from_numpy(np.concatenate([example] * 2)[:2])
    try:
        program = torch.onnx.export(
            network,
            (several,),
            dynamo=True,
            input_names=[INPUT],
            output_names=[output],
            dynamic_shapes={"pixels": {0: torch.export.Dim("samples")}},
            verbose=False,
        )
    except RuntimeError as error:
        raise PhoropterError(
            f"The network cannot be written as ONNX: {str(error).splitlines()[0]}",
            hint="Choose a model of `phoropter models`, or report this with the recipe.",
        ) from error
    if program is None:
        message = "torch.onnx.export returned no program"
        raise RuntimeError(message)
    content: bytes = program.model_proto.SerializeToString()
    return content


def onnx_answer(path: Path) -> Answer:
    """A function that answers by ONNX Runtime: pixels (n, c, s, s) to float64 (n, outputs).

    Raises:
        MissingExtraError: If ONNX Runtime is not installed.
        CorruptFileError: If the file is no model it can run.
    """
    session = _session(path)

    def answer(pixels: Pixels) -> Answers:
        (result,) = session.run(None, {INPUT: np.ascontiguousarray(pixels)})
        return np.asarray(result, dtype=np.float64)

    return answer


def _session(path: Path) -> Any:
    if not has_runtime():
        raise MissingExtraError(_RUNTIME, "export", why="Running an ONNX model")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors are raised; warnings about tensor layouts help nobody
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise CorruptFileError(
            f"ONNX Runtime cannot load {str(path)!r}: {reason}.", hint="Export the run again."
        ) from error
