"""Every language has every sentence, every sentence is used, and says what it is given."""

from __future__ import annotations

import re
from importlib.resources import files
from string import Template

import pytest

from phoropter.report.page import render
from phoropter.report.sentences import Sentences, languages, texts


def sources():
    root = files("phoropter.report")
    places = [root, root / "figures", root / "templates"]
    for place in places:
        for item in place.iterdir():
            if item.name.endswith((".py", ".html")):
                yield item.read_text(encoding="utf-8")


def test_languages_have_the_same_sentences_and_placeholders():
    english = texts("en")
    for language in languages():
        others = texts(language)
        assert others.keys() == english.keys()
        for key, text in others.items():
            assert isinstance(text, str), key
            found = set(Template(text).get_identifiers())
            assert found == set(Template(english[key]).get_identifiers()), key


def test_every_sentence_is_used_and_every_use_exists():
    # Severities, verdicts and ends of runs are looked up by the record's own word.
    by_record = {
        "info", "warning", "critical", "better", "worse", "undecided", "patience", "budget",
        "finished", "losing", "diverged", "interrupted", "language", "unreadable", "unusable",
        "unlisted", "junk", "annotation",
    }  # fmt: skip
    words = {word for text in sources() for word in re.findall(r"""["']([a-z0-9-]+)["']""", text)}
    composed = (
        "fact-",
        "slice-",
        "strip-",
        "property-",
        "evidence-",
        "why-",
        "features-are-",
        "h-classes-",
        "galleries-note-",
        "map-note-",
        "object-",
        "column-",
        "stage-",
    )
    found = {key for key in texts("en") if key.startswith(composed)}
    assert set(texts("en")) - words - by_record - found == set()
    asked = {
        key for text in sources() for key in re.findall(r"""\bsay\(["']([a-z0-9-]+)["']""", text)
    }
    assert asked - set(composed) - set(texts("en")) == set()


@pytest.mark.parametrize("language", ["en", "ko"])
def test_whole_pages_are_in_one_language(language, digits_content, values_content):
    for content in (digits_content, values_content):
        html = render(content, lang=language)
        assert f'<html lang="{language}">' in html
        assert texts(language)["h-data"] in html
        assert "$" not in re.sub(r"base64,[^\"]*|<style>.*?</style>", "", html, flags=re.DOTALL)


def test_sentences_fill_in_what_they_are_given():
    assert Sentences("ko")("cost-runs", count=4) == "이 실행의 4배"
