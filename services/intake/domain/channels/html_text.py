"""The text of an HTML mail: blocks break lines, inline elements do not, style and script say nothing.

The standard library's parser goes back over what is not closed and needs minutes for small hostile mails. Here a
pattern always goes on to the end of what it began, as browsers do, so the work grows as the text does.
"""

import html as entities
import re

MAX_HTML_LENGTH = 1024 * 1024
"""Characters of HTML that are read: more is no letter."""
_BLOCKS = frozenset(
    {
        "address",
        "article",
        "blockquote",
        "br",
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
    | {"hr", "li", "main", "ol", "p", "pre", "section", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"}
)
_ATTRIBUTES = r"""(?:[^>=]+|=\s*(?:"[^"]*(?:"|\Z)|'[^']*(?:'|\Z))?)*+(?:>|\Z)"""
_TOKEN = re.compile(
    r"<!--(?:-?>|.*?(?:--!?>|\Z))"
    rf"|<(?P<silent>style|script|title|template)(?=[\s/>]){_ATTRIBUTES}.*?(?:</(?P=silent)(?=[\s/>]|\Z)[^>]*(?:>|\Z)|\Z)"
    rf"|</?(?P<tag>[a-z][^\s/>]*){_ATTRIBUTES}"
    r"|<[!?/][^>]*(?:>|\Z)"
    r"|(?P<text>[^<]+|<)",
    re.IGNORECASE | re.DOTALL,
)
"""Comments, elements without text, tags, declarations, text; each ends with the document at the latest."""
_PICTURE = re.compile(r'"data:[^"]*"')
"""A picture inside the text, which may be longer than any letter."""
_NO_CHARACTER = re.compile("&#[0-9]{8,};?")
"""More digits than a character's number has; the library fails on thousands of them."""


def html_to_text(html: str) -> str:
    """Return what a reader of the page reads, of its first `MAX_HTML_LENGTH` characters."""
    parts = []
    for token in _TOKEN.finditer(strip_inline_images(html)[:MAX_HTML_LENGTH]):
        if token["text"]:
            parts.append(token["text"].replace("\n", " "))
        elif (token["tag"] or "").lower() in _BLOCKS:
            parts.append("\n")
    # Entities last: a "<" that was written as one is text.
    text = entities.unescape(_NO_CHARACTER.sub("\ufffd", "".join(parts)))
    return "\n".join(line for each in text.split("\n") if (line := " ".join(each.split())))


def strip_inline_images(html: str) -> str:
    """Return HTML without the pictures that stand in it as text."""
    return _PICTURE.sub('""', html)
