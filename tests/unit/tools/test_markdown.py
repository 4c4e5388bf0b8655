"""Generated Markdown holds any text, and nothing of the machine it was written on."""

from pathlib import Path

from deploy.tools.checkout import PROJECT
from deploy.tools.reference import markdown


def test_a_cell_may_hold_what_would_end_it() -> None:
    assert markdown.table(("a", "b"), [("x|y", "two\nlines")]).splitlines()[2] == "| x\\|y | two lines |"


def test_a_table_without_rows_is_left_out_of_a_page() -> None:
    page = markdown.page("Title", markdown.table(("a",), []), "Text.")
    assert page == f"# Title\n\n{markdown.GENERATED}\n\nText.\n"


def test_html_is_escaped_outside_of_code_alone() -> None:
    assert markdown.prose("take <key>\n  as `<key>`") == "take &lt;key> as `<key>`"


def test_a_paragraph_breaks_no_word() -> None:
    lines = markdown.paragraph("word-with-hyphens " * 20).splitlines()
    assert len(lines) > 1
    assert {word for line in lines for word in line.split()} == {"word-with-hyphens"}


def test_a_path_below_the_project_reads_the_same_on_every_machine() -> None:
    assert markdown.path(PROJECT / "policies") == "policies"
    assert markdown.path(Path(".duban")) == ".duban"
