"""XML from strangers: a small tree, without document types, entities or depth."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

MAX_BYTES = 16 * 2**20
"""Larger files are refused; the annotations of one image take a few thousand bytes."""

_DEEPEST = 50


class XmlError(ValueError):
    """A file is no XML, or XML that is not read."""


@dataclass(slots=True)
class Node:
    """One element.

    Args:
        name: Its tag.
        text: The text directly in it, without blanks around it.
        children: The elements in it.
        raw_text: The text with its blanks.
    """

    name: str
    children: list[Node] = field(default_factory=list)
    raw_text: str = ""

    @property
    def text(self) -> str:
        """The text directly in it, without blanks around it."""
        return self.raw_text.strip()

    def first(self, name: str) -> Node | None:
        """Its first child of this name, or None."""
        return next((child for child in self.children if child.name == name), None)

    def text_of(self, name: str) -> str:
        """The text of its first child of this name, "" where there is none."""
        child = self.first(name)
        return child.text if child else ""


def read_xml(path: Path) -> Node:
    """The root element of an XML file.

    Raises:
        XmlError: If it is too large, no XML, nested too deeply, or declares a document type (the
            door to entities, which can read other files or grow without bound).
    """
    if path.stat().st_size > MAX_BYTES:
        message = f"{path.stat().st_size:,} bytes are more than the {MAX_BYTES:,} that are read"
        raise XmlError(message)
    return parse(path.read_bytes())


def parse(content: bytes) -> Node:
    """The root element of a document.

    Raises:
        XmlError: As `read_xml`.

    >>> parse(b"<size><width>3</width></size>").text_of("width")
    '3'
    """
    top = Node("")
    stack = [top]

    def opened(name: str, _attributes: dict[str, str]) -> None:
        if len(stack) > _DEEPEST:
            message = f"elements are nested more than {_DEEPEST} deep"
            raise XmlError(message)
        node = Node(name)
        stack[-1].children.append(node)
        stack.append(node)

    def closed(_name: str) -> None:
        stack.pop()

    def said(text: str) -> None:
        stack[-1].raw_text += text

    def refused(*_declaration: object) -> None:
        message = "it declares a document type, which is not read"
        raise XmlError(message)

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.CharacterDataHandler = said
    parser.StartDoctypeDeclHandler = refused
    parser.EntityDeclHandler = refused
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        if isinstance(error, XmlError):
            raise
        message = f"it is no sound XML: {error}"
        raise XmlError(message) from error
    return top.children[0]
