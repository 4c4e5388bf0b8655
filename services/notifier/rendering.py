"""Renders letters as pages: HTML for mail programs, PDF to be attached or printed."""

import html
from functools import cache
from importlib import resources
from io import BytesIO

from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer

from services.notifier.domain.letters import Letter

FONT = "WenQuanYiMicroHei"
FONT_FILE = ("paperang_p2_fonts_cjk", "fonts/wqy-microhei.ttc")
"""Package and file of the font, which has Chinese and Latin characters."""
MARGIN = 25 * mm
PAGE = """<!doctype html>
<html><body style="margin:0;background:#f4f4f2">
<div style="max-width:36em;margin:2em auto;padding:1.5em 2em;background:#fff;color:#222;font:16px/1.6 sans-serif">
<h1 style="font-size:1.15em;margin:0 0 1em">{subject}</h1>
{paragraphs}
</div></body></html>
"""


def render_html(letter: Letter) -> str:
    """Return a letter as a small HTML page that any mail program shows."""
    paragraphs = "".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in _paragraphs(letter))
    subject = html.escape(letter.subject)
    return PAGE.format(subject=subject, paragraphs=paragraphs)


def render_pdf(letter: Letter) -> bytes:
    """Return a letter as a PDF of A4 pages; the same letter gives the same bytes."""
    body = ParagraphStyle("body", fontName=_font(), fontSize=11.5, leading=20, wordWrap="CJK")
    head = ParagraphStyle("head", parent=body, fontSize=15, leading=24, spaceAfter=6 * mm)
    content: list[Flowable] = [Paragraph(html.escape(letter.subject), head)]
    for paragraph in _paragraphs(letter):
        content += [Paragraph(html.escape(paragraph), body), Spacer(0, 3 * mm)]
    out = BytesIO()
    # Invariant: without the time of creation, so that the same letter is the same file.
    SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=letter.subject,
        invariant=True,
    ).build(content)
    return out.getvalue()


@cache
def _font() -> str:
    """Register the font and return its name; a PDF embeds the glyphs that it uses, so it looks the same anywhere."""
    package, file = FONT_FILE
    pdfmetrics.registerFont(TTFont(FONT, str(resources.files(package) / file), subfontIndex=0))
    return FONT


def _paragraphs(letter: Letter) -> list[str]:
    return [line.strip() for line in letter.body.splitlines() if line.strip()]
