import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoropter.core import errors
from phoropter.core.errors import MissingExtraError, PhoropterError, nearest

PAGE = (Path(__file__).parents[2] / "docs" / "errors.md").read_text("utf-8")


def tree():
    known = [PhoropterError]
    for kind in known:
        known += [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    return known


@pytest.mark.parametrize("kind", tree(), ids=lambda kind: kind.__name__)
def test_every_error_is_drawn_at_the_top_of_the_file(kind):
    assert re.search(rf"^[│├└─ ]*{kind.__name__}\b", errors.__doc__, re.MULTILINE)
    assert kind.__doc__


def test_codes_are_unique_and_documented():
    codes = [kind.code for kind in tree()]
    assert len(set(codes)) == len(codes)
    documented = dict(re.findall(r"^\| `([a-z-]+)` \|.*\| (\d+) \|$", PAGE, re.MULTILINE))
    own = {kind.code: str(kind.exit_code) for kind in tree()[1:]} | {"bug": "1"}
    assert own.items() <= documented.items()


def test_exit_codes_are_those_of_the_page():
    meanings = dict(re.findall(r"^\| (\d+) \| (.+) \|$", PAGE, re.MULTILINE))
    assert {str(kind.exit_code) for kind in tree()} <= set(meanings)


def test_an_error_reads_as_one_line():
    assert str(PhoropterError("Wrong: 'x'.", hint="Do y.")) == "Wrong: 'x'. Do y."
    assert str(PhoropterError("Wrong.")) == "Wrong."
    missing = MissingExtraError("onnx", "export", why="Writing a bundle")
    assert "'onnx'" in missing.message
    assert missing.hint == "Install it with: pip install 'phoropter[export]'"
    assert missing.exit_code == 2


def test_nearest_finds_a_misspelt_name_and_lists_the_others():
    assert nearest("acuracy", ["accuracy", "mae"]) == "Did you mean 'accuracy'?"
    assert nearest("zzz", iter(["b", "a"])) == "Known: a, b."
    assert nearest("zzz", []) == "Known: ."


@given(st.text(min_size=1, max_size=8), st.integers(0, 7))
def test_a_name_with_one_letter_missing_is_found(name, at):
    names = {f"{name}-learner", "something else"}
    word = f"{name}-learner"
    assert nearest(word[: at + 1] + word[at + 2 :], names) == f"Did you mean {word!r}?"
