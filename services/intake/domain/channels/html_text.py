"""The text of an HTML mail: blocks break lines, inline elements do not, style and script say nothing."""

import re
from html.parser import HTMLParser

_SILENT = frozenset({"style", "script", "head", "title", "template"})
_VOID = frozenset({"br", "hr"})
_BLOCKS = frozenset(
    {
        "address",
        "article",
        "blockquote",
        "dd",
        "div",
        "dl",
        "dt",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
    }
    | {"li", "main", "ol", "p", "pre", "section", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"}
)
_BLANKS = re.compile(r"[ \t\r\f\v\u00a0]*\n[ \t\r\f\v\u00a0\n]*")
_SPACES = re.compile(r"[\s\u00a0]+")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - the parser's protocol
        if tag in _SILENT:
            self._silent += 1
        elif tag in _BLOCKS or tag in _VOID:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(_SPACES.sub(" ", data))


def text_of_html(html: str) -> str:
    """Return what a reader of the page reads."""
    reader = _Reader()
    # The library fails on a marked section that it does not know; to a reader it is text.
    reader.feed(html.replace("<![", "&lt;!["))
    reader.close()
    return _BLANKS.sub("\n", "".join(reader.parts)).strip()
