"""The card holds the facts, and names from the data stay text."""

from __future__ import annotations

from dataclasses import replace

from phoropter.bundle.model_card import BundleCard, render_card
from phoropter.core.recipe import Recipe
from phoropter.core.records import Metric, Normalization, Preprocessing, TargetSchema

PREPROCESSING = Preprocessing(224, "crop", 3, "bicubic", 0.875, Normalization((0.5,), (0.5,)))
CARD = BundleCard(
    name="ants and bees",
    description="image folders, 2 classes, 397 images",
    parts={"train": 244, "val": 80, "test": 73},
    primary="accuracy",
    measured_on="test",
    metrics=(Metric("accuracy", 0.9512, 0.89, 0.98, 73), Metric("log_loss", 0.21, 0.1, 0.4, 73)),
    baseline=Metric("accuracy", 0.7, 0.6, 0.8, 80),
    looks=5,
    openings=1,
    limits=("Few pictures of bees in flight.",),
    weights="efficientnet_lite0",
    licence="Apache-2.0",
)
BEES = TargetSchema("classes", ("ants", "bees"), counts=(123, 121))


def card(facts=CARD, schema=BEES):
    return render_card(facts, Recipe(), schema, PREPROCESSING)


def test_facts_are_there():
    text = card()
    for fact in (
        "# ants and bees", "`ants`, `bees`", "397 images", "244 for training", "| bees | 121 |",
        "sealed test part", "| accuracy (primary) | 0.9512 | 0.89 | 0.98 | 73 |",
        "looked at 5 times", "opened once", "bees in flight",
        "efficientnet_lite0", "Apache-2.0", "(n, 3, 224, 224)",
        "0.7 [0.6, 0.8]",
    ):  # fmt: skip
        assert fact in text, fact


def test_from_scratch_and_validation_are_said():
    text = card(replace(CARD, weights="", measured_on="val", baseline=None, openings=0))
    assert "from scratch" in text
    assert "On the validation part" in text
    assert "opened 0 times" in text


def test_numbers_have_their_unit_s_statistics():
    schema = TargetSchema("values", ("angle",), offset=(12.5,), scale=(3.25,))
    text = card(schema=schema)
    assert "| angle | 12.5 | 3.25 |" in text
    assert "Predicts from an image a number: `angle`." in text


def test_hostile_names_stay_text():
    schema = TargetSchema("classes", ("<script>x</script>", "a | b\n# c"), counts=(1, 2))
    text = card(replace(CARD, name="<img src=x>"), schema)
    assert "<script>" not in text
    assert "<img" not in text
    assert "| a &#124; b # c | 2 |" in text
