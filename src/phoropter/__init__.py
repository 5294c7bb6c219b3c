"""From a folder of images to a model you can trust.

The names below load on first use, so that `import phoropter` costs next to nothing:

>>> import phoropter
>>> phoropter.Recipe().changed({"train.lr": 0.01}).train.lr
0.01
"""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from phoropter.core.errors import PhoropterError as PhoropterError
    from phoropter.core.recipe import Recipe as Recipe
    from phoropter.project.api import augment as augment
    from phoropter.project.api import checklist as checklist
    from phoropter.project.api import compare as compare
    from phoropter.project.api import convert as convert
    from phoropter.project.api import diagnose as diagnose
    from phoropter.project.api import doctor as doctor
    from phoropter.project.api import evaluate as evaluate
    from phoropter.project.api import export as export
    from phoropter.project.api import improve as improve
    from phoropter.project.api import look as look
    from phoropter.project.api import lr_range as lr_range
    from phoropter.project.api import models as models
    from phoropter.project.api import predict as predict
    from phoropter.project.api import replay as replay
    from phoropter.project.api import report as report
    from phoropter.project.api import run as run
    from phoropter.project.api import split as split
    from phoropter.project.api import test as test
    from phoropter.project.api import train as train
    from phoropter.project.cluster import spread as spread
    from phoropter.watching.recording import watch as watch

    __version__: str

# torch asks for it at its first allocation. A step gives its activations back to the system and
# takes as much in the next one: in pages of 2 MiB that costs a fraction of what it costs in pages
# of 4 KiB, which was half of a fine-tuning step at 288 px (docs/adr/0013-large-pages.md).
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

_API = "phoropter.project.api"
_HOMES = {
    "run": _API,
    "look": _API,
    "split": _API,
    "train": _API,
    "evaluate": _API,
    "diagnose": _API,
    "improve": _API,
    "compare": _API,
    "test": _API,
    "predict": _API,
    "export": _API,
    "replay": _API,
    "report": _API,
    "checklist": _API,
    "convert": _API,
    "augment": _API,
    "lr_range": _API,
    "models": _API,
    "doctor": _API,
    "spread": "phoropter.project.cluster",
    "watch": "phoropter.watching.recording",
    "Recipe": "phoropter.core.recipe",
    "PhoropterError": "phoropter.core.errors",
}

__all__ = [
    "PhoropterError",
    "Recipe",
    "__version__",
    "augment",
    "checklist",
    "compare",
    "convert",
    "diagnose",
    "doctor",
    "evaluate",
    "export",
    "improve",
    "look",
    "lr_range",
    "models",
    "predict",
    "replay",
    "report",
    "run",
    "split",
    "spread",
    "test",
    "train",
    "watch",
]


def __getattr__(name: str) -> Any:
    """A public name, from the module where it lives."""
    if name == "__version__":
        from importlib.metadata import version

        return version("phoropter")
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    message = f"module 'phoropter' has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """Keeps the commands `look`, `models` and `report` apart from the packages of that name.

    Importing a sub-package binds it as an attribute of its parent, which would put the package
    where users expect the function. Imports (`from phoropter.look.run import ...`) do not need
    that attribute.
    """

    def __setattr__(  # type: ignore[explicit-override]  # typing.override is of 3.12
        self, name: str, value: object
    ) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
