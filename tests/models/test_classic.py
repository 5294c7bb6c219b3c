import warnings

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.datasets import load_diabetes, load_digits
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_info, threadpool_limits

from phoropter.core import registry
from phoropter.core.errors import NothingUsableError, UsageError
from phoropter.core.records import TargetSchema
from phoropter.core.seed import derive
from phoropter.models import classic_knn, classic_linear
from phoropter.models.classic import Examples, classic_from_state, fit_classic
from phoropter.models.classic_linear import logistic_s

CLASSIFIERS = ["majority", "logistic", "knn", "random_forest"]
REGRESSORS = ["mean", "ridge", "random_forest"]
NAMES = [(name, "classes") for name in CLASSIFIERS] + [(name, "values") for name in REGRESSORS]


@pytest.fixture(scope="module")
def digits():
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))  # they are sorted by writer
    features, labels = (images[order] / 16).astype(np.float32), labels[order]
    schema = TargetSchema("classes", tuple("0123456789"), tuple(np.bincount(labels[:500]).tolist()))
    return features[:500], labels[:500], features[500:800], labels[500:800], schema


@pytest.fixture(scope="module")
def diabetes():
    features, target = load_diabetes(return_X_y=True)
    values = np.stack([target, -3 * target + 7], axis=1)
    train = values[:300]
    schema = TargetSchema(
        "values", ("a", "b"), offset=tuple(train.mean(axis=0)), scale=tuple(train.std(axis=0))
    )
    wide = features.astype(np.float32)
    return wide[:300], train, wide[300:], values[300:], schema


@pytest.fixture(scope="module")
def heads(digits, diabetes):
    data = {"classes": digits, "values": diabetes}
    return {
        (name, kind): fit_classic(name, data[kind][0], data[kind][1], schema=data[kind][4], seed=3)
        for name, kind in NAMES
    }


def answers(head, features):
    with torch.inference_mode():
        return head(torch.from_numpy(features)).numpy()


def probabilities(head, features):
    return torch.from_numpy(answers(head, features)).softmax(dim=1).numpy()


def test_every_registered_classic_is_tested_here():
    assert set(CLASSIFIERS) | set(REGRESSORS) == set(registry.names("phoropter.classics"))


def test_knn_equals_scikit_learn(digits, heads):
    x, y, new, _, _ = digits
    head = heads["knn", "classes"]
    theirs = KNeighborsClassifier(int(head.neighbours), algorithm="brute").fit(x, y)
    expected = theirs.predict_proba(new)
    np.testing.assert_allclose(probabilities(head, new), expected, atol=1e-5)


def test_the_forest_equals_scikit_learn(digits, heads):
    x, y, new, _, _ = digits
    seed = derive(3, "classic", "forest") % 2**32
    theirs = RandomForestClassifier(100, random_state=seed).fit(x, y)
    ours = heads["random_forest", "classes"]
    np.testing.assert_allclose(probabilities(ours, new), theirs.predict_proba(new), atol=1e-5)
    assert (answers(ours, new).argmax(axis=1) == theirs.predict(new)).all()


def test_the_regression_forest_equals_scikit_learn(diabetes, heads):
    x, y, new, _, schema = diabetes
    standardised = (y - np.asarray(schema.offset)) / np.asarray(schema.scale)
    seed = derive(3, "classic", "forest") % 2**32
    theirs = RandomForestRegressor(100, max_features=1 / 3, random_state=seed).fit(x, standardised)
    ours = answers(heads["random_forest", "values"], new)
    np.testing.assert_allclose(ours, theirs.predict(new), atol=1e-5)


@pytest.mark.parametrize("samples", [40, 500])
def test_logistic_equals_scikit_learn_at_its_penalty(digits, samples, monkeypatch):
    """On plain centred features, without the rotation; also with fewer samples than features."""
    x, y, new, _, schema = digits
    monkeypatch.setattr(classic_linear, "_PENALTIES", (0.1,))
    monkeypatch.setattr(classic_linear, "_USUAL_PENALTY", 0.1)
    monkeypatch.setattr(classic_linear, "_ITERATIONS", 5_000)
    monkeypatch.setattr(
        classic_linear,
        "_logistic",
        lambda penalty, warm_start=False: LogisticRegression(
            C=penalty, tol=1e-9, max_iter=5_000, warm_start=warm_start
        ),
    )
    x, y = x[:samples], y[:samples]
    ours = fit_classic("logistic", x, y, schema=schema, seed=0)
    shift = x.astype(np.float64).mean(axis=0)
    scale = np.sqrt(np.square(x - shift).mean())
    theirs = LogisticRegression(C=0.1, tol=1e-9, max_iter=5_000).fit((x - shift) / scale, y)
    expected = theirs.predict_proba((new - shift) / scale)
    np.testing.assert_allclose(probabilities(ours, new)[:, theirs.classes_], expected, atol=1e-4)


def test_few_products_are_left_to_one_thread_of_blas(digits, monkeypatch):
    """Where there are more, to as many as before; the fit is the same."""
    x, y, _, _, schema = digits
    seen = []
    real = classic_linear._best_penalty

    def listening(*given):
        seen.append({pool["num_threads"] for pool in threadpool_info() if _is_blas(pool)})
        return real(*given)

    monkeypatch.setattr(classic_linear, "_best_penalty", listening)
    with threadpool_limits(2, "blas"):
        alone = fit_classic("logistic", x, y, schema=schema, seed=0)
        monkeypatch.setattr(classic_linear, "_MOST_ALONE", 0)
        together = fit_classic("logistic", x, y, schema=schema, seed=0)
    assert seen == [{1}, {2}]
    assert torch.allclose(alone.weight, together.weight, atol=1e-4)


def _is_blas(pool):
    return pool["user_api"] == "blas"


def test_how_long_a_logistic_fit_takes_grows_with_its_iterations(monkeypatch):
    """Of three folds, of a third less each, and of the whole; of no folds where a class is tiny."""
    monkeypatch.setattr(classic_linear, "_iteration_s", lambda *_: 1.0)
    path, fit = classic_linear._USUAL_OF_PATH, classic_linear._USUAL_OF_FIT
    assert logistic_s(600, 64, (300, 300)) == 600 * 2 * path + 600 * fit
    assert logistic_s(600, 64, (598, 2, 0)) == 600 * fit
    assert logistic_s(10_000, 64, (5_000, 5_000)) == 2_000 * 2 * path + 10_000 * fit
    assert logistic_s(600, 64, (600, 0)) == 0


def test_an_iteration_is_timed_on_numbers_of_the_same_shape():
    assert 0 < logistic_s(200, 64, (100, 100)) < 60


def test_ridge_equals_scikit_learn(diabetes, heads):
    x, y, new, _, schema = diabetes
    standardised = (y - np.asarray(schema.offset)) / np.asarray(schema.scale)
    shift = x.astype(np.float64).mean(axis=0)
    scale = np.sqrt(np.square(x - shift).mean())
    theirs = RidgeCV(alphas=classic_linear._ALPHAS).fit((x - shift) / scale, standardised)
    expected = theirs.predict((new - shift) / scale)
    np.testing.assert_allclose(answers(heads["ridge", "values"], new), expected, atol=1e-5)


def test_constants_are_the_base_rates_and_the_mean(digits, diabetes, heads):
    _, y, new, _, _ = digits
    expected = np.bincount(y) / len(y)
    ours = probabilities(heads["majority", "classes"], new)
    np.testing.assert_allclose(ours, np.broadcast_to(expected, ours.shape), atol=1e-6)
    assert np.abs(answers(heads["mean", "values"], diabetes[2])).max() < 1e-6


@pytest.mark.parametrize(("name", "kind"), NAMES)
def test_saved_and_loaded_it_answers_the_same(name, kind, heads, digits, diabetes, tmp_path):
    head = heads[name, kind]
    features = (digits if kind == "classes" else diabetes)[2]
    save_file(head.state_dict(), tmp_path / "head.safetensors")
    loaded = classic_from_state(name, load_file(tmp_path / "head.safetensors"))
    assert not loaded.training
    np.testing.assert_array_equal(answers(loaded, features), answers(head, features))


@pytest.mark.parametrize(("name", "kind"), NAMES)
def test_exported_it_answers_the_same(name, kind, heads, digits, diabetes, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    head = heads[name, kind]
    features = (digits if kind == "classes" else diabetes)[2]
    path = tmp_path / "head.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch advertises its slower exporter
        torch.onnx.export(
            head,
            (torch.from_numpy(features[:2]),),
            path,
            input_names=["x"],
            dynamic_axes={"x": {0: "samples"}},
            dynamo=False,
        )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    exported = session.run(None, {"x": features})[0]
    np.testing.assert_allclose(exported, answers(head, features), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "least"), [("logistic", 0.9), ("knn", 0.93), ("random_forest", 0.9)]
)
def test_they_learn_digits(name, least, heads, digits):
    _, _, new, labels, _ = digits
    assert (answers(heads[name, "classes"], new).argmax(axis=1) == labels).mean() > least


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classes_without_examples_never_win(name):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 4)).astype(np.float32)
    y = rng.choice([1, 3], 30)
    schema = TargetSchema("classes", tuple("abcde"), (0, 15, 0, 15, 0))
    found = probabilities(fit_classic(name, x, y, schema=schema, seed=0), x)
    assert found.shape == (30, 5)
    assert found[:, [0, 2, 4]].max() < 1e-5
    assert np.isfinite(found).all()


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("samples", [1, 2, 4])
def test_a_handful_of_samples_is_enough(name, samples):
    x = np.eye(4, 6, dtype=np.float32)[:samples]
    y = np.arange(samples) % 2
    schema = TargetSchema("classes", ("a", "b"), tuple(np.bincount(y, minlength=2).tolist()))
    assert np.isfinite(answers(fit_classic(name, x, y, schema=schema, seed=0), x)).all()


@pytest.mark.parametrize("name", REGRESSORS)
def test_two_samples_are_enough_for_numbers(name):
    x = np.eye(2, 6, dtype=np.float32)
    schema = TargetSchema("values", ("a",), offset=(1.0,), scale=(0.5,))
    head = fit_classic(name, x, np.array([[0.5], [1.5]]), schema=schema, seed=0)
    assert answers(head, x).shape == (2, 1)
    assert np.isfinite(answers(head, x)).all()


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_constant_features_do_no_harm(name):
    x = np.ones((20, 3), dtype=np.float32)
    schema = TargetSchema("classes", ("a", "b"), (10, 10))
    head = fit_classic(name, x, np.arange(20) % 2, schema=schema, seed=0)
    assert np.isfinite(answers(head, x)).all()


def test_the_same_seed_gives_the_same_head(digits):
    x, y, _, _, schema = digits
    states = [
        fit_classic("random_forest", x[:100], y[:100], schema=schema, seed=seed).state_dict()
        for seed in (0, 0, 1)
    ]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert not torch.equal(states[0]["feature"][:50], states[2]["feature"][:50])


def test_what_does_not_fit_is_said(digits, diabetes):
    x, y, _, _, schema = digits
    with pytest.raises(UsageError, match="ridge"):
        fit_classic("ridge", x, y, schema=schema, seed=0)
    with pytest.raises(UsageError, match="Did you mean 'logistic'"):
        fit_classic("logistics", x, y, schema=schema, seed=0)
    with pytest.raises(NothingUsableError):
        fit_classic("knn", x[:0], y[:0], schema=schema, seed=0)
    with pytest.raises(UsageError, match="too many"):
        fit_classic("knn", np.zeros((2, 10_000), np.float32), y[:2], schema=schema, seed=0)


def test_a_sample_is_no_neighbour_of_itself():
    found = np.array([[7, 3, 5], [1, 9, 4], [6, 8, 2]])  # of the third, copies come before it
    others = classic_knn._without_itself(found, np.array([7, 4, 0]))
    assert others.tolist() == [[3, 5], [1, 9], [6, 8]]


def test_the_number_of_neighbours_is_told_by_a_part_of_many_samples(monkeypatch):
    rng = np.random.default_rng(0)
    targets = np.sort(rng.integers(0, 2, 600))
    flipped = np.where(rng.random(600) < 0.3, 1 - targets, targets)  # one neighbour alone misleads
    features = (targets[:, None] + 0.1 * rng.normal(size=(600, 3))).astype(np.float32)
    examples = Examples(features, flipped, 2, "classes", 0)
    assert int(classic_knn.fit(examples).neighbours) > 1
    monkeypatch.setattr(classic_knn, "_MOST_LEFT_OUT", 100)
    asked = []
    real = classic_knn._accuracy
    monkeypatch.setattr(
        classic_knn, "_accuracy", lambda *given: (asked.append(given[1]), real(*given))[1]
    )
    assert int(classic_knn.fit(examples).neighbours) > 1
    assert {len(truth) for truth in asked} == {100}
    assert set(asked[0].tolist()) == {0, 1}


def test_rows_in_turn_are_all_asked(monkeypatch):
    monkeypatch.setattr(classic_knn, "_MOST_LEFT_OUT", 100)
    asked = []
    monkeypatch.setattr(
        classic_knn, "_accuracy", lambda _, truth, classes: asked.append(truth) or 1.0
    )
    targets = np.arange(200) % 2
    features = np.arange(200, dtype=np.float32)[:, None]
    classic_knn.fit(Examples(features, targets, 2, "classes", 0))
    assert set(asked[0].tolist()) == {0, 1}
