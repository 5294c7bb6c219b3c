"""One small result of every kind."""

from phoropter.core.checklist import Checklist, Item
from phoropter.core.records import Comparison, Finding, Metric, ModelCard, Prescription, Rejected
from phoropter.core.run_records import RangePoint
from phoropter.data.writing import Lost
from phoropter.project import results
from phoropter.project.replay_result import Compared, ReplayResult

ACCURACY = Metric("accuracy", 0.954, 0.93, 0.972, 360)
UNDEFINED = Metric("roc_auc", float("nan"), float("nan"), float("inf"), 360)
FINDING = Finding(
    "overfit",
    "warning",
    0.9,
    "The validation loss rises after epoch 4.",
    {"gap": 0.2},
    (
        Prescription(
            {"train.lr": 0.01, "data.augment.flip": False}, "Learn slower.", 0.02, 1.0, "K9"
        ),
    ),
)
SCORES = results.Scores(ACCURACY, (ACCURACY, UNDEFINED))
STEP = results.Step(
    1, "overfit", {"train.lr": 0.01}, "Learn slower.", "a1", "b2", "accuracy", 0.012, 0.001, 0.02,
    "better", True, "It survives the correction.", 12.5,
)  # fmt: skip
RUN = results.RunResult(
    "a1b2", "p", 7, 70, 61.0, 900.0, "accuracy", (UNDEFINED, ACCURACY), "patience"
)
PROJECT = results.ProjectResult(
    project="p.phoropter",
    primary="accuracy",
    why_primary="The classes are balanced.",
    run="a1b2",
    baseline=SCORES,
    validation=SCORES,
    test=SCORES,
    test_parts={},
    steps=(STEP,),
    conclusion=("More data would help most.",),
    looks=3,
    openings=1,
    seconds=118.0,
    stopped_by="budget",
    bundle="p.phoropter/model",
    report="p.phoropter/report.html",
)
LOOK = results.LookResult(
    "p.phoropter", "image folders", "folders", "classification", 12, {"cat": 5, "dog": 7}, {},
    tuple(Rejected(f"x{index}.jpg", "truncated") for index in range(12)), (FINDING,), "handcrafted",
)  # fmt: skip
BY_COMMAND = {
    "run": PROJECT,
    "look": LOOK,
    "split": results.SplitResult("p", {"train": 8, "val": 2, "test": 2}, ("Stratified.",), "ab"),
    "train": RUN,
    "augment": results.AugmentResult(
        "p", "p/augment.html", 32, 3, ("a.png",), 7, {"preset": "light"}, 0.1, seen=False
    ),
    "lr_range": results.LrRangeResult(
        "p", 0.003, "steepest", 0.05, 1.2, 120, (RangePoint(1e-6, 2.3, 2.3),), "p/lr-range.html"
    ),
    "evaluate": RUN,
    "diagnose": results.DiagnoseResult(
        "a1",
        (FINDING,),
        {"bias": 0.1, "shift": None},
        (Metric("bias", 0.1, 0.05, 0.15, 90),),
        plan=("Label more.",),
    ),
    "improve": PROJECT,
    "compare": Comparison("a1", "b2", "accuracy", -0.01, -0.03, 0.01, 0.2, 4, "undecided"),
    "test": results.TestResult("p", "a1", ACCURACY, (ACCURACY,), {"night": SCORES}, 2),
    "predict": [
        {"path": "a.png", "prediction": "cat", "probability": 0.98765, "probabilities": {}},
        {"path": "b.png", "prediction": None, "error": "truncated"},
    ],
    "export": results.ExportResult("a1", "p/model", ("model.onnx",), 8, 1e-7),
    "report": results.ReportResult("p", "p/report.html"),
    "convert": results.ConvertResult(
        "new",
        "COCO detection, 1 class, 3 images",
        "coco",
        "yolo",
        3,
        5,
        ("cat",),
        2,
        1,
        (Lost("crowds", 2, "left out"), Lost("licences", 0, "not read")),
        (Rejected("a.json", "no 'area' (annotation 3)", "annotation"),),
    ),
    "replay": ReplayResult(
        "a1b2",
        "p",
        True,
        (Compared("history", 40, 0, 0.0, ""), Compared("metrics", 8, 0, 0.0, "")),
        {"torch": ("2.6", "2.7")},
        ("Then the run was computed with torch 2.6, now with 2.7.",),
        3.2,
    ),
    "checklist": Checklist(
        "p",
        1,
        (
            Item("problem", "It is settled.", True, "Two classes.", "project.yaml"),
            Item("data", "They were looked at.", False, "", "", "phoropter look digits"),
        ),
    ),
    "models": (ModelCard("cnn", "network", ("classification",), parameters=1234567),),
    "doctor": results.DoctorResult(
        "3.11.7", "0.1.0", "2.6", "cpu", 2, 2, 24.0, 50.0, {"lite0": True}, {"export": False}, "/c"
    ),
}
WORDS = {
    "run": ["digits"],
    "look": ["digits"],
    "convert": ["photos", "new", "--to", "yolo"],
    "split": ["digits"],
    "train": ["digits"],
    "lr_range": ["digits"],
    "augment": ["digits"],
    "evaluate": ["a1"],
    "diagnose": ["a1"],
    "improve": ["p"],
    "compare": ["a1", "b2"],
    "test": ["p"],
    "predict": ["p/model", "a.png", "b.png"],
    "export": ["a1"],
    "report": ["p"],
    "replay": ["a1"],
    "checklist": ["p"],
    "models": [],
    "doctor": [],
}
