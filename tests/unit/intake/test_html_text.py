"""Tests of extracting the text of an HTML mail."""

import time

import pytest

from services.intake.domain.channels.html_text import html_to_text
from tests.unit.intake.mails import TIME_LIMIT

NEVER_CLOSED = (
    *("<a ", '<a "', "<a b='", "<a =", "<!--", "</", "</script", "<script>", "<script ", "<style>x</style", "<title>"),
    *("<?", "<![", "<", "=", "&", "&#1", "<b> </b>", '"data:', " \n", "\xa0"),
)
"""Elements that begin and never end."""


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize("beginning", NEVER_CLOSED)
def test_elements_that_are_never_closed_are_scanned_once(beginning: str) -> None:
    began = time.process_time()
    html_to_text(beginning * 40_000)
    assert time.process_time() - began < TIME_LIMIT


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a <b>b</b>c</p><p>d</p>", "a bc\nd"),
        ("a &lt;b&gt; c&nbsp;&amp;amp;", "a <b> c &amp;"),
        ("<![if !mso]>x<![endif]><!--[if mso]>y<![endif]-->", "x"),
        ("a < b and c<5", "a < b and c<5"),
        ("<html><head><title>T</title><meta x><body>hi<br/>there", "hi\nthere"),
        ('<a href="x>y">z</a>', "z"),
        ("<STYLE>p{}</STYLE >z<script>if(a<b){'</p>'}</script>!", "z!"),
        ("<td>1<td>2\n3", "1\n2 3"),
        ("&#" + "1" * 9000 + ";x", "\ufffdx"),
        ("", ""),
    ],
)
def test_the_text_of_a_page_is_what_a_reader_sees(html: str, text: str) -> None:
    assert html_to_text(html) == text
