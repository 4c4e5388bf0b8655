"""A letter as a page: HTML for mail readers, PDF for paper."""

import html as escaping
from io import BytesIO

from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer

from services.notifier.domain.letters import Letter

FONT = "STSong-Light"
"""A font that every PDF reader has or replaces; it knows Chinese and Latin letters."""
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
    pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    body = ParagraphStyle("body", fontName=FONT, fontSize=11.5, leading=20, wordWrap="CJK")
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


def _paragraphs(letter: Letter) -> list[str]:
    return [each.strip() for each in letter.body.splitlines() if each.strip()]
