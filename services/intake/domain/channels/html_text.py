"""Extracts the text of an HTML mail in time linear in its length: block elements break lines, scripts are left out.

The standard library's parser rescans elements that are never closed and needs minutes for small hostile mails. The
pattern here always consumes up to the end of what it started, as browsers do. Pure.
"""

import html as entities
import re

MAX_HTML_LENGTH = 1024 * 1024
"""Characters of HTML that are read; longer texts are not written by people."""
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
"""Comments, elements without visible text, tags, declarations, text; each may end with the document."""
_PICTURE = re.compile(r'"data:[^"]*"')
"""An inline picture, which may be longer than any text."""
_INVALID_ENTITY = re.compile("&#[0-9]{8,};?")
"""A numeric entity with more digits than a code point has; `html.unescape` fails on thousands of digits."""


def html_to_text(html: str) -> str:
    """Return the visible text of the first `MAX_HTML_LENGTH` characters of a page."""
    parts = []
    for token in _TOKEN.finditer(strip_inline_images(html)[:MAX_HTML_LENGTH]):
        if token["text"]:
            parts.append(token["text"].replace("\n", " "))
        elif (token["tag"] or "").lower() in _BLOCKS:
            parts.append("\n")
    # Entities are decoded last, so that an escaped "<" stays text.
    text = entities.unescape(_INVALID_ENTITY.sub("\ufffd", "".join(parts)))
    return "\n".join(line for raw in text.split("\n") if (line := " ".join(raw.split())))


def strip_inline_images(html: str) -> str:
    """Remove the content of inline pictures."""
    return _PICTURE.sub('""', html)
