"""Damaged, altered or foreign bundles end in one clear line; nothing in them is run."""

from __future__ import annotations

import os
import pickle
import shutil

import numpy as np
import pytest
import yaml

from phoropter.bundle.load import load
from phoropter.bundle.manifest import digest
from phoropter.core.errors import CorruptFileError, InputError, MissingExtraError, PhoropterError


@pytest.fixture
def bundle(cnn_bundle, tmp_path):
    """A copy that may be harmed."""
    return shutil.copytree(cnn_bundle, tmp_path / "model")


def rewrite(bundle, **changes):
    path = bundle / "bundle.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes))


def resign(bundle):
    """Digests that fit the altered files, as somebody with intent would write them."""
    rewrite(
        bundle,
        files={n: digest(bundle / n) for n in ("model.safetensors", "model.onnx", "golden.npz")},
    )


def test_a_sound_bundle_verifies_on_both_runtimes(bundle):
    assert load(bundle, runtime="onnx").verify() <= 1e-4
    assert load(bundle, runtime="torch").verify() <= 1e-6


@pytest.mark.parametrize("name", ["model.safetensors", "model.onnx", "golden.npz"])
@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_harmed_files_are_named(bundle, name, harm):
    path = bundle / name
    content = path.read_bytes()
    if harm == "flip":
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    elif harm == "cut":
        path.write_bytes(content[:-7])
    else:
        path.unlink()
    with pytest.raises(CorruptFileError, match=name):
        load(bundle)


def test_weights_of_another_shape_do_not_fit_their_recipe(bundle):
    content = yaml.safe_load((bundle / "bundle.yaml").read_text())
    content["recipe"]["model"]["width"] = 9
    rewrite(bundle, recipe=content["recipe"])
    with pytest.raises(CorruptFileError, match="do not fit"):
        load(bundle, runtime="torch")


@pytest.mark.parametrize("name", ["model.safetensors", "model.onnx"])
def test_garbage_with_the_right_digest_is_still_an_error(bundle, name):
    (bundle / name).write_bytes(b"garbage" * 40)
    resign(bundle)
    with pytest.raises(CorruptFileError, match=name):
        load(bundle, runtime="onnx" if name.endswith("onnx") else "torch")


class _Trap:
    def __reduce__(self):
        return os.system, ("echo harm > harm.txt",)


def test_pickled_content_is_never_run(bundle, monkeypatch):
    monkeypatch.chdir(bundle)
    trap = pickle.dumps(_Trap())
    (bundle / "model.safetensors").write_bytes(trap)
    np.savez(bundle / "golden.npz", pixels=np.array([_Trap()], dtype=object), answers=np.zeros(1))
    resign(bundle)
    with pytest.raises(CorruptFileError):
        load(bundle, runtime="torch")
    with pytest.raises(CorruptFileError):
        load(bundle, runtime="onnx").verify()
    (bundle / "bundle.yaml").write_text("!!python/object/apply:os.system ['echo harm > harm.txt']")
    with pytest.raises(CorruptFileError):
        load(bundle)
    assert not (bundle / "harm.txt").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"files": {}}, "damaged"),
        ({"files": {"../secret": "0"}}, "damaged"),
        ({"schema": {"kind": "classes"}}, "damaged"),
        ({"preprocessing": None}, "damaged"),
        ({"recipe": {"model": {"name": 3, "nonsense": 1}}}, "damaged"),
    ],
)
def test_damaged_manifests_are_told(bundle, changes, message):
    rewrite(bundle, **changes)
    with pytest.raises(CorruptFileError, match=message):
        load(bundle)


def test_files_outside_the_folder_are_refused(bundle):
    files = yaml.safe_load((bundle / "bundle.yaml").read_text())["files"]
    rewrite(bundle, files=files | {"../model/README.md": digest(bundle / "README.md")})
    with pytest.raises(CorruptFileError, match="lacks its file"):
        load(bundle)


@pytest.mark.parametrize("text", ["", "- a", "a: [", "\x00"])
def test_no_manifest_inside_the_manifest(bundle, text):
    (bundle / "bundle.yaml").write_text(text)
    with pytest.raises(CorruptFileError, match=r"bundle\.yaml"):
        load(bundle)


def test_other_formats_and_folders_are_refused_with_a_hint(bundle, tmp_path):
    rewrite(bundle, format=99)
    with pytest.raises(InputError, match="99"):
        load(bundle)
    with pytest.raises(InputError, match="no model bundle") as caught:
        load(tmp_path)
    assert "export" in caught.value.hint


def test_wrong_answers_are_noticed_by_verify(bundle):
    with np.load(bundle / "golden.npz") as content:
        pixels, answers = content["pixels"], content["answers"]
    np.savez_compressed(bundle / "golden.npz", pixels=pixels, answers=answers[:, ::-1])
    resign(bundle)
    with pytest.raises(PhoropterError, match="golden samples differ"):
        load(bundle).verify()


def test_without_onnx_runtime_torch_answers(bundle, monkeypatch):
    monkeypatch.setattr("phoropter.bundle.onnx_file.find_spec", lambda _: None)
    monkeypatch.setattr("phoropter.bundle.load.has_runtime", lambda: False)
    assert load(bundle).runtime == "torch"
    with pytest.raises(MissingExtraError):
        load(bundle, runtime="onnx")
