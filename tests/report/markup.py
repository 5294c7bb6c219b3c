"""Reading a page back: what is in it, and whether it is sound."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "hr", "input", "wbr"}


class Page(HTMLParser):
    """The page's structure: tags with attributes, text by section, and whether it is balanced."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.open, self.text = [], [], {"": ""}
        self.section = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag in {"section", "header", "svg"} and tag != "svg":
            self.section = dict(attrs).get("id", "head")
            self.text[self.section] = ""

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        self.text[self.section] += data

    def said(self, section):
        return " ".join(self.text[section].split())

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]
