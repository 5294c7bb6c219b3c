"""What a recipe says of predictions, and what all parts of a recipe have in common."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from phoropter.core.decoding import read_rule


class Section(BaseModel):
    """A part of a recipe: frozen, and without room for unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _yes_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        """YAML reads on, yes and true as one thing, which must not become a 1."""
        wanted = cls.model_fields[str(info.field_name)].annotation
        if isinstance(value, bool) and wanted is not bool:
            message = "true and false do not fit here"
            raise ValueError(message)
        return value


class PredictRecipe(Section):
    """How predictions are made."""

    tta: int = Field(
        1, ge=1, le=5, description="Views averaged a sample (1: the plain one; 2: and its mirror)."
    )
    calibration: Literal["none", "temperature"] = Field(
        "none",
        description="temperature: logits are divided by the number that gives the least log loss "
        "on the validation part (Guo et al. 2017).",
    )
    threshold: str = Field(
        "none",
        description="none: the most probable class is named. Otherwise a rule, carried out on the "
        "validation part: f1 (f2, f0.5): the threshold of the largest F; recall>=0.95: the largest "
        "with that recall, 95 % sure; cost(ill>well=10): the least expected cost (what is not "
        "listed costs 1).",
    )
    positive: str | None = Field(
        None,
        coerce_numbers_to_str=True,
        description="The class that the threshold is about; null: the rarest in training.",
    )

    ensemble: tuple[dict[str, Any], ...] = Field(
        (),
        description="Further models whose answers are averaged with this one's (probabilities, or "
        "numbers), each as dotted keys and what they are instead; a model that is listed twice "
        "counts twice. They must see the same pixels. Temperature and threshold follow the mean.",
    )

    @field_validator("threshold")
    @classmethod
    def _threshold_can_be_read(cls, text: str) -> str:
        if text != "none":
            read_rule(text)
        return text
