"""Parts that users bring themselves, named by where they are.

`file.py:name` is a file from where one stands, `package.module:name` anything that can be imported,
and `python:name` an object that the running program handed over. What stands behind such a name is
code of the user's: it runs when the name is used, like any program that one starts.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import partial, reduce
from importlib import import_module
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from phoropter.core.errors import UsageError, nearest

_OBJECTS = "python"
_PLAIN = (str, int, float, bool, bytes, tuple, type(None))
_handed_over: dict[str, Any] = {}


def is_reference(name: str) -> bool:
    """Whether a name says where a part is, rather than what it is registered as.

    What ends in a parenthesis says what it is about, such as a metric of one class.

    >>> is_reference("my_nets.py:Net"), is_reference("resnet18"), is_reference("recall(a:b)")
    (True, False, False)
    """
    return ":" in name and not name.endswith(")")


def resolve(reference: str) -> Any:
    """The object behind a reference; its module is imported, which runs its code.

    >>> resolve("math:pi")
    3.141592653589793

    Raises:
        UsageError: If there is no such file, module or name, or importing it fails.
    """
    place, _, name = reference.rpartition(":")
    if place == _OBJECTS:
        if name not in _handed_over:
            raise UsageError(
                f"{reference!r} was handed over by another program, and is not here.",
                hint="Put it into a file, and name it as file.py:name.",
            )
        return _handed_over[name]
    module = _module_of_file(_file(place), reference) if _is_file(place) else _module(reference)
    try:
        return reduce(getattr, name.split("."), module)
    except AttributeError as error:
        public = [item for item in vars(module) if not item.startswith("_")]
        raise UsageError(
            f"There is no {name!r} in {place!r}.", hint=nearest(name, public)
        ) from error


def source_digest(reference: str) -> str:
    """A hash of the source behind a reference, 16 hexadecimal digits; nothing is run.

    Of a file: its content and that of the files beside it that it imports. Of a module: every
    Python file of its package. Of an object: its source, and what it holds if it is a network.

    Raises:
        UsageError: If there is no such file, module or object.
    """
    place, _, _ = reference.rpartition(":")
    whole = hashlib.sha256()
    if place == _OBJECTS:
        whole.update(_content(resolve(reference)))
    else:
        files = _with_neighbours(_file(place)) if _is_file(place) else _package(reference)
        for path in files:
            whole.update(path.name.encode() + b"\0" + path.read_bytes())
    return whole.hexdigest()[:16]


def reference_to(part: object) -> str:
    """A reference to an object of the running program, by which a recipe can name it.

    Functions and classes of importable modules get one that other programs understand too.

    >>> import math
    >>> reference_to(math.sqrt)
    'math:sqrt'
    """
    own = getattr(part, "__qualname__", None) or getattr(part, "name", None)
    name = own if isinstance(own, str) else type(part).__qualname__
    module = sys.modules.get(getattr(part, "__module__", "") or "")
    if module is not None and module.__name__ != "__main__" and _found(module, name) is part:
        return f"{module.__name__}:{name}"
    name = name.replace("<locals>.", "").replace("<lambda>", "lambda")
    if _handed_over.get(name, part) is not part:
        name = f"{name}-{hashlib.sha256(_content(part)).hexdigest()[:8]}"
    _handed_over[name] = part
    return f"{_OBJECTS}:{name}"


def _found(module: ModuleType, name: str) -> Any:
    try:
        return reduce(getattr, name.split("."), module)
    except AttributeError:
        return None


def _is_file(place: str) -> bool:
    return place.endswith(".py")


def _file(place: str) -> Path:
    path = Path(place).expanduser()
    if not path.is_file():
        raise UsageError(
            f"There is no file {place!r} in {str(Path.cwd())!r}.",
            hint="Name it from where you stand, or with its whole path.",
        )
    return path.resolve()


def _module_of_file(path: Path, reference: str) -> ModuleType:
    """The file as a module of its own name; the same content is run only once."""
    digest = hashlib.sha256(str(path).encode() + path.read_bytes()).hexdigest()[:12]
    name = f"phoropter_own_{path.stem}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    _seen_from(path.parent)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{str(path)!r} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        _told(reference, lambda: spec.loader.exec_module(module))  # type: ignore[union-attr]
    except UsageError:
        del sys.modules[name]
        raise
    return module


def _module(reference: str) -> ModuleType:
    _seen_from(Path.cwd())
    place = reference.rpartition(":")[0]
    module: ModuleType = _told(reference, lambda: import_module(place))
    return module


def _told(reference: str, load: Callable[[], Any]) -> Any:
    try:
        return load()
    except Exception as error:  # it is not our code that fails here
        reason = (str(error).splitlines() or [""])[0]
        raise UsageError(
            f"{reference!r} cannot be imported: {type(error).__name__}: {reason}.",
            hint="--debug shows where.",
        ) from error


def _seen_from(folder: Path) -> None:
    """Lets modules beside the file be imported, after everything that is installed."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _with_neighbours(path: Path) -> list[Path]:
    """The file and those files beside it that it imports, theirs too, in a fixed order."""
    found, waiting = {path}, [path]
    while waiting:
        for neighbour in _imported(waiting.pop()):
            if neighbour not in found:
                found.add(neighbour)
                waiting.append(neighbour)
    return [path, *sorted(found - {path})]


def _imported(path: Path) -> Iterator[Path]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return  # importing it will tell
    for node in ast.walk(tree):
        names = [item.name for item in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        for name in names:
            neighbour = path.parent.joinpath(*name.split("."))
            for candidate in (neighbour.with_suffix(".py"), neighbour / "__init__.py"):
                if candidate.is_file():
                    yield candidate


def _package(reference: str) -> list[Path]:
    _seen_from(Path.cwd())
    top = reference.rpartition(":")[0].partition(".")[0]
    spec = importlib.util.find_spec(top) if top.isidentifier() else None
    if spec is None:
        raise UsageError(
            f"There is no module {top!r} to be imported for {reference!r}.",
            hint="Name a file (file.py:name), or an installed package (package.module:name).",
        )
    if spec.submodule_search_locations:
        root = Path(spec.submodule_search_locations[0])
        return sorted(root.rglob("*.py"))
    origin = Path(spec.origin) if spec.origin else None
    return _with_neighbours(origin) if origin is not None and origin.is_file() else []


def _content(part: Any) -> bytes:
    """What an object is: the source of its code, and the numbers it holds."""
    if is_dataclass(part) and not inspect.isclass(part):
        return b"".join(_held(getattr(part, item.name)) for item in fields(part))
    if isinstance(part, partial):
        return _content(part.func) + repr((part.args, part.keywords)).encode()
    code = part if inspect.isroutine(part) or inspect.isclass(part) else type(part)
    try:
        text = inspect.getsource(code).encode()
    except (OSError, TypeError):  # typed in, without a file
        text = b"".join(_compiled(code))
    for cell in getattr(part, "__closure__", None) or ():  # what the function took along
        text += _held(cell.cell_contents)
    if hasattr(part, "state_dict") and not inspect.isclass(part):
        text += repr(part).encode()
        for name, value in part.state_dict().items():
            text += name.encode() + value.detach().cpu().numpy().tobytes()
    return text


def _held(value: Any) -> bytes:
    return repr(value).encode() if isinstance(value, _PLAIN) else _content(value)


def _compiled(part: Any) -> Iterator[bytes]:
    if isinstance(part, CodeType):
        yield part.co_code + repr(part.co_names).encode()
        for constant in part.co_consts:
            if isinstance(constant, CodeType):
                yield from _compiled(constant)
            else:
                yield repr(constant).encode()
    elif inspect.isclass(part):
        yield part.__qualname__.encode()
        for member in vars(part).values():
            if inspect.isfunction(member):
                yield from _compiled(member.__code__)
    elif hasattr(part, "__code__"):
        yield from _compiled(part.__code__)
