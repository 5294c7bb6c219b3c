"""The model card: what a stranger must know before using the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from phoropter.bundle.manifest import CARD, GOLDEN, MANIFEST, ONNX, WEIGHTS
from phoropter.core.decoding import Decoding
from phoropter.core.recipe import Recipe
from phoropter.core.records import Metric, Preprocessing, TargetSchema


@dataclass(frozen=True, slots=True)
class BundleCard:
    """The facts of a model card that only the project knows.

    Args:
        name: What to call the model.
        description: The data in one line.
        parts: Samples of each part.
        primary: Name of the primary metric.
        measured_on: "test" if the seal was opened for this model, else "val".
        metrics: What was reached on that part.
        baseline: The best simple model's primary metric on the validation part, if there is one.
        looks: Comparisons made on the validation part.
        openings: How often the sealed test part was opened.
        limits: What is known to be wrong or missing, one sentence each.
        weights: Name of the pretrained weights it started from, or "".
        licence: Licence of those weights, or "".
        decoding: What follows the network: the temperature, and which class is named.
    """

    name: str
    description: str
    parts: Mapping[str, int]
    primary: str
    measured_on: str
    metrics: tuple[Metric, ...]
    baseline: Metric | None = None
    looks: int = 0
    openings: int = 0
    limits: tuple[str, ...] = ()
    weights: str = ""
    licence: str = ""
    decoding: Decoding = field(default_factory=Decoding)


_PARTS = {"test": "sealed test part", "val": "validation part"}


def render_card(
    card: BundleCard,
    recipe: Recipe,
    schema: TargetSchema,
    preprocessing: Preprocessing,
) -> str:
    """The model card as Markdown."""
    sections = (
        [f"# {_plain(card.name)}", _predicts(schema, preprocessing)],
        ["## Data", *_data(card, schema)],
        ["## Measured", *_measured(card)],
        ["## Limits", *_limits(card)],
        ["## Use", *_use(schema, preprocessing), *_answers(card.decoding)],
        ["## Origin", *_origin(card, recipe)],
    )
    return "\n\n".join("\n\n".join(section) for section in sections) + "\n"


def _predicts(schema: TargetSchema, preprocessing: Preprocessing) -> str:
    names = ", ".join(f"`{_plain(name)}`" for name in schema.names)
    picture = "a greyscale image" if preprocessing.channels == 1 else "an image"
    if schema.kind == "classes":
        return f"Says which of {len(schema.names)} classes {picture} belongs to: {names}."
    return f"Predicts from {picture} {'a number' if schema.outputs == 1 else 'numbers'}: {names}."


def _data(card: BundleCard, schema: TargetSchema) -> list[str]:
    counts = ", ".join(
        f"{count:,} {_PART_WORDS.get(part, part)}" for part, count in card.parts.items()
    )
    lines = [f"{_plain(card.description)}. Samples: {counts}."]
    if schema.kind == "classes":
        rows = [
            (name, f"{count:,}") for name, count in zip(schema.names, schema.counts, strict=False)
        ]
        lines.append(_table(("class", "training samples"), rows))
    else:
        numbers = zip(schema.names, schema.offset, schema.scale, strict=True)
        values = [(name, f"{mean:.4g}", f"{spread:.4g}") for name, mean, spread in numbers]
        lines.append(_table(("target", "training mean", "training standard deviation"), values))
    return lines


_PART_WORDS = {"train": "for training", "val": "for validation", "test": "for the sealed test"}


def _measured(card: BundleCard) -> list[str]:
    rows = [
        (metric.name + (" (primary)" if metric.name == card.primary else ""), *_numbers(metric))
        for metric in card.metrics
    ]
    where = _PARTS.get(card.measured_on, card.measured_on)
    lines = [
        f"On the {where}, with 95 % bootstrap intervals:",
        _table(("metric", "value", "low", "high", "samples"), rows),
    ]
    if card.baseline is not None:
        value, low, high, _ = _numbers(card.baseline)
        lines.append(
            f"The best simple model reached {_plain(card.baseline.name)} {value} [{low}, {high}] "
            "on the validation part."
        )
    lines.append(
        f"The validation part was looked at {_times(card.looks)} to choose this model; "
        f"the sealed test part was opened {_times(card.openings)}."
    )
    return lines


def _limits(card: BundleCard) -> list[str]:
    general = (
        "The intervals hold for samples like those measured, not for other cameras or places.",
        "Whatever is in a picture, one of the known answers is given.",
    )
    return ["\n".join(f"- {_plain(limit)}" for limit in (*card.limits, *general))]


def _use(schema: TargetSchema, preprocessing: Preprocessing) -> list[str]:
    side = preprocessing.size
    answers = "probabilities" if schema.kind == "classes" else "values in the unit of the target"
    takes = (
        f"`{ONNX}` takes uint8 pixels (n, {preprocessing.channels}, {side}, {side}), 0 to 255, and "
        f"returns {answers}; everything else is inside it. With onnxruntime and pillow:"
    )
    return [
        takes,
        f"```python\n{usage(preprocessing)}\n```",
        "Exactly as in training, any image format, folders, a row for each file:",
        "```\nphoropter predict . photo.jpg\n```",
    ]


def _answers(decoding: Decoding) -> list[str]:
    """What became of the probabilities, and what is made of them."""
    lines = []
    if decoding.temperature != 1.0:
        lines.append(
            f"The probabilities were calibrated on the validation part: logits are divided by "
            f"{decoding.temperature:.4g} inside the model."
        )
    decision = decoding.decision
    if decision is None:
        return lines
    if decision.threshold is not None:
        how = (
            f"`{_plain(decision.positive)}` is named from a probability of "
            f"{decision.threshold:.4g} on, else the most probable other class"
        )
    else:
        how = "the class of least expected cost is named"
    lines.append(
        f"`phoropter predict` does not simply name the most probable class: {how} (rule "
        f"`{_plain(decision.rule)}`, carried out on the validation part). The ONNX file returns "
        "probabilities."
    )
    return lines


def _letterboxed(preprocessing: Preprocessing, method: str) -> str:
    size, pad = preprocessing.size, preprocessing.pad
    if pad == "constant":
        return f"ImageOps.pad(image, ({size}, {size}), {method})"
    rest = ", (0, 0)" if preprocessing.channels == 3 else ""
    return (
        f"np.asarray(ImageOps.contain(image, ({size}, {size}), {method}))\n"
        f"y, x = {size} - image.shape[0], {size} - image.shape[1]\n"
        f'image = np.pad(image, ((y // 2, y - y // 2), (x // 2, x - x // 2){rest}), "{pad}")'
    )


def usage(preprocessing: Preprocessing) -> str:
    """Python that answers with nothing but ONNX Runtime, numpy and pillow; prints one row.

    >>> from phoropter.core.records import Normalization
    >>> norm = Normalization((0.5,), (0.5,))
    >>> print(usage(Preprocessing(8, "stretch", 1, "bilinear", 1.0, norm)).splitlines()[1])
    image = ImageOps.exif_transpose(Image.open("photo.jpg")).convert("L")
    """
    size, filter_name = preprocessing.size, preprocessing.interpolation.upper()
    method = f"Image.Resampling.{filter_name}"
    square = {
        "crop": f"ImageOps.fit(image, ({size}, {size}), {method}, "
        f"bleed={(1 - preprocessing.crop_share) / 2:.4g})",
        "letterbox": _letterboxed(preprocessing, method),
        "stretch": f"image.resize(({size}, {size}), {method})",
    }[preprocessing.resize]
    if preprocessing.channels == 1:
        mode, batch = "L", "np.asarray(image)[None, None]"
    else:
        mode, batch = "RGB", "np.asarray(image).transpose(2, 0, 1)[None]"
    return "\n".join(
        (
            "import numpy as np, onnxruntime; from PIL import Image, ImageOps",
            f'image = ImageOps.exif_transpose(Image.open("photo.jpg")).convert("{mode}")',
            f"image = {square}",
            f'session = onnxruntime.InferenceSession("{ONNX}")',
            f'print(session.run(None, {{"pixels": {batch}}})[0])',
        )
    )


def _origin(card: BundleCard, recipe: Recipe) -> list[str]:
    weights = "It was trained from scratch; no foreign weights are in it."
    if card.weights:
        licence = _plain(card.licence or "licence unknown")
        weights = f"It started from the pretrained weights `{_plain(card.weights)}` ({licence})."
    files = (
        (MANIFEST, "recipe, classes, preprocessing, metrics, digests"),
        (WEIGHTS, "the weights"),
        (ONNX, "the whole model for ONNX Runtime"),
        (GOLDEN, "real samples with the answers the original network gave"),
        (CARD, "this card"),
    )
    model = f"{_model(recipe)}, task {recipe.task}, recipe {recipe.digest}."
    return [f"{model} {weights}", _table(("file", "holds"), files)]


def _model(recipe: Recipe) -> str:
    names = [f"`{_plain(member.model.name)}`" for member in recipe.members]
    if len(names) == 1:
        return f"Model {names[0]}"
    return f"The mean answer of {len(names)} members: {', '.join(names)}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_plain(cell) for cell in line) + " |" for line in lines)


def _numbers(metric: Metric) -> tuple[str, str, str, str]:
    return f"{metric.value:.4g}", f"{metric.low:.4g}", f"{metric.high:.4g}", f"{metric.n:,}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _plain(text: str) -> str:
    """Keeps names from the data from becoming Markdown or HTML of ours."""
    safe = " ".join(text.split())
    for character, code in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "&#124;")):
        safe = safe.replace(character, code)
    return safe
