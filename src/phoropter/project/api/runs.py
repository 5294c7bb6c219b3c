"""Commands on what a project has made: its runs, its report, its bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phoropter.core.errors import UsageError
from phoropter.core.events import Listener, silent
from phoropter.project.options import Place

if TYPE_CHECKING:
    from phoropter.core.checklist import Checklist
    from phoropter.core.records import Comparison
    from phoropter.project.replay_result import ReplayResult
    from phoropter.project.results import (
        DiagnoseResult,
        ExportResult,
        ReportResult,
        RunResult,
        TestResult,
    )


def evaluate(
    run: Place, *, project: Place | None = None, epoch: int | None = None, by: Sequence[str] = ()
) -> RunResult:
    """The metrics of a run, of its best pass or of `epoch`, on the validation part.

    `by` names properties to slice the results by: "class", "size", "brightness", "contrast",
    "sharpness", "format", "mode", any column of the data's table, or "all".

    Raises:
        PhoropterError: If there is no such run or property, or the pass was not kept.
    """
    if epoch is not None:
        from phoropter.project.single import evaluate_pass

        return evaluate_pass(run, project, epoch, by=by)
    from phoropter.project.judging import evaluate_run

    return evaluate_run(run, project, by=by)


def diagnose(
    run: Place | None = None,
    *,
    project: Place | None = None,
    curves: Place | Mapping[str, Sequence[float]] | None = None,
    human: str | None = None,
    collect: bool = False,
    lang: str = "en",
    listener: Listener = silent,
) -> DiagnoseResult:
    """The findings of a run, of a watched loop's folder, or of learning curves, with prescriptions.

    `curves` is a CSV, a folder or file of TensorBoard's, a JSON file or the dictionary of Keras'
    history, or the Hugging Face Trainer's `trainer_state.json`.

    `human` is how often people err ("0.02", "3/150"); `collect` trains on parts of the data first,
    to tell what more data would bring. Both are for runs of a project. `lang` ("en", "ko") is that
    of the page of curves that is written beside a watched loop.

    Raises:
        PhoropterError: If there is no such run or file.
    """
    from phoropter.project.foreign import diagnose_curves, diagnose_watched
    from phoropter.project.judging import diagnose_run
    from phoropter.watching.folder import is_watched

    if curves is not None:
        _check_foreign("Learning curves", human=human, collect=collect)
        return diagnose_curves(curves if isinstance(curves, Mapping) else Path(curves))
    if run and is_watched(Path(run)):
        _check_foreign(f"The watched loop {str(run)!r}", human=human, collect=collect)
        return diagnose_watched(Path(run), lang=lang)
    return diagnose_run(run or "", project, human=human, collect=collect, listener=listener)


def _check_foreign(what: str, *, human: str | None, collect: bool) -> None:
    """Refuses what only a run of a project can be asked."""
    asked = [f"--human {human}"] if human is not None else []
    asked += ["--collect"] if collect else []
    if asked:
        raise UsageError(
            f"{what} cannot be diagnosed with {' and '.join(asked)}.",
            hint="--human and --collect are for runs of a project.",
        )


def compare(
    a: Place,
    b: Place,
    *,
    project: Place | None = None,
    over: str = "samples",
    rope: float | None = None,
    listener: Listener = silent,
) -> Comparison:
    """The paired verdict on run `b` against run `a`; counts as a look at the validation part.

    `over` is what it is about: "samples" (these two models), "seeds", "seeds=N" or "folds=K" (their
    recipes, each trained again). Differences smaller than `rope` do not matter: `equivalent` then
    says whether the two are as good as equal.

    Raises:
        PhoropterError: If the runs cannot be compared.
    """
    from phoropter.project.judging import compare_runs

    return compare_runs(a, b, project, over=over, rope=rope, listener=listener)


def replay(
    run: Place, *, project: Place | None = None, listener: Listener = silent
) -> ReplayResult:
    """Makes a finished run again from its record and compares them number by number.

    Raises:
        PhoropterError: If there is no such run, or its data are gone or are other samples.
    """
    from phoropter.project.replaying import replay_run

    return replay_run(run, project, listener=listener)


def test(project: Place, *, run: Place | None = None, listener: Listener = silent) -> TestResult:
    """Opens the seal for the project's chosen run, or for `run`; the opening is recorded.

    Raises:
        PhoropterError: If the project has no run.
    """
    from phoropter.project.single import open_seal_of

    return open_seal_of(project, run, listener=listener)


def predict(
    bundle: Place, files: Sequence[Place], *, listener: Listener = silent
) -> list[dict[str, Any]]:
    """One row a file: what the bundle's model says of it.

    Raises:
        PhoropterError: If the bundle cannot be loaded or no file is found.
    """
    from phoropter.bundle.load import load

    return load(Path(bundle)).predict(files, listener=listener)


def export(
    run: Place, *, project: Place | None = None, to: Place | None = None, epoch: int | None = None
) -> ExportResult:
    """Writes a run's best pass, or `epoch`, as a bundle, checked on real samples.

    Raises:
        PhoropterError: If the copy does not agree with the original, or the pass was not kept.
    """
    from phoropter.project.single import export_run

    return export_run(run, project, to, epoch)


def checklist(project: Place | None = None) -> Checklist:
    """What a sound project has done, and what of it the project's records show.

    Raises:
        PhoropterError: If the folder is no project.
    """
    from phoropter.project.single import checklist_of

    return checklist_of(project)


def report(
    project: Place | None = None, *, lang: str = "en", listener: Listener = silent
) -> ReportResult:
    """Writes the project's page anew from its records, in English ("en") or Korean ("ko").

    Raises:
        PhoropterError: If the folder is no project.
    """
    from phoropter.project.single import report_on

    return report_on(project, lang=lang, listener=listener)
