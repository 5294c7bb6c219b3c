"""Everything that checks, rules and the split say is known in Korean, and says the same."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from pathlib import Path

import pytest

import phoropter
from phoropter.core.records import Finding, Prescription
from phoropter.report.page import render
from phoropter.report.translation import _HOLE, _fitting, entries, translated

SOURCES = Path(phoropter.__file__).parent
SPEAKING = (
    *sorted((SOURCES / "look" / "checks").glob("*.py")),
    *(SOURCES / "look" / f"{name}.py" for name in ("label_opinion", "wording", "box_faults")),
    *sorted((SOURCES / "diagnosis" / "rules").glob("*.py")),
    *sorted((SOURCES / "improvement" / "prescriptions").glob("*.py")),
    SOURCES / "improvement" / "decide.py",
    SOURCES / "improvement" / "loop.py",
    SOURCES / "project" / "conclusion.py",
    SOURCES / "project" / "checklist.py",
    SOURCES / "project" / "replaying.py",
    SOURCES / "metrics" / "primary.py",
    SOURCES / "comparison" / "methods.py",
    SOURCES / "comparison" / "plan.py",
)
SILENT = {
    # words of evidence and of `issues.csv`, regular expressions, joints
    "line \\d+: ", "file name", "file order", "unseen categories", ", ...", "; ...",
    "none at all",  # a class without samples cannot be trained on
    "Left out: ",  # before an error, on the screen
}  # fmt: skip
HANGUL = re.compile("[가-힣]")


def literals(path):
    """The pieces of text of a file that are not documentation, holes left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        written = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if written and id(node) not in documentation:
            yield node.value


def pieces(text):
    """Runs of plain words, without digits, quotation marks and the like."""
    return [" ".join(piece.split()) for piece in re.split(r"[^\w ,;:.()'&=-]", text)]


@pytest.mark.parametrize("path", SPEAKING, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_whatever_is_said_is_in_the_catalogue(path):
    known = " ".join(" ".join(_HOLE.sub("\0", entry.source).split()) for entry in entries("ko"))
    for text in literals(path):
        if " " not in text.strip() or text in SILENT:
            continue
        for piece in pieces(text):
            bare = piece.strip(" ,;:.()'&=-")
            if " " in bare:
                assert bare in known, f"{text!r} is not in translations/ko.yaml"


def filled(template, values):
    return _HOLE.sub(lambda hole: values[hole[2]], template)


@pytest.mark.parametrize(
    "entry", entries("ko"), ids=[str(row) for row in range(len(entries("ko")))]
)
def test_a_translation_has_the_same_values(entry):
    holes = [hole.groups() for hole in _HOLE.finditer(entry.source)]
    names = [name for _, name, _ in holes]
    assert len(set(names)) == len(names)
    assert {hole[2] for hole in _HOLE.finditer(entry.target)} == set(names)
    values = {
        name: f"{place + 1},234.5"
        if number
        else f"{place} things"
        if kind == "count"
        else f"'v{place}'"
        for place, (number, name, kind) in enumerate(holes)
    }
    said = translated(filled(entry.source, values), "ko")
    assert said == _fitting(filled(entry.target, values))
    assert HANGUL.search(said) or not re.search("[A-Za-z]{2}", _HOLE.sub("", entry.source))


def test_no_sentence_is_there_twice():
    sources = [entry.source for entry in entries("ko")]
    assert len(set(sources)) == len(sources)


WHOLE = {
    "1 sample (1.4%) repeat another file byte by byte (1 group of identical files).": (
        "샘플 1개(1.4%)가 다른 파일과 바이트까지 똑같이 겹칩니다(똑같은 파일 1개 그룹)."
    ),
    "The model overfits: it scores 99.0% on training samples and 71.2% on validation; after epoch "
    "4 the validation loss rose by 31% while the training loss fell.": (
        "과적합입니다: 학습 샘플에서 99.0%, 검증에서 71.2%입니다; 에폭 4 뒤로 학습 손실은 줄었는데 "
        "검증 손실은 31% 늘었습니다."
    ),
    "2 of 5 changes tried were shown to help: Use ReLU as the activation. Set the learning rate "
    "to 0.003 instead of 0.1.": (
        "시도한 변경 5가지 가운데 2가지가 도움이 된다고 입증되었습니다: 활성화 함수로 ReLU를 "
        "쓰십시오. 학습률을 0.1 대신 0.003으로 하십시오."
    ),
    "Training does not reach 39 parameters: no gradient comes to a.weight, a.bias and 36 more; the "
    "optimiser does not hold b.bias.": (
        "학습이 파라미터 39개에 닿지 않습니다: 그래디언트가 오지 않는 것: a.weight, a.bias 외 "
        "36개; 옵티마이저에 없는 것: b.bias."
    ),
    "3 columns with missing cells: 'age' lacks 12%; the test part has no a, b; the val part has "
    "no c.": (
        "결측값이 있는 열 3개: 'age'은(는) 12%가 비어 있습니다. 테스트 세트에는 a, b 값이 "
        "없습니다; 검증 세트에는 c 값이 없습니다."
    ),
}


@pytest.mark.parametrize("english", WHOLE)
def test_whole_sentences(english):
    assert translated(english, "ko") == WHOLE[english]


def test_a_line_of_the_terminal_is_a_frame_around_a_sentence():
    line = (
        "warning: rare-class: 1 class with few samples: 'a' has 3, of which 2 train and 1 measure "
        "it; its recall is known to within ±50% at best."
    )
    assert translated(line, "ko").startswith(
        "경고: rare-class: 샘플이 적은 클래스 1개: 'a' 클래스는"
    )


def test_particles_fit_what_they_follow():
    advice = (
        "Keep each group on one side: move or delete the listed files, or leave the parts to the "
        "split, which keeps copies and declared groups together."
    )
    assert "나열된 파일을 옮기거나" in translated(advice, "ko")
    assert _fitting("0.1(으)로 0.3(으)로 물(으)로 a을(를)") == "0.1로 0.3으로 물로 a을(를)"


def test_what_is_not_known_stays():
    for text in ("A plug-in found a wombat.", "", "cat", "C:\\photos (old)"):
        assert translated(text, "ko") == text
        assert translated(text, "en") == text
    assert translated("2 pictures are like no other.", "xx") == "2 pictures are like no other."


def test_a_name_that_reads_like_a_word_of_ours_stays_a_name():
    said = translated("'pictures' has 9 samples and 'files' 3 (3.0 to 1); always saying 'pictures' "
                      "would be right in 75% of cases.", "ko")  # fmt: skip
    assert said.count("'pictures'") == 2
    assert "이미지" not in said


def test_pages_show_findings_and_conclusions_in_korean(digits_content):
    cure = Prescription({}, "Use ReLU as the activation.", None, 1.0, "Your own change.")
    finding = Finding("plateau", "critical", 0.9, "Nothing was learnt: the training loss never "
                      "fell below 2.3, and a constant prediction has 2.3.",
                      {}, (cure,))  # fmt: skip
    content = replace(
        digits_content,
        data_findings=(finding,),
        conclusion=("The simple model wins: logistic was chosen over the network.",),
        split=replace(digits_content.split, reasons=("43 groups are not divided.",)),
        steps=(
            replace(
                digits_content.steps[0],
                advice="Put in normalisation layers.",
                reason="Worse: accuracy -0.0100, p = 0.01 (limit 0.05 at look 1).",
            ),
        ),
    )
    html = render(content, lang="ko")
    for korean in (
        "배운 것이 없습니다", "활성화 함수로 ReLU", "직접 한 변경", "단순한 모델이 이겼습니다",
        "그룹 43개는 나누지 않고", "정규화 층을 넣으십시오", "나빠짐: accuracy -0.0100",
    ):  # fmt: skip
        assert korean in html
    for english in (finding.message, cure.advice, *content.conclusion, *content.split.reasons):
        assert english in render(content, lang="en")
        assert english not in html
