"""Runs that differ in how predictions are made, and in nothing of their training.

Their weights are the same to the bit, so one training serves them all.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from phoropter.core.checksums import read_record
from phoropter.core.errors import PhoropterError
from phoropter.core.files import storage_errors
from phoropter.core.recipe import Recipe, read_recipe, to_yaml
from phoropter.training.batch_size import FILE as BATCH_SIZE
from phoropter.training.checkpoint import FOLDER
from phoropter.training.dynamics import FILE as DYNAMICS
from phoropter.training.gates import FILE as GATES
from phoropter.training.history import HISTORY, TIMING
from phoropter.training.loop import OUTCOME
from phoropter.training.numerics import FILE as NUMERICS
from phoropter.training.problem import Problem, run_id
from phoropter.training.signals import FILE as SIGNALS
from phoropter.training.summary import UNFINISHED

_TRAINED = (HISTORY, TIMING, SIGNALS, DYNAMICS, BATCH_SIZE, NUMERICS, GATES, OUTCOME)
"""What training leaves beside weights; the outcome last, for it says that the rest is there."""


def twin(recipe: Recipe, problem: Problem, runs: Path) -> Path | None:
    """The folder of a run that was trained to its end as this recipe would be, or None."""
    name, trained = run_id(recipe, problem), _training_keys(to_yaml(recipe))
    for outcome in sorted(runs.glob(f"*/{OUTCOME}")):
        folder = outcome.parent
        if folder.name == name:
            continue
        try:
            # Most neighbours are told apart by their text, which is quick to compare.
            if _training_keys((folder / "recipe.yaml").read_text("utf-8")) != trained:
                continue
            other = read_recipe(folder / "recipe.yaml")
            ended = read_record(outcome).get("stopped_by") not in UNFINISHED
        except (PhoropterError, OSError, UnicodeDecodeError):
            continue  # a damaged neighbour is its own trouble, not this run's
        same = other.trained_as == recipe.trained_as and run_id(other, problem) == folder.name
        if same and ended:
            return folder
    return None


def _training_keys(recipe: str) -> str:
    """A written recipe without its last section, which says how predictions are made."""
    return recipe.partition("\npredict:")[0]


def adopt(source: Path, folder: Path) -> None:
    """Copies what training left in a twin's folder."""
    with storage_errors(folder):
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
        weights = sorted((source / FOLDER).glob("*.safetensors"))
        for path in (*weights, *(source / name for name in _TRAINED)):
            if path.exists():
                shutil.copyfile(path, folder / path.relative_to(source))
