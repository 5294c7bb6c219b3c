"""From a manifest and its weights back to the torch network; no code is read from files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
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
from phoropter.prediction.averaging import Averaged, Member

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
    recipes = {member.digest: member for member in manifest.recipe.members}
    if len(manifest.recipe.members) == 1:
        return _alone(untrained(manifest.recipe), manifest.schema, state)
    members = []
    for at, (digest, recipe) in enumerate(recipes.items()):
        start = f"networks.{at}."
        own = {key.removeprefix(start): state[key] for key in state if key.startswith(start)}
        network = _alone(untrained(recipe), manifest.schema, own)
        how = manifest.preprocessing.normalization  # the weights hold each member's own
        members.append(Member(network, how, recipe.predict.tta, counts[digest]))
    return Averaged(members, kind=manifest.schema.kind)


def _alone(recipe: Recipe, schema: TargetSchema, state: Mapping[str, Tensor]) -> nn.Module:
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
    own = {key.removeprefix(_HEAD): state[key] for key in state if key.startswith(_HEAD)}
    return Network(trunk, classic_from_state(recipe.model.name, own), feature_count)
