"""Reads Markdown as its readers do: prose, the code between backticks, the commands in code blocks."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_FENCE = re.compile(r"\s*```")
_ITEM = re.compile(r"\s*([-*]|\d+\.) ")


@dataclass(frozen=True)
class DocumentLine:
    """One line of a document.

    Attributes:
        number: counted from 1.
        kind: prose, a row of a table, or code (fenced or indented).
        text: the line as it stands there.

    """

    number: int
    kind: Literal["prose", "table", "code"]
    text: str


def lines(text: str) -> Iterator[DocumentLine]:
    """Return the lines of a document; indented lines are code unless they continue an item of a list."""
    fenced = in_list = False
    for number, line in enumerate(text.splitlines(), start=1):
        if _FENCE.match(line):
            fenced = not fenced
            yield DocumentLine(number, "code", line)
            continue
        if _ITEM.match(line):
            in_list = True
        elif line and not line[0].isspace():
            in_list = False
        if fenced or (line.startswith("    ") and not in_list):
            yield DocumentLine(number, "code", line)
        else:
            yield DocumentLine(number, "table" if line.startswith("|") else "prose", line)


def columns(line: str) -> int:
    """Return how many columns a line takes: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in line)


def code_spans(text: str) -> list[str]:
    """Return what stands between backticks outside of code blocks; a span may go over the end of a line."""
    prose = "\n".join("" if line.kind == "code" else line.text for line in lines(text))
    return [" ".join(span.split()) for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose)]


def code_lines(text: str) -> list[str]:
    """Return the lines of code blocks; one that ends with a backslash goes on in the next."""
    code = "\n".join(line.text.strip() for line in lines(text) if line.kind == "code")
    return code.replace("\\\n", " ").splitlines()


def links(text: str) -> list[str]:
    """Return the targets of links in a document, without those to other sites and within the page."""
    prose = "\n".join(line.text for line in lines(text) if line.kind != "code")
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", prose) if not re.match(r"\w+:|#", target)]
