"""Bayesian search over recipes: what is left where no finding has a prescription."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from phoropter.core.errors import MissingExtraError
from phoropter.core.recipe import Recipe
from phoropter.core.seed import derive
from phoropter.improvement.prescriptions.changes import PRESETS
from phoropter.models.catalog import is_classic, offline_weights_installed

if TYPE_CHECKING:
    from optuna.trial import Trial

PACKAGE = "optuna"
STARTING = 6
"""Recipes drawn at random before the model of the losses speaks."""

_TINY_SIZES = (64, 96, 128)
_PHOTO_SIZES = (160, 192, 224, 256, 288)
_SCRATCH_PX = 64


def has_search() -> bool:
    """Whether Optuna is installed; does not import it."""
    return find_spec(PACKAGE) is not None


class Search:
    """Asks for recipes and is told what came of them (Optuna's TPE: Bergstra et al. 2011).

    Args:
        base: A recipe for the same images; task, channels, flips and seed are taken from it.
        sizes: Sides of the images of pretrained networks; the usual ones if left out.

    Raises:
        MissingExtraError: If Optuna is not installed.
    """

    def __init__(self, base: Recipe, *, sizes: Sequence[int] = ()) -> None:
        if not has_search():
            raise MissingExtraError(PACKAGE, "tune", why="Searching over recipes")
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._base = base
        self._sizes = sizes
        sampler = optuna.samplers.TPESampler(
            seed=derive(base.seed, "search") % 2**32, n_startup_trials=STARTING
        )
        self._study = optuna.create_study(sampler=sampler)
        self._asked: dict[str, Trial] = {}

    def ask(self) -> Recipe:
        """The recipe to be tried next."""
        trial = self._study.ask()
        recipe = drawn(trial, self._base, sizes=self._sizes)
        self._asked[recipe.digest] = trial
        return recipe

    def tell(self, recipe: Recipe, loss: float | None) -> None:
        """What a recipe that was asked for lost on validation; None where it could not be run.

        The latter counts among the worst. Were it forgotten, as failures are, nothing would speak
        against its kind, and a search that knows it least would ask for nothing else.
        """
        import optuna

        trial = self._asked.pop(recipe.digest)
        if loss is None:
            self._study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            self._study.tell(trial, loss)


def drawn(trial: Trial, base: Recipe, *, sizes: Sequence[int] = ()) -> Recipe:
    """A recipe from the space: how the model learns, then what such a model can be told.

    Frozen features under a head or a classic model, fine-tuning, or a small network from scratch.
    """
    tiny = base.data.size <= _SCRATCH_PX
    kinds = [*(["scratch"] if tiny else ["forest"]), "linear"]
    kinds += ["features", "finetune"] if offline_weights_installed() else []
    kind = trial.suggest_categorical("kind", kinds)
    sizes = sizes or (_TINY_SIZES if tiny else _PHOTO_SIZES)
    change: dict[str, Any] = {"predict.ensemble": (), "predict.calibration": "none"}
    if kind == "scratch":
        change |= _scratch(trial)
    else:
        change |= _on_weights(trial, kind, sizes, base)
    if kind in {"features", "finetune", "scratch"}:
        change |= _trained(trial, kind)
    return base.changed(change)


def _scratch(trial: Trial) -> dict[str, Any]:
    return {
        "model.name": "cnn",
        "model.pretrained": False,
        "model.weights": None,
        "model.transfer": "finetune",
        "model.width": trial.suggest_categorical("width", [16, 32, 64]),
        "model.depth": trial.suggest_int("depth", 2, 4),
        "data.augment.preset": trial.suggest_categorical("scratch_augment", PRESETS),
    }


def _on_weights(trial: Trial, kind: str, sizes: Sequence[int], base: Recipe) -> dict[str, Any]:
    """A pretrained trunk at some size of images, under what `kind` says."""
    trunk = "efficientnet_lite0" if offline_weights_installed() else "pixels"
    linear = "logistic" if base.task == "classification" else "ridge"
    change: dict[str, Any] = {
        "model.name": {"linear": linear, "forest": "random_forest"}.get(kind, trunk),
        "model.backbone": trunk,
    }
    if trunk == "pixels":
        return change
    change |= {
        "model.pretrained": True,
        "model.transfer": "finetune" if kind == "finetune" else "features",
        "data.size": trial.suggest_categorical("size", list(sizes)),
        "data.channels": 3,
        "data.normalize": "weights",
        "data.augment.preset": "none",
    }
    if trunk != (base.model.backbone if is_classic(base.model.name) else base.model.name):
        change["model.weights"] = None  # a file of another network's
    if kind == "finetune":
        change |= {
            "data.augment.preset": trial.suggest_categorical("tuned_augment", PRESETS[:3]),
            "train.frozen": trial.suggest_categorical("frozen", [0.0, 0.4, 0.7]),
            "train.head_start": trial.suggest_categorical("head_start", [False, True]),
        }
    return change


_LR = {"features": (3e-4, 3e-2), "finetune": (3e-5, 3e-3), "scratch": (1e-3, 3e-2)}
_EPOCHS = {"features": (10, 100), "finetune": (2, 15), "scratch": (3, 30)}


def _trained(trial: Trial, kind: str) -> dict[str, Any]:
    return {
        "train.lr": trial.suggest_float(f"{kind}_lr", *_LR[kind], log=True),
        "train.epochs": trial.suggest_int(f"{kind}_epochs", *_EPOCHS[kind], log=True),
        "train.batch_size": trial.suggest_categorical(f"{kind}_batch", [16, 32, 64, 128]),
        "train.weight_decay": trial.suggest_float("weight_decay", 1e-4, 0.3, log=True),
        "train.label_smoothing": trial.suggest_categorical("label_smoothing", [0.0, 0.05, 0.1]),
        "model.dropout": trial.suggest_float("dropout", 0.0, 0.5),
    }
