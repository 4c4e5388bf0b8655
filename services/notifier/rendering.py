"""A letter as a page: HTML for mail readers, PDF for paper."""

import html as escaping
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
"""Package and file of the font; it knows Chinese and Latin letters."""
MARGIN = 25 * mm
PAGE = """<!doctype html>
<html><body style="margin:0;background:#f4f4f2">
<div style="max-width:36em;margin:2em auto;padding:1.5em 2em;background:#fff;color:#222;font:16px/1.6 sans-serif">
<h1 style="font-size:1.15em;margin:0 0 1em">{subject}</h1>
{paragraphs}
</div></body></html>
"""


def html(letter: Letter) -> str:
    """Return a letter as a small page that any mail reader shows."""
    paragraphs = "".join(f"<p>{escaping.escape(each)}</p>" for each in _paragraphs(letter))
    subject = escaping.escape(letter.subject)
    return PAGE.format(subject=subject, paragraphs=paragraphs)


def pdf(letter: Letter) -> bytes:
    """Return a letter as a page of paper."""
    body = ParagraphStyle("body", fontName=_font(), fontSize=11.5, leading=20, wordWrap="CJK")
    head = ParagraphStyle("head", parent=body, fontSize=15, leading=24, spaceAfter=6 * mm)
    flow: list[Flowable] = [Paragraph(escaping.escape(letter.subject), head)]
    for each in _paragraphs(letter):
        flow += [Paragraph(escaping.escape(each), body), Spacer(0, 3 * mm)]
    out = BytesIO()
    # Without the time of making: the same letter is the same file.
    SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=letter.subject,
        invariant=True,
    ).build(flow)
    return out.getvalue()


@cache
def _font() -> str:
    """Make the font known and return its name; a page carries what it uses of it, so it reads the same anywhere."""
    package, file = FONT_FILE
    pdfmetrics.registerFont(TTFont(FONT, str(resources.files(package) / file), subfontIndex=0))
    return FONT


def _paragraphs(letter: Letter) -> list[str]:
    return [each.strip() for each in letter.body.splitlines() if each.strip()]
