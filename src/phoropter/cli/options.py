"""The options that commands share, in groups, and how a group becomes options of a command.

A command asks for groups (`def look(data: Data, source: Source, speech: Speech)`); `command`
spreads each group's fields into the flat signature that Typer reads.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, ParamSpec, TypeVar, get_type_hints

import typer

from phoropter.core.errors import UsageError

P = ParamSpec("P")
R = TypeVar("R")

WORKERS = 2
"""Of a cluster, where nothing else is asked for."""

Data = Annotated[
    str,
    typer.Argument(metavar="DATA", help="A folder, a file or a built-in name such as digits."),
]
Run = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run's folder, or the beginning of its identifier."),
]
OptionalRun = Annotated[
    str | None,
    typer.Argument(metavar="[RUN]", help="Folder of a run or watched loop, or a run's identifier."),
]
Curves = Annotated[
    Path | None,
    typer.Option(
        "--curves",
        metavar="FILE",
        help="Curves instead: CSV (epoch,train_loss,val_loss,...), TensorBoard's, Keras' JSON.",
    ),
]
ProjectArgument = Annotated[
    Path, typer.Argument(metavar="PROJECT", help="A project's folder (NAME.phoropter).")
]
ProjectOption = Annotated[
    Path | None,
    typer.Option(
        "--project", metavar="DIR", help="The project's folder (default: ./NAME.phoropter)."
    ),
]
Budget = Annotated[
    str | None,
    typer.Option("--budget", metavar="TIME", help="How long it may take: 90s, 10m or 2h."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set a recipe key; may be repeated."),
]


@dataclass(frozen=True, slots=True)
class Source:
    """Which data, how they are read, and the project that they belong to."""

    project: ProjectOption = None
    target: Annotated[
        str | None, typer.Option("--target", metavar="COLUMN", help="The column to predict.")
    ] = None
    task: Annotated[
        str | None,
        typer.Option("--task", metavar="TASK", help="classification or regression."),
    ] = None
    layout: Annotated[
        str | None,
        typer.Option(
            "--layout", metavar="NAME", help="How to read the data, where it is found out wrongly."
        ),
    ] = None
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="N", min=0, help="Decides every random draw (default: 0)."),
    ] = None


@dataclass(frozen=True, slots=True)
class Word:
    """The user's word on steps of the loop."""

    accept: Annotated[
        int | None,
        typer.Option(
            "--accept", metavar="N", min=1, help="Take the run of step N, which was refused."
        ),
    ] = None
    refuse: Annotated[
        int | None,
        typer.Option(
            "--refuse", metavar="N", min=1, help="Go back behind step N, which was accepted."
        ),
    ] = None
    pin: Annotated[
        list[str] | None,
        typer.Option(
            "--pin", metavar="KEY", help="Leave a recipe key (or section) alone; may be repeated."
        ),
    ] = None
    unpin: Annotated[
        list[str] | None,
        typer.Option("--unpin", metavar="KEY", help="Let the loop change it again."),
    ] = None


@dataclass(frozen=True, slots=True)
class Cut:
    """How the data are divided."""

    groups: Annotated[
        str | None,
        typer.Option(
            "--groups",
            metavar="found|none|COLUMN",
            help="What stays together besides declared groups and copies (default: found).",
        ),
    ] = None
    ratios: Annotated[
        str | None,
        typer.Option("--ratios", metavar="A:B:C", help="Shares of train, val and test, as 6:2:2."),
    ] = None
    time: Annotated[
        str | None,
        typer.Option(
            "--time",
            metavar="found|order|COLUMN",
            help="Train on the past, test on the future, as clocks, names or a column tell it.",
        ),
    ] = None
    folds: Annotated[
        str | None,
        typer.Option(
            "--folds",
            metavar="K|leave-one-out",
            help="Deal folds for cross-validation too, without the test part.",
        ),
    ] = None
    repeats: Annotated[
        int, typer.Option("--repeats", metavar="N", min=1, help="How often the folds are dealt.")
    ] = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What to train."""

    recipe: Annotated[
        Path | None, typer.Option("--recipe", metavar="FILE", help="A recipe in YAML.")
    ] = None
    settings: Settings = None


Epoch = Annotated[
    int | None,
    typer.Option(
        "--epoch", metavar="N", min=0, help="A pass that was kept (default: the best one)."
    ),
]


@dataclass(frozen=True, slots=True)
class Crew:
    """Who trains it, and who follows."""

    track: Annotated[
        str | None,
        typer.Option(
            "--track", metavar="tensorboard|mlflow", help="Send the curves of every run there too."
        ),
    ] = None
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster",
            metavar="ADDRESS",
            help="Train on a Ray cluster: its address, auto, or local for this machine.",
        ),
    ] = None
    processes: Annotated[
        int | None,
        typer.Option(
            "--processes",
            metavar="N",
            min=1,
            help=f"Workers on the cluster (default: {WORKERS}).",
        ),
    ] = None

    def of(self, function: Callable[P, R]) -> Callable[P, R]:
        """The function as it is, or carried out on the cluster.

        Raises:
            UsageError: If there are workers without a cluster.
        """
        if self.cluster is None and self.processes is not None:
            raise UsageError(
                f"--processes {self.processes} is for a cluster, and no --cluster is named.",
                hint="For workers on this machine add: --cluster local",
            )
        if self.cluster is None:
            return function
        from phoropter.project.cluster import spread

        return spread(function, address=self.cluster, processes=self.processes or WORKERS)


@dataclass(frozen=True, slots=True)
class Speech:
    """How the command talks."""

    json: Annotated[
        bool, typer.Option("--json", help="Print exactly one JSON document on stdout.")
    ] = False
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")] = False
    debug: Annotated[
        bool, typer.Option("--debug", help="Show warnings, and the traceback of an error.")
    ] = False
    lang: Annotated[
        Literal["en", "ko"],
        typer.Option(
            "--lang",
            metavar="en|ko",
            help="Language of pages and answers; progress, errors and JSON stay English.",
        ),
    ] = "en"


def command(function: Callable[..., None]) -> Callable[..., None]:
    """`function` with every group of options among its parameters spread into single options."""
    hints = get_type_hints(function, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}

    @functools.wraps(function)
    def spread(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        function(**given)

    parameters = [
        parameter
        for name, own in inspect.signature(function).parameters.items()
        for parameter in _spread(name, hints[name], own.default)
    ]
    signature = inspect.Signature(parameters)
    spread.__signature__ = signature  # type: ignore[attr-defined]
    spread.__annotations__ = {item.name: item.annotation for item in parameters}
    return spread


def _spread(name: str, hint: Any, default: Any) -> list[inspect.Parameter]:
    if not is_dataclass(hint):
        return [_parameter(name, hint, default)]
    hints = get_type_hints(hint, include_extras=True)
    return [_parameter(item.name, hints[item.name], item.default) for item in fields(hint)]


def _parameter(name: str, hint: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)
