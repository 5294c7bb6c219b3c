"""From a manifest and its weights back to the torch network; no code is read from files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from phoropter.bundle.manifest import WEIGHTS, Manifest
from phoropter.core.errors import CorruptFileError, InputError
from phoropter.core.recipe import Recipe
from phoropter.core.records import TargetSchema
from phoropter.core.references import is_reference
from phoropter.models.build import build, build_trunk, untrained
from phoropter.models.catalog import is_classic
from phoropter.models.classic import classic_from_state
from phoropter.models.network import Network
from phoropter.prediction.averaging import Averaged, Chorus, Member
from phoropter.training.ensembles import sharing

_HEAD = "head."


def rebuild(folder: Path, manifest: Manifest, *, own_code: bool = False) -> nn.Module:
    """The network of a bundle with its trained weights, in eval mode on the CPU.

    Args:
        folder: Of the bundle.
        manifest: What it says.
        own_code: Whether code that the recipe refers to may be run; for bundles of one's own.

    Raises:
        InputError: If only code from outside could build the network, and it may not run.
        CorruptFileError: If the weights cannot be read or do not fit the recipe.
    """
    _check_code(folder, manifest, allowed=own_code)
    path = folder / WEIGHTS
    try:
        state = load_file(path)
        network = _empty(manifest, state)
        network.load_state_dict(state)
    except (SafetensorError, OSError, RuntimeError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise CorruptFileError(
            f"The weights {str(path)!r} do not fit their recipe: {reason}",
            hint="Export the run again.",
        ) from error
    return network.eval()


def _check_code(folder: Path, manifest: Manifest, *, allowed: bool) -> None:
    models = [member.model for member in manifest.recipe.members]
    named = [name for model in models for name in (model.name, model.backbone)]
    brought = [name for name in named if is_reference(name)]
    if brought and not allowed:
        raise InputError(
            f"The network of {str(folder)!r} is made by {brought[0]!r}; a bundle runs no code.",
            hint="Use runtime='onnx' (pip install 'phoropter[export]'); if you trust the code, "
            "own_code=True in Python.",
        )


def _empty(manifest: Manifest, state: Mapping[str, Tensor]) -> nn.Module:
    counts = Counter(member.digest for member in manifest.recipe.members)
    if len(manifest.recipe.members) == 1:
        return _alone(untrained(manifest.recipe), manifest.schema, state)
    recipes = {member.digest: member for member in manifest.recipe.members}
    members = []
    for at, group in enumerate(sharing(list(recipes.values()), lambda recipe: recipe)):
        network = _together(group, manifest.schema, _below(state, f"networks.{at}."))
        how = manifest.preprocessing.normalization  # the weights hold each member's own
        voices = tuple(counts[recipe.digest] for recipe in group)
        members.append(Member(network, how, group[0].predict.tta, voices))
    return Averaged(members, kind=manifest.schema.kind)


def _together(
    recipes: Sequence[Recipe], schema: TargetSchema, state: Mapping[str, Tensor]
) -> nn.Module:
    """One model, or several heads on the trunk that they share."""
    if len(recipes) == 1:
        return _alone(untrained(recipes[0]), schema, state)
    networks = [
        _alone(untrained(recipe), schema, _renamed(state, f"heads.{at}.", _HEAD))
        for at, recipe in enumerate(recipes)
    ]
    return Chorus(networks[0].trunk, [network.head for network in networks])


def _below(state: Mapping[str, Tensor], start: str) -> dict[str, Tensor]:
    return _renamed(state, start, "")


def _renamed(state: Mapping[str, Tensor], start: str, to: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `start`, beginning with `to` instead."""
    return {
        to + key.removeprefix(start): value for key, value in state.items() if key.startswith(start)
    }


def _alone(recipe: Recipe, schema: TargetSchema, state: Mapping[str, Tensor]) -> Network:
    """One model without its weights; a classic one's shape is read off them."""
    if not is_classic(recipe.model.name):
        return build(recipe, schema)
    trunk, feature_count = build_trunk(
        recipe.model.backbone,
        pretrained=False,
        channels=recipe.data.channels,
        size=recipe.data.size,
        like=recipe.model,
    )
    head = classic_from_state(recipe.model.name, _below(state, _HEAD))
    return Network(trunk, head, feature_count)
