"""The folder of a project: where everything lies, and the lock that keeps others out."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import yaml
from filelock import FileLock, Timeout

from phoropter.core.errors import CorruptFileError, InputError, ProjectBusyError, UsageError
from phoropter.core.files import PARTIAL, REPLACED, storage_errors, write_text
from phoropter.data.images import PROJECT_SUFFIX

_DEFAULTS = {"groups": "found"}
"""What a setting is where it was not said."""

_UNLOCKED = (".findings.json.",)
_UNLOCKED_S = 60.0
"""Files that commands write without the lock, and how long that surely takes at most."""


_OF_THE_SPLIT = ("groups", "ratios", "time")
"""Settings that only the split depends on."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a project was started with (`project.yaml`).

    Args:
        data: The data's path, absolute, or a built-in name.
        task: The task, or None to follow the data.
        target: The target column, or None where there is only one.
        metric: The primary metric, or None to choose by the data.
        seed: The seed of the split and of the first recipe.
        layout: The reader, or None to follow the data.
        groups: What the split keeps together besides declared groups and copies: "found", "none"
            or a column; None where not said, which is "found".
        ratios: Shares of train, val and test ("6:2:2"), or None to choose by size.
        time: What the split follows from past to future: "found", "order" or a column; None for a
            split that does not.
    """

    data: str
    task: str | None = None
    target: str | None = None
    metric: str | None = None
    seed: int = 0
    layout: str | None = None
    groups: str | None = None
    ratios: str | None = None
    time: str | None = None


@dataclass(frozen=True, slots=True)
class Folder:
    """The places inside a project folder."""

    path: Path

    @property
    def settings(self) -> Path:
        """What the project was started with."""
        return self.path / "project.yaml"

    @property
    def notebook(self) -> Path:
        """The record of everything that happened."""
        return self.path / "notebook.sqlite"

    @property
    def ending(self) -> Path:
        """Why the loop last ended, and what it left out."""
        return self.path / "ending.json"

    @property
    def index(self) -> Path:
        """One row a sample."""
        return self.path / "data" / "index.parquet"

    @property
    def split(self) -> Path:
        """Which sample belongs to which part."""
        return self.path / "data" / "split.parquet"

    @property
    def issues(self) -> Path:
        """Proposed corrections, and which of them the user accepts."""
        return self.path / "data" / "issues.csv"

    @property
    def folds(self) -> Path:
        """In which fold each sample is held out."""
        return self.path / "data" / "folds.parquet"

    @property
    def cache(self) -> Path:
        """Decoded images and features; may be deleted at any time."""
        return self.path / "data" / "cache"

    @property
    def runs(self) -> Path:
        """One folder a run."""
        return self.path / "runs"

    @property
    def report(self) -> Path:
        """The page."""
        return self.path / "report.html"

    @property
    def look_page(self) -> Path:
        """The page of `look`."""
        return self.path / "look.html"

    @property
    def bundle(self) -> Path:
        """The model that is handed over."""
        return self.path / "model"


def folder_for(data: str, project: str | Path | None) -> Folder:
    """The folder of the project on `data`: the one named, or NAME.phoropter where we stand."""
    if project is not None:
        return Folder(Path(project).expanduser().resolve())
    name = Path(data).expanduser().resolve().name if Path(data).exists() else data
    stem = Path(name).stem if Path(data).is_file() else name
    return Folder(Path.cwd() / f"{stem or 'project'}{PROJECT_SUFFIX}")


def start(folder: Folder, settings: Settings) -> Settings:
    """Writes the settings of a new project, or returns those of one that exists.

    Raises:
        UsageError: If the project exists with other data, task, target, metric or layout, or has
            been split in another way.
    """
    kept = agreed(folder, settings)
    if not folder.settings.exists() or kept != read_settings(folder):
        write_text(folder.settings, yaml.safe_dump(asdict(kept), sort_keys=False))
    return kept


def agreed(folder: Folder, settings: Settings) -> Settings:
    """The settings that hold where these are asked for: those of the project, if there is one.

    How the data are divided may be said anew until they have been divided.

    Raises:
        UsageError: As `start`.
    """
    if not folder.settings.exists():
        return settings
    kept = read_settings(folder)
    if not folder.split.exists():
        said = {name: getattr(settings, name) or getattr(kept, name) for name in _OF_THE_SPLIT}
        kept = replace(kept, **said)
    for field in ("data", "task", "target", "metric", "layout", *_OF_THE_SPLIT):
        asked, has = getattr(settings, field), getattr(kept, field) or _DEFAULTS.get(field)
        if asked is not None and asked != has:
            raise UsageError(
                f"The project {str(folder.path)!r} was started with {field} {has!r}, "
                f"got {asked!r}.",
                hint="Choose another folder with --project DIR.",
            )
    return kept


def read_settings(folder: Folder) -> Settings:
    """The settings of an existing project.

    Raises:
        InputError: If the folder is no project.
        CorruptFileError: If its settings cannot be read.
    """
    if not folder.settings.exists():
        raise InputError(
            f"{str(folder.path)!r} is no project: it has no project.yaml.",
            hint="Start one with: phoropter run DATA --project DIR",
        )
    try:
        return _checked(Settings(**yaml.safe_load(folder.settings.read_text(encoding="utf-8"))))
    except (yaml.YAMLError, TypeError, UnicodeDecodeError) as error:
        raise CorruptFileError(
            f"{str(folder.settings)!r} is damaged: {' '.join(str(error).split())}.",
            hint="Restore it, or start a new project with --project DIR.",
        ) from error


def _checked(settings: Settings) -> Settings:
    for name, value in asdict(settings).items():
        wanted = int if name == "seed" else str
        if type(value) is not wanted and (value is not None or name in {"data", "seed"}):
            message = f"{name} is {value!r}"
            raise TypeError(message)
    return settings


@contextmanager
def locked(folder: Folder) -> Iterator[None]:
    """Holds the project for writing; the lock dies with its process.

    Raises:
        ProjectBusyError: If another process holds it.
    """
    with storage_errors(folder.path):
        folder.path.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.path / ".lock", timeout=0)
    try:
        with storage_errors(folder.path / ".lock"):
            lock.acquire()
    except Timeout as error:
        raise ProjectBusyError(
            f"Another process is working on {str(folder.path)!r}.",
            hint="Wait for it, or choose another folder with --project DIR.",
        ) from error
    try:
        _sweep(folder)
        yield
    finally:
        lock.release()


def _sweep(folder: Folder) -> None:
    """Removes the halves of files that killed processes left behind; they may be large.

    Spared are those that another command may be writing right now, without the lock.
    """
    for half in list(folder.path.rglob(f".*{PARTIAL}")):
        if half.is_dir():
            _sweep_bundle(half, folder.bundle)
        elif not (half.name.startswith(_UNLOCKED) and _is_young(half)):
            half.unlink(missing_ok=True)


def _is_young(half: Path) -> bool:
    try:
        return time.time() - half.stat().st_mtime < _UNLOCKED_S
    except FileNotFoundError:  # it was just finished
        return True


def _sweep_bundle(half: Path, bundle: Path) -> None:
    """Removes half a bundle; the one that was to be replaced by it comes back, if it is gone."""
    before = half / REPLACED
    if before.exists() and half.name.startswith(f".{bundle.name}.") and not bundle.exists():
        before.rename(bundle)
    shutil.rmtree(half, ignore_errors=True)


def project_of(project: str | Path | None) -> Folder:
    """The project named, or the only one where we stand.

    Raises:
        UsageError: If there is none, or more than one to choose from.
    """
    if project is not None:
        return Folder(Path(project).expanduser().resolve())
    found = sorted(item for item in Path.cwd().glob(f"*{PROJECT_SUFFIX}") if item.is_dir())
    if len(found) == 1:
        return Folder(found[0])
    what = "is none" if not found else f"are {len(found)}: {', '.join(p.name for p in found)}"
    raise UsageError(
        f"Which project? In {os.fspath(Path.cwd())!r} there {what}.", hint="Say --project DIR."
    )


def run_folder(run: str | Path, project: str | Path | None) -> tuple[Folder, Path]:
    """The project and folder of a run, given its path or the beginning of its identifier.

    Raises:
        UsageError: If no run, or more than one, answers to that name.
    """
    path = Path(run).expanduser()
    if (path / "run.json").exists():
        path = path.resolve()
        return Folder(path.parent.parent), path
    folder = project_of(project)
    known = sorted(item.parent for item in folder.runs.glob("*/run.json"))
    matching = [item for item in known if item.name.startswith(str(run))]
    if len(matching) == 1:
        return folder, matching[0]
    what = "No run" if not matching else f"{len(matching)} runs"
    names = ", ".join(item.name for item in (matching or known)) or "none"
    raise UsageError(f"{what} of {str(folder.path)!r} called {str(run)!r}.", hint=f"Runs: {names}.")
