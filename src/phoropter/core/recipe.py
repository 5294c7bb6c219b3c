"""A recipe: everything that decides a run, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    Field,
    ValidationError,
    model_validator,
)

from phoropter.core.augment_recipe import AugmentRecipe
from phoropter.core.errors import UsageError, nearest
from phoropter.core.predict_recipe import PredictRecipe, Section
from phoropter.core.references import reference_to

OWN_KEYS = ("model.name", "model.backbone", "train.loss", "data.augment.own")
"""Keys that may name a part of the user's own (see `core.references`)."""


class DataRecipe(Section):
    """What of the image reaches the network."""

    size: int = Field(224, ge=4, le=2048, description="Side of the square input, pixels.")
    resize: Literal["crop", "stretch", "letterbox"] = Field(
        "crop", description="How a rectangle becomes a square: centre crop, squash or pad."
    )
    pad: Literal["constant", "reflect", "symmetric"] = Field(
        "constant",
        description="What letterbox puts beside the image: black, or its mirror image without or "
        "with the border pixel.",
    )
    channels: Literal[1, 3] = Field(3, description="1: greyscale, 3: RGB.")
    normalize: Literal["weights", "data", "none"] = Field(
        "weights",
        description="Statistics to normalise by: those the weights were trained with, "
        "those of the training part, or none.",
    )
    most_of_class: float | None = Field(
        None,
        ge=1,
        description="Training samples of a class at most, in those of the rarest one; what is "
        "beyond it is left out, by lot. 1: as many of each class (undersampling); null: all.",
    )
    augment: AugmentRecipe = AugmentRecipe()


class ModelRecipe(Section):
    """Which model, from which weights."""

    name: str = Field(
        "efficientnet_lite0",
        description="A name of `phoropter models`, any other of timm, or a network of your own as "
        "`file.py:name` or `package.module:name`.",
    )
    pretrained: bool = Field(
        True, description="Start from pretrained weights, if the model has any."
    )
    weights: str | None = Field(
        None,
        description="A file with the weights to start from (safetensors, pth, pt), in place of "
        "those that the model comes with.",
    )
    transfer: Literal["features", "finetune"] = Field(
        "features",
        description="features: the trunk is frozen and run once; finetune: every layer is trained.",
    )
    backbone: str = Field(
        "pixels", description="Classic models only: the network whose features they see, or pixels."
    )
    dropout: float = Field(0.2, ge=0, lt=1, description="Dropout before the last layer.")
    depth: int = Field(
        3,
        ge=1,
        le=12,
        description="cnn: stages; xception_small: blocks; mlp: hidden layers. Other models ignore "
        "this and what follows.",
    )
    width: int = Field(
        32, ge=1, le=4096, description="cnn and xception_small: channels of stage 1; mlp: units."
    )
    activation: Literal["relu", "leaky_relu", "gelu", "silu", "tanh", "sigmoid"] = Field(
        "relu", description="Activation of cnn, xception_small and mlp."
    )
    norm: Literal["batch", "layer", "group", "instance", "none"] = Field(
        "batch", description="Their normalisation layers."
    )
    init: Literal["default", "xavier", "he", "orthogonal"] = Field(
        "default",
        description="Their initialisation, with the gain that the activation needs; default is "
        "torch's.",
    )

    @model_validator(mode="after")
    def _weights_are_used(self) -> ModelRecipe:
        if self.weights is not None and not self.pretrained:
            message = "weights names a file, and pretrained=false asks for random weights"
            raise ValueError(message)
        return self


class TrainRecipe(Section):
    """How the weights are found."""

    epochs: int = Field(20, ge=1, le=100_000, description="Passes over the training part.")
    batch_size: Annotated[int, Field(ge=1)] | Literal["auto", "full"] = Field(
        64,
        description="Samples a step, at most all. full: all, the usual choice of batch descent on "
        "small data; auto: doubled while that makes a sample cheaper, and recorded.",
    )
    optimizer: Literal[
        "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "adamax"
    ] = Field(
        "adamw",
        description="sgd: plain descent (batch descent with batch_size full); momentum and "
        "nesterov: with a memory; the others scale each weight's step.",
    )
    lr: float = Field(0.001, gt=0, description="Peak learning rate.")
    head_lr_factor: float = Field(
        1.0, gt=0, description="The last layer learns at lr times this (fine-tuning: 10 is usual)."
    )
    layer_decay: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Each layer learns at this times the rate of the layer above it, from the head "
        "down (Howard & Ruder 2018; pretrained networks: 0.65 to 0.9 are usual). 1: all alike.",
    )
    unfreeze: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the steps until all layers are trained: the head first, then one "
        "layer after the other below it (Howard & Ruder 2018). 0: all from the start.",
    )
    frozen: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of the layers, from the input on, that are never trained. They are most "
        "of the work of a step, and least in need of change (Yosinski et al. 2014).",
    )
    head_start: bool = Field(
        False,
        description="Fine-tuning: the last layer is fitted on frozen features before all layers "
        "are trained (Kumar et al. 2022).",
    )
    norm_statistics: Literal["auto", "batch", "kept"] = Field(
        "auto",
        description="What batch normalisation works by in training: the statistics of each batch, "
        "or those it starts with. auto: kept where pretrained networks are trained in batches of "
        "fewer than 16 or from a fitted head, else batch.",
    )
    weight_decay: float = Field(
        0.01,
        ge=0,
        description="Decoupled for adamw, L2 for the others; never on norms and biases.",
    )
    momentum: float = Field(0.9, ge=0, lt=1, description="Of the optimizers momentum and nesterov.")
    schedule: Literal["constant", "step", "exponential", "cosine", "one_cycle", "plateau"] = Field(
        "cosine", description="Of the learning rate, over all steps."
    )
    warmup: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="Share of all steps in which the rate rises from zero; one_cycle has its own.",
    )
    decay: float = Field(
        0.1,
        gt=0,
        le=1,
        description="What one fall of the rate multiplies it by: step, exponential, plateau.",
    )
    decay_every: float = Field(
        0.3,
        gt=0,
        le=1,
        description="Share of the steps after warm-up that one such fall takes: step (at once, at "
        "the end of the share), exponential (evenly).",
    )
    decay_patience: int = Field(
        2, ge=1, description="Epochs without a better validation loss before a fall: plateau."
    )
    loss: str = Field(
        "auto",
        description="auto: cross_entropy for classes, mse for numbers; or focal, bce (each class "
        "against the rest), mae, huber, or one of your own.",
    )
    focal_gamma: float = Field(
        2.0, ge=0, le=10, description="How little a well known sample weighs: focal."
    )
    huber_delta: float = Field(
        1.0, gt=0, description="Where the loss becomes a line, standard deviations: huber."
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Mass moved to all classes.")
    class_weights: Literal["none", "balanced", "adjusted"] = Field(
        "none",
        description="balanced: each class weighs the same in the loss; adjusted: answers are "
        "learnt as if the classes were equally frequent (logit adjustment).",
    )
    clip: float | None = Field(None, gt=0, description="Largest gradient norm; null is off.")
    ema: float | None = Field(
        None, gt=0, lt=1, description="Decay of the weights' moving average; null is off."
    )
    patience: int = Field(
        5, ge=0, description="Epochs without a better validation loss before stopping; 0 is off."
    )
    min_delta: float = Field(0.0, ge=0, description="Smallest fall of the loss that counts.")
    numerics: Literal["auto", "float32", "bfloat16", "compiled"] = Field(
        "auto",
        description="auto: measured on this machine in the first seconds, and recorded. compiled: "
        "float32 by torch.compile, which needs a C++ compiler; plain float32 if that fails.",
    )
    accumulate: int = Field(1, ge=1, description="Batches whose gradients are added to one step.")


class Recipe(Section):
    """One run, decided.

    >>> Recipe().changed({"train.lr": 0.01}).train.lr
    0.01
    """

    task: str = Field("classification", description="The task; decides loss and metrics.")
    seed: int = Field(0, ge=0, description="Decides every random draw of the run.")
    data: DataRecipe = DataRecipe()
    model: ModelRecipe = ModelRecipe()
    train: TrainRecipe = TrainRecipe()
    predict: PredictRecipe = PredictRecipe()

    @model_validator(mode="after")
    def _members_are_recipes(self) -> Recipe:
        for change in self.predict.ensemble:
            if "predict.ensemble" in change or "task" in change:
                message = "a member of an ensemble has no ensemble or task of its own"
                raise ValueError(message)
        try:
            _ = self.members
        except UsageError as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def members(self) -> tuple[Recipe, ...]:
        """The recipes whose answers are averaged; one alone, this one, where there is no ensemble.

        What follows the mean is no part of them. A recipe may be there several times.

        >>> recipe = Recipe().changed({"predict.ensemble": [{"seed": 1}, {"train.lr": 0.1}]})
        >>> [(member.seed, member.train.lr) for member in recipe.members]
        [(0, 0.001), (1, 0.001), (0, 0.1)]
        """
        if not self.predict.ensemble:
            return (self,)
        alone = PredictRecipe(tta=self.predict.tta)
        first = self.model_copy(update={"predict": alone})
        return (first, *(first.changed(change) for change in self.predict.ensemble))

    def changed(self, change: Mapping[str, Any]) -> Recipe:
        """A copy with some dotted keys set.

        A class, function or network object may stand for its name (see `core.references`). A file
        of weights asks for a pretrained start.

        Raises:
            UsageError: If a key is unknown or a value does not fit; names the nearest key.
        """
        nested = self.model_dump()
        known = flat(self)
        if change.get("model.weights") is not None:
            change = {"model.pretrained": True, **change}
        for key, value in change.items():
            if key not in known:
                raise UsageError(f"Unknown recipe key {key!r}.", hint=nearest(key, known))
            *path, last = key.split(".")
            section = nested
            for name in path:
                section = section[name]
            section[last] = reference_to(value) if callable(value) else value
        return _validated(nested, where="recipe")

    @property
    def trained_as(self) -> Recipe:
        """The recipe of the same weights whose predictions are made in the plainest way."""
        return self.model_copy(update={"predict": PredictRecipe()})

    @property
    def digest(self) -> str:
        """A hash of the content, 16 hexadecimal digits."""
        text = json.dumps(self.model_dump(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def flat(recipe: Recipe) -> dict[str, Any]:
    """The recipe's values by dotted key.

    >>> flat(Recipe())["train.optimizer"]
    'adamw'
    """
    result: dict[str, Any] = {}

    def walk(prefix: str, section: Mapping[str, Any]) -> None:
        for key, value in section.items():
            if isinstance(value, Mapping):
                walk(f"{prefix}{key}.", value)
            else:
                result[f"{prefix}{key}"] = value

    walk("", recipe.model_dump())
    return result


def difference(old: Recipe, new: Recipe) -> dict[str, Any]:
    """The dotted keys whose values differ, with the new values."""
    before, after = flat(old), flat(new)
    return {key: value for key, value in after.items() if before[key] != value}


def to_yaml(recipe: Recipe) -> str:
    """The whole recipe as YAML."""
    return yaml.safe_dump(recipe.model_dump(), sort_keys=False, allow_unicode=True)


def from_yaml(text: str, *, where: str = "recipe") -> Recipe:
    """A recipe from YAML; what is left out has its default.

    Raises:
        UsageError: If the text is no YAML mapping, a key is unknown or a value does not fit.
    """
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise UsageError(f"{where} is not valid YAML: {problem}.", hint="Mend the file.") from error
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise UsageError(
            f"{where} must be a mapping of keys, got {type(content).__name__}.",
            hint="Start from: phoropter train DATA --recipe FILE with 'train: {lr: 0.001}'.",
        )
    return _validated(content, where=where)


def read_recipe(path: Path) -> Recipe:
    """The recipe in a YAML file.

    Raises:
        UsageError: If there is no such file or its content does not fit.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"Cannot read the recipe {str(path)!r}: {error}.") from error
    return from_yaml(text, where=f"The recipe {path.name!r}")


def _validated(content: Mapping[str, Any], *, where: str) -> Recipe:
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            raise UsageError(
                f"{where}: unknown key {key!r}.", hint=nearest(key, flat(Recipe()))
            ) from error
        why = first["msg"].removeprefix("Value error, ")
        raise UsageError(
            f"{where}: {key!r} got {first['input']!r}: {why}.",
            hint="Every field is described in docs/recipe.md.",
        ) from error
