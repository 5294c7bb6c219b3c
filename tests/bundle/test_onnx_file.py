"""Networks that tracing cannot express go the long way, and some cannot go at all."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from phoropter.bundle import onnx_file
from phoropter.bundle.onnx_file import onnx_answer, to_onnx
from phoropter.bundle.portable import portable, torch_answer
from phoropter.core.errors import PhoropterError
from phoropter.core.records import Normalization, Preprocessing, TargetSchema

PREPROCESSING = Preprocessing(8, "crop", 3, "bicubic", 1.0, Normalization((0.5,) * 3, (0.2,) * 3))
SCHEMA = TargetSchema("classes", ("a", "b", "c"))
PIXELS = np.random.default_rng(0).integers(0, 256, (5, 3, 8, 8), dtype=np.uint8)


def travelling(network):
    return portable(network, PREPROCESSING, SCHEMA, tta=1)


@pytest.fixture
def network():
    with torch.random.fork_rng():
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))


@pytest.mark.nightly  # importing torch.export takes seconds
def test_both_ways_answer_alike(network, tmp_path, monkeypatch):
    wrapped = travelling(network)
    (tmp_path / "traced.onnx").write_bytes(to_onnx(wrapped, PIXELS[:2], SCHEMA))

    def refuses(*_):
        raise RuntimeError("not expressible")

    monkeypatch.setattr(onnx_file, "_traced", refuses)
    (tmp_path / "exported.onnx").write_bytes(to_onnx(wrapped, PIXELS[:1], SCHEMA))
    expected = torch_answer(wrapped)(PIXELS)
    for name in ("traced.onnx", "exported.onnx"):
        answer = onnx_answer(tmp_path / name)
        np.testing.assert_allclose(answer(PIXELS), expected, atol=1e-5)
        np.testing.assert_allclose(answer(PIXELS[:1]), expected[:1], atol=1e-5)


def test_what_cannot_be_written_is_one_clear_error(network, monkeypatch):
    tried = []

    def refuses(*_, dynamo, **__):
        tried.append(dynamo)
        raise RuntimeError("not expressible")

    monkeypatch.setattr(torch.onnx, "export", refuses)
    with pytest.raises(PhoropterError, match="cannot be written as ONNX: not expressible"):
        to_onnx(travelling(network), PIXELS[:2], SCHEMA)
    assert tried == [False, True]
