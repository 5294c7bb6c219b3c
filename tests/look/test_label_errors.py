import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.datasets import load_breast_cancer, load_iris, load_wine

from phoropter.core.records import Split
from phoropter.look.checks.label_errors import FEWEST_OF_CLASS, check
from phoropter.look.class_probabilities import family_folds
from phoropter.look.label_opinion import Opinion, doubtful_labels
from phoropter.metrics.noise_floor import NoiseFloor, fit_noise_floor
from phoropter.prediction.handcrafted import described


class Given:
    """Features that were computed before."""

    name = "handcrafted"

    def __init__(self, table):
        self.table = table

    def __call__(self, dataset, rows):
        return self.table[rows]


def colour_square(image):
    small = Image.fromarray((image * 255 / 16).round().astype(np.uint8))
    return np.repeat(np.asarray(small.resize((64, 64), Image.Resampling.BILINEAR))[None], 3, axis=0)


@pytest.fixture(scope="module")
def digit_features():
    from sklearn.datasets import load_digits

    return Given(np.stack([described(colour_square(image)) for image in load_digits().images]))


def noisy(labels, share, seed):
    """Labels of which a share was exchanged for another class, and the rows of these."""
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(labels), round(share * len(labels)), replace=False)
    numbers = labels.astype(int).copy()
    numbers[rows] = (numbers[rows] + rng.integers(1, 10, len(rows))) % 10
    return numbers.astype(str), rows


# Out-of-fold logistic regression and cleanlab's default on the same task.
REFERENCE = {0.02: (0.895, 0.879), 0.05: (0.865, 0.872), 0.1: (0.864, 0.875)}


@pytest.mark.parametrize("share", REFERENCE)
def test_planted_label_errors_of_digits_are_found(evidence_of, digits, digit_features, share):
    thumbnails, labels = digits
    given_labels, planted = noisy(labels, share, seed=round(1000 * share))
    [finding] = check(evidence_of(thumbnails, given_labels, features=digit_features))
    found = [int(item["id"][:5]) for item in finding.evidence["samples"]]
    hits = set(found) & set(planted)
    recall, precision = len(hits) / len(planted), len(hits) / len(found)
    assert recall >= REFERENCE[share][0]
    assert precision >= REFERENCE[share][1]
    assert finding.severity == "warning"
    assert finding.evidence["low"] <= share <= finding.evidence["high"]
    truth = labels[[int(item["id"][:5]) for item in finding.evidence["samples"][:10]]]
    assert [item["suggested"] for item in finding.evidence["samples"][:10]] == truth.tolist()
    assert finding.evidence["features"] == "handcrafted"


def test_clean_digits_are_left_in_peace(evidence_of, digits, digit_features):
    thumbnails, labels = digits
    assert list(check(evidence_of(thumbnails, labels, features=digit_features))) == []
    pixels = evidence_of(thumbnails, labels)
    assert pixels.feature_source == "pixels"
    assert list(check(pixels)) == []


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer])
def test_classes_that_overlap_are_no_label_errors(evidence_of, load):
    columns, labels = load(return_X_y=True)
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (len(labels), 32, 32)).astype(np.uint8)
    features = Given(columns.astype(np.float32))
    assert list(check(evidence_of(pictures, labels.astype(str), features=features))) == []


@pytest.mark.parametrize("seed", range(6))
def test_pure_noise_is_no_label_error(evidence_of, seed):
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 256, (200, 32, 32)).astype(np.uint8)
    labels = rng.choice(["a", "b", "c"], 200)
    features = Given(rng.normal(size=(200, 20)).astype(np.float32))
    assert list(check(evidence_of(pictures, labels, features=features))) == []


@pytest.mark.parametrize(
    ("agreement", "low", "severity"),
    [(0.57, 0.006, None), (0.57, 0.05, "warning"), (0.97, 0.0001, None), (0.97, 0.004, "info"),
     (0.97, 0.014, "warning"), (0.6, 0.2, "critical")],
)  # fmt: skip
def test_weak_models_are_not_believed_about_rare_errors(evidence_of, agreement, low, severity):
    evidence = evidence_of(np.zeros((1000, 32, 32), dtype=np.uint8), np.repeat(["a", "b"], 500))
    labels = np.zeros(1000, dtype=np.int64)
    other = np.arange(1000) >= 1000 * agreement
    chances = np.where(other[:, None], (0.1, 0.9), (0.9, 0.1))
    floor = NoiseFloor(2 * low, low, 3 * low, 1e-9, np.where(np.arange(1000) >= 995, 0.9, 0.1))
    rows, names = np.arange(1000), np.array(["a", "b"])
    found = doubtful_labels(
        evidence, Opinion(labels, chances, floor), rows=rows, names=names, source="drawn"
    )
    assert (found.severity if found else None) == severity
    if found:
        assert [item["suggested"] for item in found.evidence["samples"]] == ["b"] * 5


@pytest.mark.parametrize(
    ("source", "agreement", "heard"),
    [("handcrafted", 0.5, False), ("handcrafted", 0.7, True), ("efficientnet_lite0", 0.5, True)],
)
def test_colours_and_edges_that_know_too_little_are_not_heard(
    evidence_of, source, agreement, heard
):
    evidence = evidence_of(np.zeros((100, 32, 32), dtype=np.uint8), np.repeat(["a", "b"], 50))
    other = np.arange(100) >= 100 * agreement
    chances = np.where(other[:, None], (0.1, 0.9), (0.9, 0.1))
    floor = NoiseFloor(0.25, 0.2, 0.3, 1e-13, np.where(other, 0.9, 0.1))
    opinion = Opinion(np.zeros(100, dtype=np.int64), chances, floor)
    names = np.array(["a", "b"])
    found = doubtful_labels(evidence, opinion, rows=np.arange(100), names=names, source=source)
    assert (found is not None) == heard


def test_labels_of_the_test_part_are_named_as_such(evidence_of, digits, digit_features):
    thumbnails, labels = digits
    given_labels, planted = noisy(labels, 0.05, seed=3)
    parts = np.where(np.isin(np.arange(len(labels)), planted), "test", "train")
    [finding] = check(evidence_of(thumbnails, given_labels, features=digit_features, part=parts))
    named = [item["part"] for item in finding.evidence["samples"]]
    assert named.count("test") > 0.9 * len(named)
    assert finding.prescriptions[0].change == {}


def test_a_copy_under_another_label_cannot_vouch_for_itself(evidence_of, digits, digit_features):
    thumbnails, labels = digits
    wrong = labels.copy()
    rows = [3, 33, 63, 93, 123]
    wrong[rows] = [str((int(label) + 5) % 10) for label in labels[rows]]
    order = np.concatenate([np.arange(len(labels)), np.repeat(rows, 3)])
    digests = [f"{row}" for row in order]
    features = Given(digit_features.table[order])
    evidence = evidence_of(thumbnails[order], wrong[order], features=features, digest=digests)
    [finding] = check(evidence)
    found = {int(item["id"][:5]) for item in finding.evidence["samples"]}
    assert {row for row in found if row < len(labels)} >= set(rows)


def test_too_little_to_tell_is_passed_over(evidence_of, digits):
    thumbnails, labels = digits
    rng = np.random.default_rng(0)
    assert list(check(evidence_of(thumbnails[:30], rng.choice(["a", "b"], 30)))) == []
    assert list(check(evidence_of(thumbnails[:100]))) == []
    rare = np.array(["a"] * 80 + ["b"] * (FEWEST_OF_CLASS - 1))
    assert list(check(evidence_of(thumbnails[: len(rare)], rare))) == []
    blank = np.zeros((200, 32, 32), dtype=np.uint8)
    assert list(check(evidence_of(blank, labels[:200]))) == []


def test_a_class_of_one_family_is_judged_without_a_fall(evidence_of, digits):
    thumbnails, labels = digits
    groups = [None if label != "7" else "one sitting" for label in labels[:400]]
    assert list(check(evidence_of(thumbnails[:400], labels[:400], group=groups))) == []


@given(
    families=st.lists(st.integers(0, 30), min_size=1, max_size=80),
    seed=st.integers(0, 100),
    count=st.integers(2, 6),
)
def test_folds_keep_families_whole_and_classes_even(families, seed, count):
    families = np.array(families)
    labels = families % 3
    fold = family_folds(labels, families, seed=seed, count=count)
    assert len({(int(a), int(b)) for a, b in zip(families, fold, strict=True)}) == len(
        np.unique(families)
    )
    for label in np.unique(labels):
        members = [fold[families == one][0] for one in np.unique(families[labels == label])]
        dealt = np.bincount(members, minlength=count)
        assert dealt.max() - dealt.min() <= 1


def model_labels(rng, share, *, count=2000, classes=5, temperature=1.0):
    """Labels drawn from the very model that is fitted, and what the model was told."""
    scores = 3.0 * rng.normal(size=(count, classes))
    true = np.exp(scores / temperature)
    true /= true.sum(axis=1, keepdims=True)
    told = np.exp(scores)
    told /= told.sum(axis=1, keepdims=True)
    labels = (rng.random(count)[:, None] > true.cumsum(axis=1)).sum(axis=1).clip(0, classes - 1)
    wrong = rng.random(count) < share
    labels[wrong] = (labels[wrong] + rng.integers(1, classes, wrong.sum())) % classes
    return labels, told, wrong.mean()


@pytest.mark.parametrize("share", [0.03, 0.1, 0.3])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_share_of_wrong_labels_is_recovered(share, temperature):
    errors, covered = [], []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        labels, told, truth = model_labels(rng, share, temperature=temperature)
        floor = fit_noise_floor(labels, told)
        errors.append(floor.share - truth)
        covered.append(floor.low <= truth <= floor.high)
        assert floor.share == pytest.approx(truth, abs=0.05)
        assert floor.low <= floor.share <= floor.high
        assert floor.p_value < (1e-3 if temperature < 2 else 0.05) or share < 0.05
    assert sum(covered) >= 3  # of four intervals of 95 %
    assert abs(np.mean(errors)) < 0.03  # three standard errors where answers are least sure


def test_the_test_of_no_wrong_labels_keeps_its_level():
    rng = np.random.default_rng(0)
    draws = [
        fit_noise_floor(*model_labels(rng, 0.0, count=400, temperature=1.5)[:2]).p_value
        for _ in range(60)
    ]
    assert np.mean(np.array(draws) < 0.05) < 0.15
    assert min(draws) > 0.001


def test_parts_come_from_the_split(evidence_of, digits, digit_features):
    import polars as pl

    thumbnails, labels = digits
    given_labels, _ = noisy(labels, 0.05, seed=3)
    names = [f"{row:05d}.jpg" for row in range(len(labels))]
    split = Split(pl.DataFrame({"id": names, "part": ["val"] * len(names)}), (), 0)
    [finding] = check(evidence_of(thumbnails, given_labels, features=digit_features, split=split))
    assert {item["part"] for item in finding.evidence["samples"]} == {"val"}


def test_shuffled_labels_have_nothing_to_do_with_the_samples(evidence_of, digits, digit_features):
    thumbnails, labels = digits
    shuffled = np.random.default_rng(0).permutation(labels)
    [finding] = check(evidence_of(thumbnails, shuffled, features=digit_features))
    assert (finding.code, finding.severity) == ("label-errors", "critical")
    assert abs(finding.evidence["area_under_curve"] - 0.5) < 0.02
    assert finding.evidence["samples"] == []
    assert "shifted by a row" in finding.message


def test_two_classes_that_colours_and_edges_do_not_know_say_nothing(evidence_of, digit_features):
    """Where they see as little, the question may be another one."""
    flat = np.zeros((400, 32, 32), dtype=np.uint8)
    flat[:, 0, ::2] = 255
    labels = np.random.default_rng(0).integers(0, 2, 400).astype(str)
    assert not list(check(evidence_of(flat, labels, features=Given(digit_features.table[:400]))))


def test_rare_classes_that_are_known_by_rank_have_to_do_with_the_samples(
    evidence_of, digits, digit_features
):
    """All answers may be of the large class, and fewer right than without a model."""
    rows = np.flatnonzero(np.isin(digits[1], ["3", "5"]))
    threes, fives = (rows[digits[1][rows] == name] for name in ("3", "5"))
    kept = np.concatenate([threes, fives[:12]])
    evidence = evidence_of(
        digits[0][kept], digits[1][kept], features=Given(digit_features.table[kept])
    )
    assert all(finding.evidence["samples"] for finding in check(evidence))
