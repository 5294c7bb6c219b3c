import subprocess
import sys

import pytest

from phoropter.core import registry
from phoropter.core.errors import UsageError
from phoropter.core.recipe import Recipe
from phoropter.core.references import is_reference, reference_to, resolve, source_digest


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Every test stands in a folder of its own, and leaves the search path as it was."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def test_a_file_is_found_from_where_one_stands_or_by_its_path(here):
    (here / "mine.py").write_text("class Outer:\n    class Inner:\n        number = 3\n")
    assert resolve("mine.py:Outer.Inner").number == 3
    assert resolve(f"{here / 'mine.py'}:Outer") is resolve("mine.py:Outer")


def test_a_file_may_import_what_lies_beside_it(here):
    (here / "beside_me.py").write_text("number = 4\n")
    (here / "mine.py").write_text("from beside_me import number\n")
    assert resolve("mine.py:number") == 4


def test_a_changed_file_is_read_anew(here):
    (here / "mine.py").write_text("number = 1\n")
    assert resolve("mine.py:number") == 1
    (here / "mine.py").write_text("number = 2\n")
    assert resolve("mine.py:number") == 2


def test_a_module_of_a_package_in_the_folder_is_found(here):
    (here / "package_of_mine").mkdir()
    (here / "package_of_mine" / "__init__.py").touch()
    (here / "package_of_mine" / "nets.py").write_text("def net():\n    return 5\n")
    assert resolve("package_of_mine.nets:net")() == 5


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("missing.py:Net", "no file 'missing.py'"),
        ("no_such_module_at_all:Net", "cannot be imported"),
        ("mine.py:Nett", "Did you mean 'Net'"),
        ("broken.py:Net", "ZeroDivisionError: division by zero"),
        ("python:NobodysNet", "another program"),
    ],
)
def test_what_is_wrong_is_one_line(here, reference, words):
    (here / "mine.py").write_text("class Net:\n    pass\n")
    (here / "broken.py").write_text("1 / 0\n")
    with pytest.raises(UsageError, match=words) as caught:
        resolve(reference)
    assert "\n" not in str(caught.value)


def test_the_digest_follows_the_content_and_that_of_imported_neighbours(here):
    (here / "beside.py").write_text("number = 4\n")
    (here / "other.py").write_text("number = 4\n")
    (here / "mine.py").write_text("import beside\nraise SystemExit  # never run for a digest\n")
    first = source_digest("mine.py:net")
    assert source_digest("mine.py:net") == first
    (here / "other.py").write_text("number = 5\n")
    assert source_digest("mine.py:net") == first
    (here / "beside.py").write_text("number = 5\n")
    second = source_digest("mine.py:net")
    assert second != first
    (here / "mine.py").write_text("import beside\n")
    assert source_digest("mine.py:net") != second


def test_the_digest_of_a_package_follows_every_file_of_it(here):
    package = here / "digested_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "deep.py").write_text("number = 1\n")
    before = source_digest("digested_package.deep:number")
    (package / "deep.py").write_text("number = 2\n")
    assert source_digest("digested_package.deep:number") != before


@pytest.mark.parametrize("reference", ["missing.py:Net", "no_such_module_at_all:Net"])
def test_there_is_no_digest_of_nothing(reference):
    with pytest.raises(UsageError):
        source_digest(reference)


def made(width):
    return lambda: width


def test_objects_get_a_name_by_which_they_are_found():
    assert resolve(reference_to(made)) is made
    local = made(3)
    assert reference_to(local) == reference_to(local)
    assert resolve(reference_to(local)) is local


def test_functions_that_took_other_things_along_are_other_functions():
    three, four, again = (reference_to(made(width)) for width in (3, 4, 3))
    assert source_digest(three) != source_digest(four)
    assert source_digest(three) == source_digest(again)


def test_a_recipe_takes_an_object_for_its_name():
    recipe = Recipe().changed({"model.name": made})
    assert is_reference(recipe.model.name)
    assert resolve(recipe.model.name) is made
    assert Recipe().changed({"model.name": recipe.model.name}) == recipe


def test_code_that_was_typed_in_has_a_digest_too():
    program = (
        "from phoropter.core.references import reference_to, source_digest\n"
        "class Net:\n    def forward(self, x):\n        return x + {}\n"
        "print(source_digest(reference_to(Net)))"
    )
    digests = {
        number: {
            subprocess.run(
                [sys.executable, "-c", program.format(number)], capture_output=True, check=True
            ).stdout
            for _ in range(2)
        }
        for number in (1, 2)
    }
    assert all(len(found) == 1 for found in digests.values())
    assert digests[1] != digests[2]


@pytest.mark.parametrize(
    "group", ["phoropter.classics", "phoropter.tasks", "phoropter.readers", "phoropter.rules"]
)
def test_names_from_files_of_others_never_lead_to_code(group):
    with pytest.raises(UsageError, match="Unknown"):
        registry.load(group, "os:getcwd")
