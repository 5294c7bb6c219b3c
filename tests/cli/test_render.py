import re
from dataclasses import replace

from phoropter.cli import layout, render, render_record
from phoropter.core.decoding import Decision, Decoding
from phoropter.core.records import Metric, Rejected
from phoropter.core.run_records import SliceScore
from phoropter.data.accounts import Ignored


def test_a_look_lists_classes_rejections_and_findings(samples):
    lines = render.look(samples.LOOK).splitlines()
    assert "dog  7" in lines
    assert "  x0.jpg: truncated" in lines
    assert "  and 2 more (see --json)" in lines
    assert "warning: overfit: The validation loss rises after epoch 4." in lines


def test_a_conversion_says_what_was_not_carried(samples):
    lines = render.conversion(samples.BY_COMMAND["convert"]).splitlines()
    assert lines[1] == "as yolo: 3 images (2 linked, 1 copied), 5 objects, 1 classes"
    assert lines[2:5] == ["not carried:", "  2 crowds: left out", "  licences: not read"]
    assert "  a.json: no 'area' (annotation 3)" in lines


def test_faults_in_annotation_files_are_no_lost_samples(samples):
    fault = Rejected("a.json", "no 'area'", "annotation")
    lines = render.look(replace(samples.LOOK, rejected=(fault,))).splitlines()
    assert "faults in annotation files (1):" in lines
    assert not any("files are no samples" in line for line in lines)


def test_the_files_of_a_folder_add_up_and_the_ignored_ones_are_shown(samples):
    counts = {"found": 1_305, "samples": 1_300, "sources": 1, "rejected": 0, "ignored": 4}
    ignored = (
        Ignored("hidden, or left by a system or a program", 3, ("a/.DS_Store", "b/.DS_Store")),
        Ignored("notes on the data", 1, ("README.md",)),
    )
    lines = render.look(replace(samples.LOOK, files=counts, ignored=ignored)).splitlines()
    at = lines.index("1,305 files: 1,300 images or masks, 1 read, 4 ignored")
    assert lines[at + 1 : at + 3] == [
        "  3 hidden, or left by a system or a program: a/.DS_Store, b/.DS_Store, ...",
        "  1 notes on the data: README.md",
    ]
    assert "files:" not in render.look(samples.LOOK)


def test_the_page_of_look_is_named_last(samples):
    text = render.look(replace(samples.LOOK, report="p.phoropter/look.html"))
    assert text.splitlines()[-1] == "report  p.phoropter/look.html"
    assert "report" not in render.look(samples.LOOK)


def test_a_prescription_can_be_pasted_back(samples):
    text = render.diagnosis(samples.BY_COMMAND["diagnose"])
    assert "--set train.lr=0.01 --set data.augment.flip=false: Learn slower." in text
    assert "limits: bias 0.1 [0.05, 0.15]" in text
    assert text.endswith("Label more.")
    assert "shift" not in text


def test_the_primary_metric_comes_first(samples):
    assert render.run(samples.RUN).startswith("accuracy")


def test_a_failed_file_keeps_its_row(samples):
    assert render.predictions(samples.BY_COMMAND["predict"]).splitlines() == [
        "a.png\tcat\t0.9877",
        "b.png\tnull\ttruncated",
    ]


def test_an_empty_table_has_no_lines():
    assert layout.table([]) == []


def test_a_single_proposal_is_told_in_the_singular(samples):
    one, two = (render.look(replace(samples.LOOK, proposed=count)) for count in (1, 2))
    assert "1 correction is proposed in" in one
    assert "2 corrections are proposed in" in two


def test_a_run_tells_what_is_named_and_where_it_is_weak(samples):
    decision = Decision("f2", "ill", 0.31)
    slices = (
        SliceScore("camera", "old", Metric("accuracy", 0.5, 0.3, 0.7, 20), 0.0123, weak=True),
        SliceScore("class", "ill", Metric("accuracy", 0.8, 0.6, 0.9, 30), 0.9, weak=False),
    )
    text = render.run(replace(samples.RUN, decoding=Decoding(1.7, decision), slices=slices))
    assert "probabilities at temperature 1.7" in text
    assert "named by the rule f2: ill from a probability of 0.31 on" in text
    assert re.search(r"camera old +0.5 +\[0.3, 0.7\] +n 20 +weak \(p = 0.012\)", text)
    assert re.search(r"class ill +0.8 +\[0.6, 0.9\] +n 30$", text, re.MULTILINE)
    costs = Decision("cost(a>b=2)", costs=((0.0, 2.0), (1.0, 0.0)))
    assert "the least expected cost" in render.run(
        replace(samples.RUN, decoding=Decoding(decision=costs))
    )
    assert "named by" not in render.run(samples.RUN)


def test_a_comparison_says_its_method_and_whether_the_two_are_equal(samples):
    plain = samples.BY_COMMAND["compare"]
    full = replace(plain, rope=0.05, equivalent=True, seed_spread=0.004, method="By a test.")
    assert render.comparison(full).splitlines()[2:] == [
        "accuracy spreads by 0.004 over seeds",
        "as good as equal: differences below 0.05 do not matter",
        "By a test.",
    ]
    other = replace(full, equivalent=False, seed_spread=None, note="Go on.")
    assert render.comparison(other).splitlines()[2:] == [
        "not shown to be as good as equal: differences below 0.05 do not matter",
        "By a test.",
        "Go on.",
    ]


def test_a_replay_says_where_the_numbers_part_and_why(samples):
    same = samples.BY_COMMAND["replay"]
    history, metrics = same.compared
    apart = replace(history, different=3, largest=0.25, first="pass 2")
    found = replace(same, identical=False, compared=(apart, metrics))
    assert render_record.replay(found).splitlines() == [
        "run a1b2 made again in 3.2 s: the numbers differ",
        "history  40  3 differ  first in pass 2, at most by 0.25",
        "metrics  8   0 differ",
        "Then the run was computed with torch 2.6, now with 2.7.",
    ]
    assert "same to the bit" in render_record.replay(same)


def test_a_checklist_says_what_each_tick_rests_on(samples):
    assert render_record.checklist(samples.BY_COMMAND["checklist"]).splitlines() == [
        "1 of 2 are done",
        "problem",
        "  [x] It is settled.",
        "      Two classes. (project.yaml)",
        "data",
        "  [ ] They were looked at.",
        "      to do: phoropter look digits",
    ]


def test_labels_that_a_variation_breaks_are_said(samples):
    lost = {"kind": "mirror", "class": "b", "becomes": "d", "taken": 9, "samples": 30}
    text = render.augment(replace(samples.BY_COMMAND["augment"], lost=(lost,)))
    assert "mirror turns 9 of 30 'b' into 'd'" in text.splitlines()
