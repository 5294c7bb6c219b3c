"""From a trained network to a folder that anybody can use, verified before it is there."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import nn

from phoropter.bundle.golden import Golden, write_golden
from phoropter.bundle.load import load
from phoropter.bundle.manifest import (
    CARD,
    GOLDEN,
    MANIFEST,
    ONNX,
    WEIGHTS,
    Manifest,
    digest,
    write_manifest,
)
from phoropter.bundle.model_card import BundleCard, render_card
from phoropter.bundle.onnx_file import onnx_answer, require_packages, to_onnx
from phoropter.bundle.portable import Portable, outer_views, portable, torch_answer
from phoropter.bundle.verify import agreement, verify
from phoropter.core.errors import UsageError
from phoropter.core.files import PARTIAL, REPLACED, storage_errors, write_text
from phoropter.core.recipe import Recipe
from phoropter.core.records import Preprocessing, TargetSchema
from phoropter.core.registry import names
from phoropter.core.seed import generator

FILES = (MANIFEST, WEIGHTS, ONNX, GOLDEN, CARD)


@dataclass(frozen=True, slots=True)
class Exported:
    """A bundle that has been verified.

    Args:
        folder: Where it is.
        files: Names of its files.
        verified: Golden samples whose answers agree.
        largest_difference: Largest difference between ONNX Runtime and the network on them.
    """

    folder: Path
    files: tuple[str, ...]
    verified: int
    largest_difference: float


def export(
    network: nn.Module,
    *,
    folder: Path,
    recipe: Recipe,
    schema: TargetSchema,
    preprocessing: Preprocessing,
    golden: NDArray[np.uint8],
    card: BundleCard,
) -> Exported:
    """Writes the bundle of a network; a bundle that was there is replaced only by a sound one.

    ONNX Runtime must answer the golden samples as the network does, and so must the network that
    is rebuilt from the written weights.

    Args:
        network: Normalised float images to raw outputs; left as it is.
        folder: The bundle's folder; its parents are made.
        recipe: What the network is rebuilt from.
        schema: The target's schema.
        preprocessing: What the samples went through.
        golden: A few real samples as the network got them, shape (n, c, s, s), 0 to 255.
        card: The facts for the model card, and what follows the network.

    Raises:
        MissingExtraError: If onnx or ONNX Runtime is not installed.
        UsageError: If the golden samples have the wrong shape.
        PhoropterError: If the written model answers differently; nothing is written then.
        StorageError: If the disk is full or the folder cannot be written.
    """
    require_packages()
    _check_golden(golden, preprocessing)
    travelling = portable(
        network,
        preprocessing,
        schema,
        tta=outer_views(recipe),
        temperature=card.decoding.temperature,
    )
    manifest = Manifest(
        made_by=f"phoropter {version('phoropter')}",
        name=card.name,
        recipe=recipe,
        schema=schema,
        preprocessing=preprocessing,
        head=_head(recipe),
        primary=card.primary,
        measured_on=card.measured_on,
        metrics=card.metrics,
        decoding=card.decoding,
    )
    with _whole_folder(folder) as partial:
        samples = _write_models(partial, travelling, golden, schema)
        write_text(partial / CARD, render_card(card, recipe, schema, preprocessing))
        sums = {name: digest(partial / name) for name in (WEIGHTS, ONNX, GOLDEN)}
        write_manifest(partial / MANIFEST, replace(manifest, files=sums))
        largest = verify(onnx_answer(partial / ONNX), samples, schema, what="The ONNX model")
        rebuilt = load(partial, runtime="torch", own_code=True)
        verify(rebuilt.answer, samples, schema, what="The network rebuilt from its weights")
    return Exported(folder=folder, files=FILES, verified=len(samples), largest_difference=largest)


def _head(recipe: Recipe) -> str:
    alone = not recipe.predict.ensemble
    return recipe.model.name if alone and recipe.model.name in names("phoropter.classics") else ""


def _check_golden(golden: NDArray[np.uint8], preprocessing: Preprocessing) -> None:
    side = preprocessing.size
    expected = (preprocessing.channels, side, side)
    if golden.ndim != 4 or len(golden) == 0 or golden.shape[1:] != expected:
        raise UsageError(
            f"Golden samples have shape {golden.shape}; (n, *{expected}) with n > 0 is expected."
        )
    if golden.dtype != np.uint8:
        raise UsageError(f"Golden samples are {golden.dtype}; uint8 is expected.")


def _write_models(
    folder: Path, network: Portable, pixels: NDArray[np.uint8], schema: TargetSchema
) -> Golden:
    """Writes weights, ONNX file and golden samples; returns the latter."""
    state = {
        name: tensor.detach().clone().contiguous()
        for name, tensor in network.network.state_dict().items()
    }
    _write_bytes(folder / WEIGHTS, save(state))
    _write_bytes(folder / ONNX, to_onnx(network, pixels[:2], schema))
    golden = Golden(pixels=pixels, answers=torch_answer(network)(pixels))
    golden = _without_knife_edges(network, golden, schema, folder / ONNX)
    write_golden(folder / GOLDEN, golden)
    return golden


def _without_knife_edges(
    network: Portable, golden: Golden, schema: TargetSchema, onnx: Path
) -> Golden:
    """Leaves out disagreeing samples whose answer the network itself changes at a breath of noise.

    A tree's threshold or a tie among neighbours may fall within rounding error of a sample; which
    side it lands on is then arbitrary in any library. At least half of the samples must remain.
    """
    agreeing = agreement(onnx_answer(onnx)(golden.pixels), golden, schema).agreeing
    if agreeing.all():
        return golden
    draws = generator(0, "knife-edges")
    steady = np.ones(len(golden), dtype=np.bool_)
    for _ in range(8):
        noise = draws.uniform(-1e-3, 1e-3, golden.pixels.shape)
        moved = torch.from_numpy((golden.pixels + noise).astype(np.float32))
        with torch.inference_mode():
            answers = network(moved).numpy().astype(np.float64)
        steady &= agreement(answers, golden, schema).agreeing
    kept = agreeing | steady
    if 2 * kept.sum() < len(golden):
        return golden
    return Golden(pixels=golden.pixels[kept], answers=golden.answers[kept])


def _write_bytes(path: Path, content: bytes) -> None:
    with storage_errors(path):
        path.write_bytes(content)


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder beside `folder` that takes its place when the block ends well."""
    with storage_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        room = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=PARTIAL, dir=folder.parent))
    try:
        partial = room / folder.name
        partial.mkdir()
        yield partial
        with storage_errors(folder):
            if folder.exists():
                folder.rename(room / REPLACED)
            partial.rename(folder)
    finally:
        shutil.rmtree(room, ignore_errors=True)
