"""One row a file, whatever the file."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from phoropter.bundle.load import load
from phoropter.bundle.model_card import usage
from phoropter.bundle.predict import BATCH, expand
from phoropter.core.decoding import Decision, Decoding, cost_matrix, decide
from phoropter.core.errors import InputError
from phoropter.core.events import Note, Progress
from phoropter.core.records import Normalization, Preprocessing
from phoropter.data.preprocess import read_square


@pytest.mark.parametrize("runtime", ["onnx", "torch"])
def test_rows_of_a_classifier(cnn_bundle, image_files, pixels, runtime):
    bundle = load(cnn_bundle, runtime=runtime)
    rows = bundle.predict(image_files)
    expected = bundle.answer(pixels[:5])
    assert [row["path"] for row in rows] == [str(path) for path in image_files]
    for row, answers in zip(rows, expected, strict=True):
        assert row["prediction"] == f"digit {answers.argmax()}"
        assert row["probability"] == pytest.approx(answers.max(), abs=1e-6)
        assert list(row["probabilities"]) == [f"digit {i}" for i in range(10)]
        assert sum(row["probabilities"].values()) == pytest.approx(1)
        np.testing.assert_allclose(list(row["probabilities"].values()), answers, atol=1e-6)


def test_rows_of_a_regression(make, tmp_path, image_files, pixels):
    bundle = load(make("ridge", kind="values").export(tmp_path / "model").folder)
    rows = bundle.predict(image_files)
    expected = bundle.answer(pixels[:5])
    for row, answers in zip(rows, expected, strict=True):
        assert row["values"] == pytest.approx(
            {"value": answers[0], "evenness": answers[1]}, abs=1e-4
        )
        assert row["prediction"] == list(row["values"].values())


def test_unreadable_files_get_a_row_with_the_reason(cnn_bundle, image_files, tmp_path):
    broken, empty, text = (tmp_path / name for name in ("cut.png", "empty.jpg", "text.png"))
    broken.write_bytes(image_files[0].read_bytes()[:60])
    empty.write_bytes(b"")
    text.write_text("not a picture")
    rows = load(cnn_bundle).predict([broken, image_files[0], empty, text])
    assert [row["prediction"] is None for row in rows] == [True, False, True, True]
    assert rows[2]["error"] == "the file is empty"
    assert "text" in rows[3]["error"]
    assert rows[0]["error"]
    assert "error" not in rows[1]


def test_only_unreadable_files_still_give_rows(cnn_bundle, tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    rows = load(cnn_bundle).predict([tmp_path / "a.png"])
    assert rows == [
        {"path": str(tmp_path / "a.png"), "prediction": None, "error": "the file is empty"}
    ]


def test_batches_do_not_change_answers(cnn_bundle, tmp_path, pixels):
    for row in range(BATCH + 3):
        Image.fromarray(pixels[row, 0]).save(tmp_path / f"{row:03}.png")
    bundle, heard = load(cnn_bundle), []
    rows = bundle.predict([tmp_path], listener=heard.append)
    together = bundle.answer(pixels[: BATCH + 3])
    answers = np.array([list(row["probabilities"].values()) for row in rows])
    np.testing.assert_allclose(answers, together, atol=1e-5)
    assert heard == [
        Progress("predicting", BATCH, BATCH + 3),
        Progress("predicting", BATCH + 3, BATCH + 3),
    ]


def test_folders_and_patterns_are_expanded_once_each(image_files):
    folder = image_files[0].parent
    (folder / "notes.txt").write_text("x")
    (folder / ".hidden.png").write_bytes(b"")
    heard = []
    assert expand([folder], listener=heard.append) == image_files
    assert isinstance(heard[0], Note)
    assert "notes.txt" in heard[0].text
    assert expand([str(folder / "*.png"), image_files[4]]) == [*image_files[:3], image_files[4]]
    assert expand([image_files[2], folder]) == [image_files[2], *image_files[:2], *image_files[3:]]
    assert expand([f"{folder}/**/4.png"]) == [image_files[4]]


@pytest.mark.parametrize(
    "given", ["https://example.org/a.png", "s3://bucket/a.png", "file:///a.png"]
)
def test_urls_are_refused(given):
    for item in (given, Path(given)):
        with pytest.raises(InputError, match="URL"):
            expand([item])


def test_nothing_to_predict_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"missing\.png"):
        expand([tmp_path / "missing.png"])
    with pytest.raises(InputError, match="no image file"):
        expand([tmp_path])
    with pytest.raises(InputError, match="empty list"):
        expand([])


@pytest.mark.skipif(os.name == "nt", reason="brackets are for POSIX names")
def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path, image_files):
    odd = tmp_path / "a[1].png"
    odd.write_bytes(image_files[0].read_bytes())
    assert expand([odd]) == [odd]


@pytest.mark.parametrize(
    ("resize", "pad"),
    [
        ("crop", "constant"),
        ("stretch", "constant"),
        ("letterbox", "constant"),
        ("letterbox", "reflect"),
        ("letterbox", "symmetric"),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_card_s_lines_prepare_images_as_training_does(
    tmp_path, monkeypatch, resize, pad, channels
):
    """The Python of the model card, run; a stand-in session returns what it was given."""
    preprocessing = Preprocessing(
        20, resize, channels, "bicubic", 0.875 if resize == "crop" else 1.0,
        Normalization((0.5,), (0.5,)), pad=pad,
    )  # fmt: skip
    noise = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "photo.png")
    lines = usage(preprocessing).replace("photo.jpg", "photo.png")
    monkeypatch.chdir(tmp_path)

    class Session:
        def __init__(self, path):
            assert path == "model.onnx"

        def run(self, _outputs, feed):
            seen.append(feed["pixels"])
            return [0]

    seen = []
    monkeypatch.setattr("onnxruntime.InferenceSession", Session)
    with redirect_stdout(io.StringIO()):
        exec(lines, {})
    expected = read_square(tmp_path / "photo.png", preprocessing)
    assert seen[0].shape == (1, *expected.shape)
    assert np.abs(seen[0][0].astype(int) - expected).max() <= 1


def test_the_card_s_lines_run_beside_a_real_bundle(cnn_bundle, image_files):
    lines = (cnn_bundle / "README.md").read_text().split("```python\n")[1].split("```")[0]
    program = lines.replace("photo.jpg", str(image_files[0]))
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=cnn_bundle, capture_output=True, text=True, check=True
    )
    printed = np.array(done.stdout.replace("[", " ").replace("]", " ").split(), dtype=float)
    expected = load(cnn_bundle).predict(image_files[:1])[0]["probabilities"]
    np.testing.assert_allclose(printed, list(expected.values()), atol=1e-4)


@pytest.mark.parametrize("runtime", ["onnx", "torch"])
def test_temperature_and_threshold_travel(make, tmp_path, image_files, pixels, runtime):
    made = make("logistic")
    plain = load(made.export(tmp_path / "plain").folder).answer(pixels[:5])
    decision = Decision("f1", "digit 3", float(plain[1, 3]) / 2)
    decoding = Decoding(2.0, decision)
    bundle = load(made.export(tmp_path / "model", decoding=decoding).folder, runtime=runtime)
    assert bundle.manifest.decoding == decoding
    powers = np.sqrt(plain)  # logits halved
    expected = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(bundle.answer(pixels[:5]), expected, atol=2e-4)
    named = decide(expected, bundle.schema.names, decision)
    rows = bundle.predict(image_files)
    assert [row["prediction"] for row in rows] == [f"digit {at}" for at in named]
    assert "digit 3" in {row["prediction"] for row in rows}
    assert list(named) != list(expected.argmax(axis=1))
    for row, place, shares in zip(rows, named, expected, strict=True):
        assert row["probability"] == pytest.approx(shares[place], abs=2e-4)
    text = (bundle.folder / "README.md").read_text("utf-8")
    assert "divided by 2 inside" in text
    assert "`digit 3` is named from a probability of" in text


def test_costs_name_the_cheapest_answer(make, tmp_path, image_files, pixels):
    made = make("logistic")
    costs = cost_matrix([(f"digit {i}", "digit 9", 0.01) for i in range(9)], made.schema.names)
    decoding = Decoding(decision=Decision("cost(...)", costs=costs))
    bundle = load(made.export(tmp_path / "model", decoding=decoding).folder)
    expected = (bundle.answer(pixels[:5]) @ np.array(costs)).argmin(axis=1)
    rows = bundle.predict(image_files)
    assert [row["prediction"] for row in rows] == [f"digit {at}" for at in expected]
