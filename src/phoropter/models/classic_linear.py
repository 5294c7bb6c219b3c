"""Constant and linear heads: majority, mean, logistic regression and ridge regression."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from phoropter.core.seed import generator
from phoropter.models.classic import Classic, Examples

# A class without examples has this logarithm of a probability: less than one in a million million.
_NEVER = -30.0
_FOLDS = 3
_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
_USUAL_PENALTY = 1e-2
_MOST_TRIED = 2_000  # samples that the choice of the penalty looks at
_ITERATIONS = 200
_TIMED = 4  # iterations
_USUAL_OF_PATH, _USUAL_OF_FIT = 110, 25  # iterations: 96 to 115, 22 to 30 on clothes, digits
# Numbers times classes up to which an iteration was no faster on two threads of BLAS: seven times
# slower for 400 x 400 x 10, 1.5 times for 4,000 x 1,280 x 100. It was as fast for 8,000 x 1,280 x
# 200. Beside other programs, where a thread waits for one that was sent away, it is far slower.
_MOST_ALONE = 2**29
_ALPHAS = tuple(float(10.0**power) for power in range(-2, 6))


class AffineHead(nn.Module):
    """features @ weight.T + bias, then log-softmax for classes.

    Args:
        weight: Shape (outputs, d).
        bias: Shape (outputs,).
        normalised: Whether outputs are log-probabilities (else plain numbers).
    """

    weight: Tensor
    bias: Tensor
    normalised: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, normalised: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.register_buffer("normalised", normalised)
        self._log_softmax = bool(normalised)

    @override
    def forward(self, features: Tensor) -> Tensor:
        """Features (n, d) to raw outputs (n, outputs)."""
        outputs = functional.linear(features, self.weight, self.bias)
        return functional.log_softmax(outputs, dim=1) if self._log_softmax else outputs


def affine(weight: NDArray[Any], bias: NDArray[Any], *, classes: bool) -> AffineHead:
    """The head with these numbers, in float32."""
    return AffineHead(
        torch.from_numpy(np.ascontiguousarray(weight, dtype=np.float32)),
        torch.from_numpy(np.ascontiguousarray(bias, dtype=np.float32)),
        torch.tensor(classes),
    )


def restore(state: Mapping[str, Tensor]) -> AffineHead:
    """The head with this state."""
    return AffineHead(state["weight"], state["bias"], state["normalised"])


def fit_majority(examples: Examples) -> AffineHead:
    """The base rates, whatever the features are."""
    return _constant(examples, _log_rates(examples))


def fit_mean(examples: Examples) -> AffineHead:
    """The mean of each number, whatever the features are."""
    return _constant(examples, examples.targets.mean(axis=0))


def fit_logistic(examples: Examples) -> AffineHead:
    """Multinomial logistic regression; its penalty is chosen by cross-validated log loss."""
    present = np.unique(examples.targets)
    if len(present) == 1:
        return fit_majority(examples)
    scaled, shift, scale = _scaled(examples.features)
    basis, coordinates = _row_space(scaled)
    with _unfinished_is_fine(), _threads_worth(coordinates.size * len(present)):
        penalty = _best_penalty(coordinates, examples)
        model = _logistic(penalty).fit(coordinates, examples.targets)
    weight, bias = _every_class(model, present, examples.outputs)
    weight = weight @ basis.T / scale
    return affine(weight, bias - weight @ shift, classes=True)


def logistic_s(samples: int, dimensions: int, counts: Sequence[int]) -> float:
    """Seconds that `fit_logistic` will take, from a few iterations on numbers of that shape.

    How many iterations it needs is not known beforehand: as many as usual are counted.

    Args:
        samples: To be fitted on.
        dimensions: Of their features.
        counts: Samples of each class.
    """
    present = [count for count in counts if count]
    if len(present) < 2:
        return 0.0
    rank = min(samples, dimensions)
    tried = min(samples, _MOST_TRIED) if min(present) >= _FOLDS else 0
    in_folds = tried * (_FOLDS - 1) * _USUAL_OF_PATH  # samples, in all iterations of all folds
    each_s = _iteration_s(min(samples, _MOST_TRIED), rank, len(present))
    return (in_folds + samples * _USUAL_OF_FIT) * each_s


def _iteration_s(samples: int, rank: int, classes: int) -> float:
    """Seconds of an iteration for each sample."""
    draws = generator(0, "classic", "timing")
    coordinates = draws.standard_normal((samples, rank))
    model = _logistic(_USUAL_PENALTY).set_params(max_iter=_TIMED, tol=0.0)
    with _unfinished_is_fine(), _threads_worth(coordinates.size * classes):
        begun = time.perf_counter()
        model.fit(coordinates, np.arange(samples) % classes)
    return (time.perf_counter() - begun) / (_TIMED * samples)


def fit_ridge(examples: Examples) -> AffineHead:
    """Ridge regression; its penalty is chosen by generalised (leave-one-out) cross-validation."""
    from sklearn.linear_model import RidgeCV

    scaled, shift, scale = _scaled(examples.features)
    basis, coordinates = _row_space(scaled)
    model = RidgeCV(alphas=_ALPHAS).fit(coordinates, examples.targets)
    weight = np.atleast_2d(model.coef_) @ basis.T / scale
    return affine(weight, np.atleast_1d(model.intercept_) - weight @ shift, classes=False)


def _constant(examples: Examples, bias: NDArray[np.float64]) -> AffineHead:
    weight = np.zeros((examples.outputs, examples.features.shape[1]))
    return affine(weight, bias, classes=examples.kind == "classes")


def _log_rates(examples: Examples) -> NDArray[np.float64]:
    rates = np.bincount(examples.targets, minlength=examples.outputs) / len(examples.targets)
    return np.log(np.maximum(rates, np.exp(_NEVER)))


def _scaled(
    features: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Centred features, divided by one number, so that penalties mean the same everywhere.

    One number for all: dividing each feature by its own deviation would blow up pixels at the
    border, and activations, that are hardly ever used.
    """
    wide = features.astype(np.float64)
    shift = wide.mean(axis=0)
    wide -= shift
    scale = float(np.sqrt(np.square(wide).mean())) or 1.0
    return wide / scale, shift, scale


def _row_space(
    centred: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """An orthonormal basis (d, r) of what the samples span, and their coordinates (n, r) in it.

    Models with a quadratic penalty do not change under this rotation (Hastie, Tibshirani 2004);
    with fewer samples than features it makes their fit cheaper by that ratio.
    """
    samples, dimensions = centred.shape
    if samples >= dimensions:
        return np.eye(dimensions), centred
    basis, _ = np.linalg.qr(centred.T)
    return basis, centred @ basis


def _logistic(penalty: float, *, warm_start: bool = False) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=penalty, max_iter=_ITERATIONS, tol=1e-3, warm_start=warm_start)


@contextmanager
def _unfinished_is_fine() -> Iterator[None]:
    """A fit that stops early is still a linear model, and is judged like every other one."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


@contextmanager
def _threads_worth(products: int) -> Iterator[None]:
    """Keeps BLAS to one thread inside, where a second one costs more than it computes.

    OpenMP stays as it is, for it gives threads other parts of the work.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas") if products <= _MOST_ALONE else nullcontext():
        yield


def _best_penalty(features: NDArray[np.float64], examples: Examples) -> float:
    """The C with the least log loss over stratified folds; a usual one where a class is tiny."""
    rows = generator(examples.seed, "classic", "folds").permutation(len(features))[:_MOST_TRIED]
    features, targets = features[rows], examples.targets[rows]
    counts = np.bincount(targets)
    if counts[counts > 0].min() < _FOLDS or np.count_nonzero(counts) == 1:
        return _USUAL_PENALTY
    folds = _folds(targets)
    losses = sum(_path_losses(features, targets, folds == fold) for fold in range(_FOLDS))
    return _PENALTIES[int(np.argmin(losses))]


def _folds(targets: NDArray[np.int64]) -> NDArray[np.int64]:
    """The fold of each sample, the classes dealt out evenly."""
    folds = np.empty(len(targets), dtype=np.int64)
    for label in np.unique(targets):
        rows = np.flatnonzero(targets == label)
        folds[rows] = np.arange(len(rows)) % _FOLDS
    return folds


def _path_losses(
    features: NDArray[np.float64], targets: NDArray[np.int64], held_out: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Log loss on what is held out for each C, from strong to weak, each fit begun at the last."""
    model = _logistic(_PENALTIES[0], warm_start=True)
    losses = []
    for penalty in _PENALTIES:
        model.set_params(C=penalty).fit(features[~held_out], targets[~held_out])
        log_probabilities = model.predict_log_proba(features[held_out])
        places = np.searchsorted(model.classes_, targets[held_out])
        losses.append(-float(log_probabilities[np.arange(len(places)), places].sum()))
    return np.array(losses)


def _every_class(
    model: Any, present: NDArray[np.int64], outputs: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights (outputs, r) and biases of all classes; those without examples never win."""
    coefficients, intercepts = model.coef_, model.intercept_
    if len(present) == 2:  # scikit-learn keeps only the second class's row
        coefficients = np.concatenate([np.zeros_like(coefficients), coefficients])
        intercepts = np.concatenate([np.zeros_like(intercepts), intercepts])
    weight = np.zeros((outputs, coefficients.shape[1]))
    bias = np.full(outputs, _NEVER)
    weight[present], bias[present] = coefficients, intercepts
    return weight, bias


MAJORITY = Classic(fit_majority, restore, kinds=("classes",))
MEAN = Classic(fit_mean, restore, kinds=("values",))
LOGISTIC = Classic(fit_logistic, restore, kinds=("classes",))
RIDGE = Classic(fit_ridge, restore, kinds=("values",))
