"""Hooks that hear what happens in a loop and change nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from typing_extensions import override


def _deaf(*_: Any) -> None:
    """What a copied hook calls."""


class Ear:
    """A hook whose copies are deaf.

    Networks are copied (averaged weights) and pickled (`torch.save(network)`) with their hooks.
    What happens in a copy is not the recording's business, and a recording cannot be pickled.

    >>> import copy
    >>> heard = []
    >>> ear = Ear(heard.append)
    >>> ear("original"), copy.deepcopy(ear)("copy"), heard
    (None, None, ['original'])

    Args:
        heard: Called with the arguments of the hook.
    """

    def __init__(self, heard: Callable[..., None]) -> None:
        self._heard = heard

    def __call__(self, *arguments: Any) -> None:
        """Passes on what happened; torch takes None for "nothing is to be changed"."""
        self._heard(*arguments)

    def __deepcopy__(self, _memo: Any) -> Ear:
        return Ear(_deaf)

    @override
    def __reduce__(self) -> tuple[Any, ...]:
        return Ear, (_deaf,)
