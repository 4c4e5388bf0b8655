"""Follows a page of the documentation as a reader does: edits files, runs commands, compares what they print."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r'^```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$', re.MULTILINE | re.DOTALL
)
_ADD = "add to "
FAILS = "# fails"
"""Stands behind a command that has to fail."""

Run = Callable[[str], tuple[int, str]]
"""Runs the words after `duban`, and returns the exit code and what was printed."""


@dataclass(frozen=True)
class PageBlock:
    """A block of code on a page.

    Attributes:
        language: sh holds commands, text what the last one prints, diff an edit, anything else a file.
        title: the file that is edited, added to or written.
        text: what stands there.

    """

    language: str
    title: str
    text: str


def blocks(page: str) -> Iterator[PageBlock]:
    """Return the blocks of code on a page, in order."""
    for match in _BLOCK.finditer(page):
        yield PageBlock(match["language"], match["title"] or "", match["text"])


def follow(page: str, folder: Path, run: Run) -> Iterator[str]:
    """Follow a page in a folder, and return everything that is not as it says."""
    printed = ""
    for block in blocks(page):
        if block.language == "sh":
            for line in block.text.splitlines():
                command, _, _ = line.partition(FAILS)
                code, printed = run(command.strip().removeprefix("duban "))
                if (code != 0) is not (FAILS in line):
                    yield f"{command}: exit code {code}\n{printed}"
        elif block.language == "text":
            yield from (f"not printed: {line}" for line in block.text.splitlines() if line not in printed)
        else:
            yield from _edit(block, folder)


def _edit(block: PageBlock, folder: Path) -> Iterator[str]:
    adds, file = block.title.startswith(_ADD), folder / block.title.removeprefix(_ADD)
    if adds:
        file.write_text(f"{file.read_text(encoding='utf-8')}\n{block.text}", encoding="utf-8")
    elif block.language != "diff":
        file.write_text(block.text, encoding="utf-8")
    else:
        lines = block.text.splitlines()
        before = "\n".join(line[1:] for line in lines if line[:1] != "+")
        after = "\n".join(line[1:] for line in lines if line[:1] != "-")
        content = file.read_text(encoding="utf-8")
        if content.count(before) != 1:
            yield f"{block.title}: {content.count(before)} times:\n{before}"
        file.write_text(content.replace(before, after, 1), encoding="utf-8")
