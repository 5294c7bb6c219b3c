"""Whether red and blue are exchanged, by what a network trained on photographs makes of images."""

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

import phoropter
from phoropter.look.checks import channel_order

RNG = np.random.default_rng(0)


def asked(evidence_of, plain, exchanged):
    from dataclasses import replace

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


@pytest.mark.parametrize("exchanged", [False, True])
def test_real_photographs_as_they_are_and_exchanged(tmp_path, exchanged):
    for name, photo in zip(("china", "flower"), load_sample_images().images, strict=True):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number, (y, x) in enumerate(np.ndindex(5, 10)):
            crop = photo[y * 40 : y * 40 + 250, x * 40 : x * 40 + 250]
            image = Image.fromarray(crop[..., ::-1] if exchanged else crop)
            image.save(tmp_path / "data" / name / f"{number}.png")
    found = phoropter.look(tmp_path / "data", project=tmp_path / "p").findings
    assert ("preprocessing-mismatch" in {item.code for item in found}) == exchanged
