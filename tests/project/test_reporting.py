"""The page of a project whose runs are not all as they were."""

import re
import time

import phoropter
from phoropter.core.events import Note
from phoropter.core.recipe import Recipe
from phoropter.project.bench import ProjectBench
from phoropter.project.opened import started
from phoropter.project.options import Options
from phoropter.project.outcome import Outcome
from phoropter.project.reporting import write_project_report
from phoropter.project.yardsticks import chosen_among

MLP = Recipe().changed(
    {"data.size": 8, "data.channels": 1, "model.name": "mlp", "model.pretrained": False}
)


def test_a_run_that_was_stopped_while_it_went_on_is_left_out_and_told(write_digits, tmp_path):
    options = Options(write_digits(tmp_path / "d", each=20), tmp_path / "p.phoropter")
    notes = []
    with started(options, listener=notes.append) as project:
        problem = project.problem()
        bench = ProjectBench(project, problem, lambda: 60.0, time.monotonic())
        cut = bench.run(MLP, role="single")
        final = bench.run(MLP.changed({"model.name": "logistic"}), role="single")
        assert cut.cut
        history = bench.of(cut).path / "history.jsonl"
        history.write_text(history.read_text("utf-8") * 2, "utf-8")
        chosen = bench.of(final)
        assert chosen_among(chosen, project.folder, project.notebook)[0] == 2
        outcome = Outcome(chosen, {}, None, {})
        page = write_project_report(project, problem, outcome, bundle="", seconds=1.0)
    shown = re.findall(r'<th scope="row"><code>(\w{8})</code>', page.read_text("utf-8"))
    assert shown == [final.run[:8]]
    anew = []
    phoropter.report(options.project, listener=anew.append)
    for told in (notes, anew):
        texts = [note.text for note in told if isinstance(note, Note)]
        assert any(text.startswith("Left out of the report: ") for text in texts)
