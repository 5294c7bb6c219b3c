from importlib.metadata import EntryPoint

import pytest

from phoropter.core import registry
from phoropter.core.errors import UsageError


@pytest.mark.parametrize("group", registry.GROUPS)
def test_everything_that_is_registered_can_be_loaded(group):
    found = dict(registry.load_all(group))
    assert tuple(found) == registry.names(group)
    assert list(found) == sorted(found)
    assert found
    assert None not in found.values()


@pytest.mark.parametrize(
    ("group", "name", "message", "hint"),
    [
        ("phoropter.metrics", "acuracy", "Unknown metric 'acuracy'.", "Did you mean 'accuracy'?"),
        ("phoropter.classics", "logisitc", "Unknown classic", "'logistic'"),
        ("phoropter.tasks", "zzz", "Unknown task 'zzz'.", "Known: classification, regression."),
    ],
)
def test_an_unknown_name_leads_to_the_nearest(group, name, message, hint):
    with pytest.raises(UsageError) as caught:
        registry.load(group, name)
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.fixture
def installed(monkeypatch):
    """Puts entry points of other packages beside nothing else."""

    def put(*entries):
        def found(group):
            return [EntryPoint(name, value, group) for name, value in entries]

        monkeypatch.setattr(registry, "entry_points", found)
        registry._entries.cache_clear()

    yield put
    registry._entries.cache_clear()


def test_two_parts_of_one_name_are_refused(installed):
    installed(("mine", "json:loads"), ("mine", "json:dumps"))
    with pytest.raises(registry.DuplicateNameError, match="'mine' is both json:loads and"):
        registry.names("phoropter.metrics")


def test_one_part_that_is_found_twice_is_one_part(installed):
    """An editable install beside a regular one lists each entry twice."""
    installed(("mine", "json:loads"), ("mine", "json:loads"))
    assert registry.names("phoropter.metrics") == ("mine",)


def test_a_third_partys_part_comes_in_by_the_same_door(installed):
    import json

    installed(("theirs", "json:loads"))
    assert registry.load("phoropter.metrics", "theirs") is json.loads


def test_names_are_listed_without_importing(installed):
    installed(("broken", "no_such_module:thing"))
    assert registry.names("phoropter.metrics") == ("broken",)
    with pytest.raises(ModuleNotFoundError):
        registry.load("phoropter.metrics", "broken")


def test_an_empty_group_has_no_nearest(installed):
    installed()
    with pytest.raises(UsageError, match="'x'"):
        registry.load("phoropter.metrics", "x")
