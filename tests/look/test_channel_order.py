"""Whether red and blue are exchanged, by what a network trained on photographs makes of images."""

from dataclasses import replace

import numpy as np
import polars as pl
from PIL import Image
from sklearn.datasets import load_sample_images

import phoropter
from phoropter.core.recipe import Recipe
from phoropter.core.records import Split
from phoropter.data.index import index
from phoropter.data.open import open_dataset
from phoropter.look.checks import channel_order
from phoropter.models.preprocessing import preprocessing
from phoropter.prediction.features import DeepFeatures
from phoropter.prediction.views import PLAIN, ExchangedColours

RNG = np.random.default_rng(0)


def asked(evidence_of, plain, exchanged):
    evidence = evidence_of(np.zeros((len(plain), 32, 32), np.uint8), ["a", "b"] * (len(plain) // 2))
    return list(
        channel_order.check(
            replace(evidence, classifier=lambda _, rows: (plain[rows], exchanged[rows]))
        )
    )


def logits(sure):
    """One class stands out by so much, shape (n, 1000)."""
    drawn = RNG.normal(size=(60, 1000)).astype(np.float32)
    drawn[:, 7] += sure
    return drawn


def test_images_that_are_better_known_the_other_way_round_are_named(evidence_of):
    (finding,) = asked(evidence_of, logits(4), logits(9))
    assert (finding.code, finding.severity) == ("preprocessing-mismatch", "warning")
    assert finding.evidence["gain"] > 4 * finding.evidence["standard_error"]
    assert not asked(evidence_of, logits(9), logits(4))


def test_grey_images_and_chance_say_nothing(evidence_of):
    same = logits(5)
    assert not asked(evidence_of, same, same)
    assert not asked(evidence_of, logits(5), logits(5))
    assert not asked(evidence_of, same[:10], logits(9)[:10])  # too few


def test_frames_that_a_split_kept_together_are_one_picture(evidence_of):
    plain, exchanged = logits(4), logits(9)
    evidence = evidence_of(np.zeros((60, 32, 32), np.uint8), ["a", "b"] * 30)
    for units, told in ((60, 1), (20, 1), (5, 0)):
        ids = evidence.ids.tolist()
        table = pl.DataFrame(
            {"id": ids, "part": ["train"] * 60, "unit": [f"{row % units}" for row in range(60)]}
        )
        asked_of = []
        kept = replace(
            evidence,
            split=Split(table, (), 0, grouped=True),
            classifier=lambda _, rows, seen=asked_of: (
                seen.append(len(rows)),
                (plain[rows], exchanged[rows]),
            )[1],
        )
        assert len(list(channel_order.check(kept))) == told
        assert asked_of == ([units] if told else [])


def photographs(folder, *, exchanged):
    for name, photo in zip(("china", "flower"), load_sample_images().images, strict=True):
        (folder / name).mkdir(parents=True)
        for number, (y, x) in enumerate(np.ndindex(3, 4)):
            crop = photo[y * 80 : y * 80 + 250, x * 100 : x * 100 + 250]
            image = Image.fromarray(crop[..., ::-1] if exchanged else crop)
            image.save(folder / name / f"{number}.png")
    return folder


def test_real_photographs_as_they_are_are_no_alarm(tmp_path):
    found = phoropter.look(photographs(tmp_path / "data", exchanged=False), project=tmp_path / "p")
    assert found.features == "efficientnet_lite0"
    assert "preprocessing-mismatch" not in {item.code for item in found.findings}


def test_an_image_in_exchanged_colours_is_seen_as_a_file_in_exchanged_colours(tmp_path):
    recipe = Recipe().changed({"model.name": "efficientnet_lite0", "data.size": 160})
    seen = []
    for exchanged, view in ((False, ExchangedColours()), (True, PLAIN)):
        data = index(open_dataset(photographs(tmp_path / str(exchanged), exchanged=exchanged)))
        deep = DeepFeatures(
            "efficientnet_lite0",
            folder=tmp_path / "cache",
            preprocessing=preprocessing(recipe),
            view=view,
        )
        seen.append(deep(data, np.arange(6)))
    np.testing.assert_allclose(seen[0], seen[1], rtol=1e-3, atol=1e-4)
