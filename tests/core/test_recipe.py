import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from phoropter.core.errors import UsageError
from phoropter.core.recipe import Recipe, difference, flat, from_yaml, read_recipe, to_yaml
from phoropter.core.settings import parse_settings

positive = st.floats(1e-8, 1e3)
CHANGES = {
    "seed": st.integers(0, 2**40),
    "data.size": st.integers(4, 2048),
    "data.channels": st.sampled_from([1, 3]),
    "data.augment.preset": st.sampled_from(["none", "light", "medium", "strong"]),
    "data.augment.flip": st.booleans(),
    "model.name": st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=8),
    "model.norm": st.sampled_from(["batch", "layer", "group", "instance", "none"]),
    "train.epochs": st.integers(1, 100_000),
    "train.lr": positive,
    "train.weight_decay": st.floats(0, 10),
    "train.clip": st.none() | positive,
    "train.ema": st.none() | st.floats(0.01, 0.99),
    "predict.tta": st.integers(1, 5),
}
changes = st.fixed_dictionaries({}, optional=CHANGES)


@given(changes)
def test_a_recipe_survives_yaml(change):
    recipe = Recipe().changed(change)
    again = from_yaml(to_yaml(recipe))
    assert again == recipe
    assert again.digest == recipe.digest


@given(changes, changes)
def test_the_difference_is_what_leads_from_one_recipe_to_the_other(first, second):
    old, new = Recipe().changed(first), Recipe().changed(second)
    step = difference(old, new)
    assert old.changed(step) == new
    assert (step == {}) == (old.digest == new.digest)
    assert all(flat(old)[key] != value for key, value in step.items())


@given(changes)
def test_changing_leaves_the_original_and_all_other_keys_alone(change):
    recipe = Recipe()
    before = to_yaml(recipe)
    changed = flat(recipe.changed(change))
    assert to_yaml(recipe) == before
    assert {key: changed[key] for key in change} == change
    assert {k: v for k, v in changed.items() if k not in change} == {
        k: v for k, v in flat(recipe).items() if k not in change
    }


def test_what_yaml_leaves_out_has_its_default():
    assert from_yaml("") == Recipe()
    assert from_yaml("# nothing\n") == Recipe()
    assert from_yaml("train: {lr: 0.5}") == Recipe().changed({"train.lr": 0.5})
    assert from_yaml("train: {clip: null}") == Recipe()


def test_the_digest_is_of_the_content_and_of_nothing_else():
    shuffled = yaml.safe_dump(dict(reversed(Recipe().model_dump().items())), sort_keys=False)
    assert from_yaml(shuffled).digest == Recipe().digest
    assert len({Recipe().changed({"seed": seed}).digest for seed in range(50)}) == 50
    assert Recipe().changed({"train.lr": 1}).digest == Recipe().changed({"train.lr": 1.0}).digest


def test_the_digest_is_the_same_in_another_process():
    code = "from phoropter.core.recipe import Recipe; print(Recipe().digest)"
    words = [sys.executable, "-c", code]
    assert subprocess.run(words, capture_output=True, text=True).stdout.strip() == Recipe().digest


@pytest.mark.parametrize(
    ("key", "suggested"),
    [("train.lrr", "train.lr"), ("modle.name", "model.name"), ("data.augment.flips", "flip")],
)
def test_an_unknown_key_leads_to_the_nearest(key, suggested):
    for attempt in (
        lambda: Recipe().changed({key: 1}),
        lambda: from_yaml(yaml.safe_dump(_nested(key, 1))),
    ):
        with pytest.raises(UsageError) as caught:
            attempt()
        assert key.split(".")[0] in caught.value.message
        assert suggested in caught.value.hint


def _nested(key, value):
    head, _, rest = key.partition(".")
    return {head: _nested(rest, value) if rest else value}


def test_a_whole_section_is_no_key():
    with pytest.raises(UsageError, match=r"'train'"):
        Recipe().changed({"train": {"lr": 1}})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("train.lr", "fast"),
        ("train.lr", -1),
        ("train.lr", 0),
        ("train.lr", float("nan")),
        ("train.lr", float("inf")),
        ("train.epochs", 2.5),
        ("train.epochs", None),
        ("train.epochs", [3]),
        ("train.epochs", True),
        ("train.optimizer", "adamm"),
        ("data.channels", 2),
        ("data.augment.mixup", 3),
        ("model.name", 7),
        ("model.pretrained", "perhaps"),
        ("predict.tta", 0),
        ("seed", -1),
    ],
)
def test_a_wrong_value_is_one_clear_line_that_quotes_it(key, value):
    for attempt in (
        lambda: Recipe().changed({key: value}),
        lambda: from_yaml(yaml.safe_dump(_nested(key, value))),
    ):
        with pytest.raises(UsageError) as caught:
            attempt()
        message = caught.value.message
        assert repr(value) in message
        assert key in message
        assert "\n" not in message
        assert "pydantic" not in str(caught.value)
        assert caught.value.hint


@pytest.mark.parametrize(
    "text", ["- a\n- b\n", "just words", "3", "train: 3", "train: [1]", "a: b: c", "{", "\t- x"]
)
def test_yaml_that_is_no_recipe(text, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_recipe(path)
    assert "mine.yaml" in caught.value.message
    assert "\n" not in caught.value.message


def test_a_recipe_file_that_cannot_be_read(tmp_path):
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "none.yaml", tmp_path, tmp_path / "binary.yaml"):
        with pytest.raises(UsageError, match=str(path)):
            read_recipe(path)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("train.lr=1e-3", 0.001),
        ("train.lr=1E-3", 0.001),
        ("train.lr=.5", 0.5),
        ("train.epochs=30", 30),
        ("train.clip=null", None),
        ("train.clip=", None),
        ("data.augment.flip=false", False),
        ("model.name=cnn", "cnn"),
        ("model.name='1'", "1"),
        ("model.name=a=b", "a=b"),
        ("model.name=vgg_16", "vgg_16"),
        (" train.lr =0.1", 0.1),
    ],
)
def test_settings_are_read_as_yaml(word, value):
    [(key, read)] = parse_settings([word]).items()
    assert key == word.partition("=")[0].strip()
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize("word", ["train.lr", "=3", " =3", "", "train.lr={", "train.lr=a: b: c"])
def test_a_setting_that_is_none(word):
    with pytest.raises(UsageError) as caught:
        parse_settings([word])
    assert repr(word) in caught.value.message


@pytest.mark.parametrize("word", ["nan", "inf", "infinity", "NaN"])
def test_a_name_that_python_would_read_as_a_number_stays_a_name(word):
    assert parse_settings([f"model.name={word}"]) == {"model.name": word}


def test_the_last_of_two_settings_counts():
    assert parse_settings(["train.lr=1", "train.lr=2"]) == {"train.lr": 2}


@given(changes)
def test_settings_written_as_yaml_are_read_back(change):
    words = [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in change.items()]
    assert Recipe().changed(parse_settings(words)) == Recipe().changed(change)


def test_every_field_says_what_it_is():
    def fields(section):
        for name, field in section.model_fields.items():
            kind = field.annotation
            if isinstance(kind, type) and hasattr(kind, "model_fields"):
                yield from fields(kind)
            else:
                yield name, field

    assert [name for name, field in fields(Recipe) if not field.description] == []


def test_an_example_recipe_reads_back(tmp_path):
    path = Path(tmp_path / "r.yaml")
    path.write_text(to_yaml(Recipe()), encoding="utf-8")
    assert read_recipe(path) == Recipe()
