"""Exported bundles answer as the network did, or are not there."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
import yaml
from safetensors.numpy import load_file

import phoropter.bundle.export as export_module
from phoropter.bundle.export import FILES
from phoropter.bundle.load import load
from phoropter.bundle.onnx_file import onnx_answer, to_onnx
from phoropter.bundle.portable import portable
from phoropter.core.errors import MissingExtraError, PhoropterError, UsageError
from phoropter.prediction.tta import averaged

CLASSIFIERS = ("cnn", "mlp", "majority", "logistic", "knn", "random_forest")
REGRESSORS = ("cnn", "mlp", "mean", "ridge", "random_forest")


def reference(made, *, tta=1):
    """The network's answers, computed without any code of the bundle."""
    network = made.network.eval()
    x = (torch.from_numpy(made.pixels).float() / 255 - 0.3) / 0.4
    with torch.inference_mode():
        outputs = averaged(network, x, tta=tta)
        if made.schema.kind == "classes":
            return outputs.double().softmax(1).numpy()
        outputs = outputs.double().numpy()
    return outputs * np.array(made.schema.scale) + np.array(made.schema.offset)


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, "classes") for name in CLASSIFIERS] + [(name, "values") for name in REGRESSORS],
)
def test_every_model_travels(make, tmp_path, name, kind):
    made = make(name, kind=kind)
    done = made.export(tmp_path / "model")
    assert sorted(path.name for path in done.folder.iterdir()) == sorted(FILES)
    assert done.largest_difference <= 1e-4
    assert done.verified == 8
    expected = reference(made)
    for runtime in ("onnx", "torch"):
        answers = load(done.folder, runtime=runtime).answer(made.pixels)
        np.testing.assert_allclose(answers, expected, atol=2e-4)


@pytest.mark.parametrize("tta", [2, 5])
def test_views_are_averaged_inside_the_onnx_file(make, tmp_path, tta):
    made = make("cnn", tta=tta)
    folder = made.export(tmp_path / "model").folder
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    (answers,) = session.run(None, {"pixels": made.pixels})
    np.testing.assert_allclose(answers, reference(made, tta=tta), atol=1e-4)
    assert np.abs(answers - reference(made)).max() > 1e-3


def test_onnx_file_describes_itself(cnn_bundle):
    session = onnxruntime.InferenceSession(cnn_bundle / "model.onnx")
    (given,), (out,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape[1:]) == ("pixels", "tensor(uint8)", [1, 16, 16])
    assert out.name == "probabilities"
    names = json.loads(session.get_modelmeta().custom_metadata_map["names"])
    assert names == [f"digit {i}" for i in range(10)]


def test_manifest_tells_what_is_needed(cnn_bundle):
    content = yaml.safe_load((cnn_bundle / "bundle.yaml").read_text())
    assert content["task"] == "classification"
    assert content["classes"][3] == "digit 3"
    assert content["preprocessing"]["normalization"] == {"mean": [0.3], "std": [0.4]}
    assert content["metrics"] == [
        {"name": "accuracy", "value": 0.91, "low": 0.85, "high": 0.96, "n": 40}
    ]
    assert set(content["files"]) == {"model.safetensors", "model.onnx", "golden.npz"}


def test_weights_are_the_network_s(make, tmp_path):
    made = make("cnn")
    saved = load_file(made.export(tmp_path / "model").folder / "model.safetensors")
    state = made.network.state_dict()
    assert saved.keys() == state.keys()
    for name, tensor in state.items():
        np.testing.assert_array_equal(saved[name], tensor.numpy())


def test_network_is_left_as_it_was(make, tmp_path):
    made = make("cnn")
    made.network.train()
    before = {name: tensor.clone() for name, tensor in made.network.state_dict().items()}
    made.export(tmp_path / "model")
    assert made.network.training
    for name, tensor in made.network.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_a_wrong_onnx_model_is_never_delivered(make, tmp_path, monkeypatch):
    made = make("cnn")
    other = make("cnn")
    with torch.no_grad():
        other.network.head.linear.bias[0] += 0.01

    def wrong(_network, example, schema):
        answering = portable(other.network, made_preprocessing(), schema, tta=1)
        return to_onnx(answering, example, schema)

    monkeypatch.setattr(export_module, "to_onnx", wrong)
    with pytest.raises(PhoropterError, match="8 of 8 golden samples differ") as caught:
        made.export(tmp_path / "model")
    assert "Nothing was exported" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_failed_export_keeps_the_bundle_that_was_there(make, tmp_path, monkeypatch):
    made = make("mlp")
    folder = made.export(tmp_path / "model").folder
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def fails(*_args, **_named):
        raise PhoropterError("no")

    monkeypatch.setattr(export_module, "verify", fails)
    with pytest.raises(PhoropterError, match="no"):
        made.export(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_export_replaces_and_repeats_bit_for_bit(make, tmp_path):
    made = make("mlp")
    folder = made.export(tmp_path / "model").folder
    (folder / "stray.txt").write_text("left behind")
    first = {name: (folder / name).read_bytes() for name in FILES}
    made.export(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first


def test_knife_edges_are_left_out(make, tmp_path):
    class Edge(torch.nn.Module):
        """Answers by a threshold on which one golden sample lies but for rounding."""

        def __init__(self, inner, at):
            super().__init__()
            self.inner = inner
            self.register_buffer("at", torch.tensor(at))

        def forward(self, x):
            step = (x.mean((1, 2, 3)) > self.at).float()
            return self.inner(x) + step[:, None] * torch.arange(10.0)

    made = make("mlp")
    x = (torch.from_numpy(made.pixels[:1]).double() / 255 - 0.3) / 0.4
    network = Edge(made.network, float(x.mean())).eval()
    travelling = portable(network, made_preprocessing(), made.schema, tta=1)
    onnx = tmp_path / "model.onnx"
    onnx.write_bytes(to_onnx(travelling, made.pixels[:2], made.schema))
    answers = onnx_answer(onnx)(made.pixels[:8])
    answers[0] = answers[0][::-1]  # as if it fell on the other side
    golden = export_module.Golden(made.pixels[:8], answers)
    kept = export_module._without_knife_edges(travelling, golden, made.schema, onnx)
    assert len(kept) == 7
    np.testing.assert_array_equal(kept.pixels, made.pixels[1:8])


def test_missing_packages_are_named_before_any_work(make, tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "phoropter.bundle.onnx_file.find_spec",
        lambda name: None if name == "onnxruntime" else found(name),
    )
    with pytest.raises(MissingExtraError, match=r"phoropter\[export\]"):
        make("mlp").export(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "harm",
    [
        lambda pixels: pixels[:0],
        lambda pixels: pixels[:, :, :8],
        lambda pixels: pixels[0],
        lambda pixels: pixels.astype(np.float32),
    ],
    ids=["none", "small", "flat", "float"],
)
def test_wrong_golden_samples_are_refused(make, tmp_path, harm):
    made = make("mlp")
    with pytest.raises(UsageError, match="Golden samples"):
        replace(made, pixels=harm(made.pixels)).export(tmp_path / "model")


def test_loading_by_onnx_runtime_starts_without_torch(cnn_bundle):
    program = (
        "import sys\nfrom phoropter.bundle.load import load\n"
        f"print(load({str(cnn_bundle)!r}).runtime, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["onnx", "False"]


def made_preprocessing():
    from phoropter.core.records import Normalization, Preprocessing

    return Preprocessing(16, "stretch", 1, "bilinear", 1.0, Normalization((0.3,), (0.4,)))


def test_folder_may_be_new_and_deep(make, tmp_path):
    folder = tmp_path / "a" / "b" / "model"
    assert make("mlp").export(folder).folder == folder
    assert Path(folder / "README.md").is_file()
