"""Any network that timm knows, as a trunk."""

from __future__ import annotations

import logging
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from phoropter.core.errors import InputError, UsageError
from phoropter.core.recipe import ModelRecipe
from phoropter.core.records import ModelCard
from phoropter.models.weights_file import read_state, unfitting
from phoropter.models.zoo_table import ZOO

_PATIENCE_S = 5.0


class WeightsUnavailableError(InputError):
    """Pretrained weights were asked for and cannot be had; a random start must be asked for."""

    code = "weights-unavailable"


def timm_trunk(recipe: ModelRecipe, *, channels: int, size: int) -> tuple[nn.Module, int]:
    """The network `recipe.name` of timm without its classifier, and its number of features.

    Raises:
        WeightsUnavailableError: If pretrained weights cannot be downloaded or do not exist.
        InputError: If `recipe.weights` cannot be read or does not fit.
        UsageError: If the network cannot be built for this input.
    """
    import timm

    _check_size(recipe.name, size)
    name = timm_name(recipe.name)
    options: dict[str, Any] = {"num_classes": 0, "in_chans": channels, **_size_option(name, size)}
    pretrained = recipe.pretrained
    with _quiet():
        if pretrained and recipe.weights is not None:
            name, given = _own_weights_option(name, recipe.weights)
            options |= given
        elif pretrained:
            options |= _weights_option(recipe.name, name)
        try:
            trunk = timm.create_model(name, pretrained=pretrained, **options)
        except _download_errors() as error:
            raise _unreachable(recipe.name) from error
        except (RuntimeError, ValueError, AssertionError, TypeError) as error:
            if recipe.weights is not None and "state_dict" in str(error):
                why = _first_line(error, of=1).removesuffix(",")
                raise unfitting(recipe.weights, why) from error
            raise UsageError(
                f"timm cannot build {recipe.name!r} for {channels} x {size} x {size} inputs: "
                f"{_first_line(error)}.",
                hint="Use the size the model was made for (see: phoropter models).",
            ) from error
    features: Any = getattr(trunk, "head_hidden_size", None) or trunk.num_features
    if recipe.name not in ZOO:
        _try_out(trunk, recipe.name, channels=channels, size=size)
    return trunk, int(features)


def timm_name(name: str) -> str:
    """The name that timm has for `name` today, with the tag of the weights where we pin them.

    >>> timm_name("xception")
    'legacy_xception.tf_in1k'
    """
    return ZOO[name].timm if name in ZOO else name


def timm_card(name: str, *, tasks: tuple[str, ...]) -> ModelCard | None:
    """What timm knows of a network outside our list; None if it does not know it either."""
    import timm

    with _quiet():
        if not timm.is_model(name):
            return None
        config = timm.get_pretrained_cfg(name)
    if config is None:
        return ModelCard(name=name, family="network", tasks=tasks, source=f"timm {name}")
    return ModelCard(
        name=name,
        family="network",
        tasks=tasks,
        input_px=int(config.input_size[-1]),
        mean=tuple(config.mean),
        std=tuple(config.std),
        interpolation="bilinear" if config.interpolation == "bilinear" else "bicubic",
        crop=float(config.crop_pct),
        weights="hub" if config.has_weights else "",
        licence=config.license or "unknown",
        source=f"timm {name}",
    )


def _check_size(name: str, size: int) -> None:
    """Refuses images that are too small for a network of the list.

    Raises:
        UsageError: If so.
    """
    if name in ZOO and size < ZOO[name].least_px:
        least, native = ZOO[name].least_px, ZOO[name].input_px
        raise UsageError(
            f"{name!r} needs images of at least {least} px, got data.size={size}.",
            hint=f"Use data.size={least} or more (it was made for {native}), or model.name=cnn.",
        )


@torch.no_grad()
def _try_out(trunk: nn.Module, name: str, *, channels: int, size: int) -> None:
    """One image through a network of which it is not known what sizes it takes.

    Raises:
        UsageError: If it does not take this one.
    """
    was_training = trunk.training
    try:
        trunk.eval()(torch.zeros(1, channels, size, size))
    except (RuntimeError, ValueError, AssertionError) as error:
        raise UsageError(
            f"{name!r} cannot take images of {size} px: {_first_line(error)}.",
            hint="Use the size the model was made for (see its page in timm), or a larger one.",
        ) from error
    trunk.train(was_training)


def _own_weights_option(name: str, path: str) -> tuple[str, dict[str, Any]]:
    """The name and options by which timm fills a network from a file, every weight of it.

    timm itself translates names of older versions and of torchvision, and sums the first layer's
    filters for grey images.
    """
    import timm

    config = timm.get_pretrained_cfg(name)
    state = read_state(path)
    if config is None:
        return name, {"pretrained_cfg_overlay": {"state_dict": state}}
    if name.startswith("inception_v3"):
        # Only under the tag of weights without it does timm see to it that none is missing.
        name = "inception_v3.tf_in1k"
        state = {key: value for key, value in state.items() if not key.startswith("AuxLogits.")}
    classifiers = config.classifier or ()
    for classifier in (classifiers,) if isinstance(classifiers, str) else classifiers:
        for leaf in ("weight", "bias"):
            state.pop(f"{classifier}.{leaf}", None)
    return name, {"pretrained_cfg_overlay": {"state_dict": state, "classifier": None}}


def _weights_option(name: str, full_name: str) -> dict[str, Any]:
    """Where timm shall find the weights: a file in the hub's cache, or wherever it would look.

    The hub's client tries a missing network for most of a minute before it gives up, even where
    the file is in the cache; hence the cache first, and one quick knock at the door.
    """
    import timm
    from huggingface_hub import constants, try_to_load_from_cache

    config = timm.get_pretrained_cfg(full_name)
    if config is None or not config.has_weights:
        raise WeightsUnavailableError(
            f"There are no pretrained weights for {name!r}.",
            hint="Use model.pretrained=false, or a model that has some (see: phoropter models).",
        )
    if not config.hf_hub_id:
        return {}
    cached = try_to_load_from_cache(config.hf_hub_id, "model.safetensors")
    if isinstance(cached, str):
        return {"pretrained_cfg_overlay": {"file": cached}}
    if constants.HF_HUB_OFFLINE or not _answers(constants.ENDPOINT):
        raise _unreachable(name)
    return {}


def _answers(address: str) -> bool:
    """Whether a server answers within seconds, proxies of the environment included."""
    if not address.startswith(("https://", "http://")):
        return False
    request = urllib.request.Request(address, method="HEAD")  # noqa: S310 - checked above
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE_S):  # noqa: S310 - checked above
            return True
    except urllib.error.HTTPError:
        return True  # it answered
    except OSError:
        return False


def _unreachable(name: str) -> WeightsUnavailableError:
    return WeightsUnavailableError(
        f"The pretrained weights of {name!r} cannot be downloaded.",
        hint="Connect to the network once (or set HF_HOME to a cache that holds them), or name a "
        "file by model.weights=FILE, or use the offline model.name=efficientnet_lite0; "
        "model.pretrained=false starts at random.",
    )


def _size_option(name: str, size: int) -> dict[str, Any]:
    """Networks with fixed position embeddings must be told the input's side."""
    import timm

    config = timm.get_pretrained_cfg(name)
    if config is not None and config.fixed_input_size:
        return {"img_size": size}
    return {}


def _download_errors() -> tuple[type[Exception], ...]:
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    return (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError)


def _first_line(error: Exception, *, of: int = 0) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[min(of, len(lines) - 1)].strip().rstrip(".:")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps timm's and the hub's remarks (renamed models, retries) from the person's terminal."""
    loggers = [logging.getLogger(name) for name in ("timm", "huggingface_hub")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
