import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_iris, load_wine, make_blobs, make_moons

from phoropter.data.moments import natural_order
from phoropter.look.file_order import _cut, probe


def named(count, order=None):
    order = np.arange(count) if order is None else order
    return [f"{place:05d}.png" for place in order]


def alone(evidence):
    return probe(evidence, np.arange(len(evidence.dataset)))


def drawn(table):
    """Rows of numbers as pictures: each number is the grey of one block."""
    scaled = (table - table.min(axis=0)) / np.ptp(table, axis=0)
    side = int(np.ceil(np.sqrt(table.shape[1])))
    cells = np.zeros((len(table), side * side))
    cells[:, : table.shape[1]] = scaled
    pictures = cells.reshape(-1, side, side).repeat(32 // side, axis=1).repeat(32 // side, axis=2)
    margin = 32 - pictures.shape[1]
    pictures = np.pad(pictures, ((0, 0), (0, margin), (0, margin)))
    return (pictures * 255).astype(np.uint8)


def frames(count, seed=0):
    """A film: a scene that drifts slowly, and a number that swings with time, as in driving."""
    rng = np.random.default_rng(seed)
    scenes = rng.normal(size=(12, 32, 32))
    path = rng.normal(size=(count, 12)).cumsum(axis=0)
    path /= np.sqrt(np.arange(1, count + 1))[:, None]
    pictures = 128 + 20 * np.tensordot(path, scenes, axes=1)
    swings = np.sin(np.arange(count) / 15) + 0.1 * rng.normal(size=count)
    return np.clip(pictures, 0, 255).astype(np.uint8), swings


def test_the_writers_of_digits_are_found(evidence_of, digits):
    found = alone(evidence_of(*digits, path=named(1797)))
    assert found.found
    assert found.p_value == 0.001
    assert found.mixed == pytest.approx(0.013, abs=0.003)
    assert found.blocks == pytest.approx(0.036, abs=0.006)


def test_the_probe_is_silent_after_a_random_permutation(evidence_of, digits):
    names = named(1797, np.random.default_rng(0).permutation(1797))
    assert not alone(evidence_of(*digits, path=names)).found


def test_digits_sorted_by_class_are_no_groups(evidence_of, digits):
    """Only the order within a class counts; here it was drawn at random."""
    shuffled = np.random.default_rng(0).permutation(1797)
    order = shuffled[np.argsort(digits[1][shuffled], kind="stable")]
    assert not alone(evidence_of(digits[0][order], digits[1][order], path=named(1797))).found


def ungrouped():
    for load in (load_iris, load_wine, load_breast_cancer):
        data = load()
        yield load.__name__, drawn(data.data), data.target.astype(str)
    for seed in range(3):
        table, labels = make_blobs(300, 16, centers=4, cluster_std=6.0, random_state=seed)
        yield f"blobs {seed}", drawn(table), labels.astype(str)
    table, labels = make_moons(300, noise=0.3, random_state=0)
    yield "moons", drawn(table), labels.astype(str)
    rng = np.random.default_rng(0)
    for seed in range(3):
        noise = rng.integers(0, 256, (300, 32, 32)).astype(np.uint8)
        yield f"noise {seed}", noise, rng.choice(["a", "b", "c"], 300)
    pictures, _ = frames(300)
    values = pictures[:, 3, 3].astype(float)
    order = rng.permutation(300)
    yield "a film, permuted", pictures[order], values[order]
    yield "numbers, sorted", pictures[np.argsort(values)], np.sort(values)


@pytest.mark.parametrize(
    ("name", "pictures", "target"), [pytest.param(*case, id=case[0]) for case in ungrouped()]
)
def test_ungrouped_sets_are_silent(evidence_of, name, pictures, target):
    order = np.random.default_rng(1).permutation(len(pictures))
    if name == "numbers, sorted":
        order = np.argsort(target, kind="stable")  # sorted by target is no group either
    found = alone(evidence_of(pictures[order], target[order], path=named(len(pictures))))
    assert found is None or not found.found


def test_a_film_is_found_by_its_number_and_without_any_target(evidence_of):
    pictures, target = frames(400)
    found = alone(evidence_of(pictures, target, path=named(400)))
    assert (found.measure, found.found) == ("absolute error", True)
    evidence = evidence_of(pictures, ["x"] * 400, path=named(400))
    object.__setattr__(evidence.dataset, "task", "segmentation")
    object.__setattr__(evidence.dataset, "targets", ())
    found = alone(evidence)
    assert (found.measure, found.found) == ("distance", True)


def test_known_groups_do_not_make_the_point_again(evidence_of):
    """Twenty pictures of each of 30 scenes: with the scenes known, the order says nothing more."""
    rng = np.random.default_rng(0)
    scenes = rng.normal(size=(30, 32, 32)).repeat(20, axis=0)
    pictures = np.clip(128 + 25 * scenes + 25 * rng.normal(size=(600, 32, 32)), 0, 255)
    labels = rng.choice(["a", "b"], 30).repeat(20)
    evidence = evidence_of(pictures.astype(np.uint8), labels, path=named(600))
    assert alone(evidence).found
    assert not probe(evidence, np.arange(600) // 20).found


def test_a_few_pictures_are_not_probed(evidence_of, digits):
    assert alone(evidence_of(digits[0][:90], digits[1][:90])) is None


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5000)), min_size=1, max_size=30))
def test_names_are_ordered_by_the_value_of_their_numbers(names):
    paths = [f"{folder}/img{number}.png" for folder, number in names]
    order = natural_order(paths).tolist()
    assert sorted(order) == list(range(len(paths)))
    assert [names[row][1] for row in order] == sorted(number for _, number in names)


def test_names_of_every_form_can_be_compared():
    assert natural_order(["2.png", "a.png", "", "10.png", "b2c10", "b2c9"]).tolist()


def test_folds_are_equal_runs_of_each_stratum():
    stratum = np.array([0] * 10 + [1] * 5)
    assert _cut(np.arange(15), stratum).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 0, 1, 2, 3, 4]
    assert _cut(np.arange(15)[::-1], stratum).tolist()[:10] == [4, 4, 3, 3, 2, 2, 1, 1, 0, 0]
