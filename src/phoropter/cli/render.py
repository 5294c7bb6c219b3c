"""Results as short text for people; no numbers are computed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from phoropter.cli.duration import spoken
from phoropter.cli.layout import cells, joined, metric, number, signed, table
from phoropter.core.change import settings

if TYPE_CHECKING:
    from phoropter.core.decoding import Decoding
    from phoropter.core.records import (
        Comparison,
        Finding,
        Measurement,
        Metric,
        ModelCard,
        Prescription,
        Rejected,
    )
    from phoropter.core.run_records import SliceScore
    from phoropter.project.results import (
        AugmentResult,
        ConvertResult,
        DiagnoseResult,
        DoctorResult,
        ExportResult,
        LookResult,
        LrRangeResult,
        ProjectResult,
        ReportResult,
        RunResult,
        SplitResult,
        Step,
        TestResult,
    )

SHOWN = 10


def look(result: LookResult) -> str:
    """The answer of `phoropter look`."""
    lines = [result.description, f"task {result.task}, {result.samples} usable samples"]
    lines += table([(name, str(count)) for name, count in result.classes.items()])
    lines += [
        f"{name}: {', '.join(f'{key} {number(value)}' for key, value in facts.items())}"
        for name, facts in result.targets.items()
    ]
    lines += _files(result)
    what = "files" if result.modality == "image" else "rows or files"
    lost = [item for item in result.rejected if item.kind != "annotation"]
    lines += _rejected(lost, f"{len(lost)} {what} are no samples")
    remarks = [item for item in result.rejected if item.kind == "annotation"]
    lines += _rejected(remarks, f"faults in annotation files ({len(remarks)})")
    lines += _findings(result.findings, nothing="Nothing wrong was found.")
    if result.proposed == 1:
        lines.append(
            f"1 correction is proposed in {result.issues}: write y under accept if you want it; "
            "it is carried out when the project is used next."
        )
    elif result.proposed:
        lines.append(
            f"{result.proposed} corrections are proposed in {result.issues}: write y under accept "
            "for those you want; they are carried out when the project is used next."
        )
    lines.append(f"project {result.project}")
    return joined(lines, [f"report  {result.report}"] if result.report else [])


_FILE_WORDS = {"samples": "images or masks", "sources": "read"}


def _files(result: LookResult) -> list[str]:
    """What became of the files of a folder, and which were ignored."""
    if not result.files:
        return []
    counts = dict(result.files)
    found = counts.pop("found")
    said = ", ".join(
        f"{count:,} {_FILE_WORDS.get(name, name)}" for name, count in counts.items() if count
    )
    return [
        f"{found:,} files: {said}",
        *(
            f"  {item.count:,} {item.reason}: {', '.join(item.examples)}"
            f"{', ...' if item.count > len(item.examples) else ''}"
            for item in result.ignored
        ),
    ]


def conversion(result: ConvertResult) -> str:
    """The answer of `phoropter convert`."""
    images = f"{result.samples:,} images ({result.linked:,} linked, {result.copied:,} copied)"
    content = f"{images}, {result.objects:,} objects, {len(result.classes)} classes"
    lines = [result.description, f"as {result.to}: {content}"]
    if result.lost:
        lines.append("not carried:")
        lines += [
            f"  {f'{item.count:,} ' if item.count else ''}{item.what}: {item.why}"
            for item in result.lost
        ]
    lines += _rejected(result.rejected, f"left out or odd in the source ({len(result.rejected)})")
    return joined(lines, f"folder {result.folder}")


def split(result: SplitResult) -> str:
    """The answer of `phoropter split`."""
    lines = table([(name, str(count)) for name, count in result.parts.items()])
    if result.folds:
        shown = ", ".join(map(str, result.folds[:SHOWN]))
        lines.append(f"folds  {shown}{', ...' if len(result.folds) > SHOWN else ''}")
    return joined(lines, *result.reasons, f"project {result.project}")


def run(result: RunResult) -> str:
    """The answer of `phoropter train` and `phoropter evaluate`."""
    speed = f", {result.samples_per_second:.0f} samples/s" if result.samples_per_second else ""
    return joined(
        _metrics(result.metrics, primary=result.primary),
        f"{result.epochs} epochs, {result.steps} steps in {spoken(result.seconds)}{speed} "
        f"({result.stopped_by})",
        _decoding(result.decoding),
        _slices(result.slices),
        f"run {result.run} of {result.project}",
        _kept(result) if len(result.kept) > 1 else [],
        [f"learning curves {result.curves}"] if result.curves else [],
    )


def _kept(result: RunResult) -> list[str]:
    """The passes to choose from, and which one the metrics are of."""
    passes = (
        f"{one.epoch} ({'not finite' if one.val_loss is None else f'{one.val_loss:.4f}'})"
        for one in result.kept
    )
    return [f"kept passes (validation loss): {', '.join(passes)}; measured: pass {result.epoch}"]


def _decoding(decoding: Decoding) -> list[str]:
    """What follows the network, where anything does."""
    lines = []
    if decoding.temperature != 1.0:
        lines.append(f"probabilities at temperature {number(decoding.temperature)}")
    if (decision := decoding.decision) is not None:
        how = "the least expected cost"
        if decision.threshold is not None:
            how = f"{decision.positive} from a probability of {number(decision.threshold)} on"
        lines.append(f"named by the rule {decision.rule}: {how}")
    return lines


def _slices(slices: Sequence[SliceScore]) -> list[str]:
    return table(
        (
            f"{item.column} {item.value}",
            *cells(item.metric),
            f"weak (p = {item.p_value:.2g})" if item.weak else "",
        )
        for item in slices
    )


def lr_range(result: LrRangeResult) -> str:
    """The answer of `phoropter lr-range`."""
    found = "The loss hardly fell at any rate; there is nothing to suggest."
    if result.suggestion is not None:
        found = f"try --set train.lr={result.suggestion:.2g}"
    return joined(
        found,
        result.rule,
        f"lowest at {result.lowest_at:.2g}, ended at {result.ended_at:.2g} "
        f"after {result.steps} steps",
        f"page {result.page}",
    )


def augment(result: AugmentResult) -> str:
    """The answer of `phoropter augment`."""
    size, count = result.size, len(result.samples)
    unseen = "The recipe's model is frozen or classic, and sees none of the variation."
    return joined(
        f"{count} images of {size} x {size} x {result.channels}, {result.draws} draws of each",
        f"a pixel changes by {number(result.change)} of its range on average",
        [] if result.seen else [unseen],
        [
            f"{item['kind']} turns {item['taken']} of {item['samples']} '{item['class']}' into "
            f"'{item['becomes']}'"
            for item in result.lost
        ],
        f"page {result.page}",
    )


def diagnosis(result: DiagnoseResult) -> str:
    """The answer of `phoropter diagnose`."""
    lines = [f"run {result.run}"] if result.run else []
    lines += _findings(result.findings, nothing="Nothing is wrong with this run.")
    if any(part.name != "noise_floor" for part in result.budget):
        parts = (
            f"{part.name} {number(part.value)} [{number(part.low)}, {number(part.high)}]"
            for part in result.budget
        )
        lines.append("limits: " + ", ".join(parts))
    return joined(lines, result.plan, _unjudged(result.unjudged))


def _unjudged(codes: Mapping[str, str]) -> list[str]:
    """What could not be judged, by the record that is missing."""
    missing: dict[str, list[str]] = {}
    for code, record in codes.items():
        missing.setdefault(record, []).append(code)
    return [f"not judged: {', '.join(names)}: needs {record}" for record, names in missing.items()]


def project(result: ProjectResult) -> str:
    """The answer of `phoropter run` and `phoropter improve`."""
    why = result.why_primary
    lines = [why if why.startswith(result.primary) else f"{result.primary}: {why}"]
    lines += table(_step(step) for step in result.steps)
    lines += result.conclusion
    lines.append(f"{spoken(result.seconds)}, stopped by: {result.stopped_by}")
    times = "once" if result.openings == 1 else f"{result.openings} times"
    return joined(
        lines,
        f"baseline   {metric(result.baseline.primary)}",
        f"validation {metric(result.validation.primary)}, {result.looks} comparisons",
        f"test       {metric(result.test.primary)}, seal opened {times}",
        f"report     {result.report}",
        f"model      {result.bundle or 'none: see above what is missing'}",
    )


def comparison(result: Comparison) -> str:
    """The answer of `phoropter compare`."""
    return joined(
        f"{result.b} against {result.a}: {result.verdict}",
        f"{result.metric} {signed(result.delta)} "
        f"[{signed(result.low)}, {signed(result.high)}], p {result.p_value:.2g}, "
        f"look {result.looks} at this validation part",
        _equivalence(result),
        [line for line in (result.method, result.note) if line],
    )


def _equivalence(result: Comparison) -> list[str]:
    """What could be seen, how seeds spread, and whether the two are equal where that was asked."""
    lines = []
    if result.verdict == "undecided" and result.detectable is not None:
        lines.append(f"these samples would show a difference of {number(result.detectable)}")
    if result.seed_spread is not None:
        lines.append(f"{result.metric} spreads by {number(result.seed_spread)} over seeds")
    if result.rope is not None:
        word = "as good as equal" if result.equivalent else "not shown to be as good as equal"
        lines.append(f"{word}: differences below {number(result.rope)} do not matter")
    return lines


def test(result: TestResult) -> str:
    """The answer of `phoropter test`."""
    lines = _metrics(result.metrics, primary=result.primary.name)
    lines += [f"{name}: {metric(part.primary)}" for name, part in result.parts.items()]
    return joined(
        lines,
        f"run {result.run} of {result.project}",
        f"seal opened {result.openings} times",
    )


def predictions(rows: Sequence[Mapping[str, Any]]) -> str:
    """The answer of `phoropter predict`: tab-separated path, prediction, probability."""
    return joined(
        "\t".join(
            _cell(row[key]) for key in ("path", "prediction", "probability", "error") if key in row
        )
        for row in rows
    )


def export(result: ExportResult) -> str:
    """The answer of `phoropter export`."""
    checked = (
        f"{result.verified} golden samples agree to {result.largest_difference:.2g}"
        if result.verified
        else "no ONNX file: install 'phoropter[export]' for it"
    )
    return joined(f"model {result.bundle}", (f"  {name}" for name in result.files), checked)


def report(result: ReportResult) -> str:
    """The answer of `phoropter report`."""
    return result.report


def models(cards: Sequence[ModelCard]) -> str:
    """The answer of `phoropter models`."""
    head = ("name", "tasks", "input", "parameters", "MACs", "weights", "licence", "source")
    rows = (
        (
            card.name,
            ",".join(card.tasks),
            str(card.input_px or "any"),
            f"{card.parameters:,}" if card.parameters else "-",
            f"{card.macs / 1e6:,.1f} M" if card.macs else "-",
            card.weights or "-",
            card.licence,
            card.source,
        )
        for card in cards
    )
    here = [_cost(card.measured) for card in cards]
    if not any(here):
        return joined(table([head, *rows]))
    costs = ("answer", "training step", "memory", "at")
    left = (row + (cost or ("-",) * len(costs)) for row, cost in zip(rows, here, strict=True))
    words = ["Measured on this machine, in batches of 8; times are for one image."]
    busy = [card.name for card in cards if card.measured is not None and _slowed(card.measured)]
    if busy:
        words.append(f"Too slow by half or more, as the machine was busy: {', '.join(busy)}.")
    return joined(table([head + costs, *left]), *words)


def _slowed(measured: Measurement) -> bool:
    """Whether a step waited long for the processor, which other work had."""
    return measured.device == "cpu" and measured.step_s > 1.5 * measured.step_cpu_s


def _cost(measured: Measurement | None) -> tuple[str, ...]:
    if measured is None:
        return ()
    return (
        f"{number(1000 * measured.forward_s)} ms",
        f"{number(1000 * measured.step_s)} ms",
        f"{measured.memory_bytes / 2**20:,.0f} MiB",
        f"{measured.size} px",
    )


def doctor(result: DoctorResult) -> str:
    """The answer of `phoropter doctor`."""
    return joined(
        f"phoropter {result.phoropter}, Python {result.python}, torch {result.torch}",
        f"device {result.device}, {result.cores} cores, {result.threads} threads",
        f"memory {result.memory_gib:.1f} GiB, free disk {result.free_disk_gib:.1f} GiB",
        f"weights: {_yes_no(result.weights)}",
        f"extras: {_yes_no(result.extras)}",
        f"cache {result.cache}",
    )


def _metrics(metrics: Sequence[Metric], *, primary: str) -> list[str]:
    ordered = sorted(metrics, key=lambda item: item.name != primary)
    return table((item.name, *cells(item)) for item in ordered)


def _findings(findings: Sequence[Finding], *, nothing: str) -> list[str]:
    if not findings:
        return [nothing]
    lines: list[str] = []
    for finding in findings:
        lines.append(f"{finding.severity}: {finding.code}: {finding.message}")
        lines += [f"  try {_prescription(item)}" for item in finding.prescriptions]
    return lines


def _rejected(items: Sequence[Rejected], what: str) -> list[str]:
    if not items:
        return []
    shown = [f"  {item.path}: {item.reason}" for item in items[:SHOWN]]
    return [f"{what}:", *shown, *_more(len(items))]


def _prescription(item: Prescription) -> str:
    change = settings(item.change)
    told = [] if item.expected_gain is None else [f"expected {signed(item.expected_gain)}"]
    told += [item.measured.rstrip(".")] if item.measured else []
    gain = f" ({'; '.join(told)})" if told else ""
    return f"{change}: {item.advice}{gain}" if change else f"{item.advice}{gain}"


def _step(step: Step) -> tuple[str, ...]:
    outcome = "kept" if step.accepted else "refused"
    delta = f"{step.metric} {signed(step.delta)} [{signed(step.low)}, {signed(step.high)}]"
    return (str(step.number), step.finding, step.advice, delta, step.verdict, outcome)


def _cell(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return number(value) if isinstance(value, float) else str(value)


def _yes_no(known: Mapping[str, bool]) -> str:
    return ", ".join(f"{name} {'yes' if there else 'no'}" for name, there in known.items()) or "-"


def _more(count: int) -> list[str]:
    return [f"  and {count - SHOWN} more (see --json)"] if count > SHOWN else []
