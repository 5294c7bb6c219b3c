import phoropter
from phoropter.core.checklist import STAGES
from phoropter.project.notebook import Notebook

SMALL = {
    "model.name": "cnn",
    "model.width": 8,
    "model.depth": 1,
    "model.pretrained": False,
    "data.size": 8,
    "data.channels": 1,
    "train.epochs": 12,
}


def items(project):
    found = phoropter.checklist(project)
    assert found.ticked == sum(item.done for item in found.items)
    assert list(dict.fromkeys(item.stage for item in found.items)) == list(STAGES)
    for item in found.items:
        assert item.done == (item.todo == "")
        assert not item.done or (item.evidence and item.rests_on), item
    return {item.what: item for item in found.items}


def by_start(found, start):
    (item,) = (item for what, item in found.items() if what.startswith(start))
    return item


def test_each_stage_ticks_its_own_and_names_what_it_rests_on(tmp_path, write_digits):
    data, project = write_digits(tmp_path / "digits", each=60), tmp_path / "p"
    phoropter.split(data, project=project)
    found = items(project)
    assert {item.what for item in found.values() if item.done} == {
        "It is settled what is to be predicted.",
        "One metric decides, and there is a reason for it.",
        "Validation and test samples are kept apart from training.",
    }
    looked = by_start(found, "The data have been looked at")
    assert looked.todo == f"phoropter look {data} --project {project}"

    phoropter.look(data, project=project)
    assert by_start(items(project), "The data have been looked at").rests_on == "data/issues.csv"
    notebook = Notebook(project / "notebook.sqlite")
    notebook.record_findings(
        "data", [], left_out=["label-errors", "outliers"]
    )  # as of a look cut short
    notebook.close()
    looked = by_start(items(project), "The data have been looked at")
    assert looked.evidence.endswith(" Not looked for: label-errors, outliers.")
    assert looked.todo == f"phoropter look {data} --project {project}"
    phoropter.look(data, project=project)
    assert by_start(items(project), "The data have been looked at").done

    run = phoropter.train(data, project=project, settings=SMALL).run
    gates = by_start(items(project), "The set-up passed")
    assert gates.done
    assert gates.rests_on == f"{run}/gates.json"
    again = by_start(items(project), "The chosen run was made again")
    assert again.todo == f"phoropter replay {run} --project {project}"

    phoropter.replay(run, project=project)
    assert by_start(items(project), "The chosen run was made again").done

    sealed = by_start(items(project), "The sealed test part")
    assert sealed.todo == f"phoropter test {project}"
    phoropter.test(project)
    assert by_start(items(project), "The sealed test part").evidence == "Opened once."
    phoropter.test(project)
    twice = by_start(items(project), "The sealed test part")
    assert not twice.done
    assert twice.evidence == "Opened 2 times."
