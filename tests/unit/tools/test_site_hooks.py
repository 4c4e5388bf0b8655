"""Links between the pages of the tree become links between the pages of the site, and diagrams are drawn."""

import pytest

from deploy.tools import site_hooks


@pytest.mark.parametrize(
    ("page", "link", "expected"),
    [
        ("index.md", "docs/channels.md#limits", "channels.md#limits"),
        ("index.md", "ARCHITECTURE.md", "architecture.md"),
        ("benchmarks/method.md", "../../BENCHMARKS.md", "../benchmarks.md"),
        ("versions.md", "../schemas/asyncapi.yaml", "schemas/asyncapi.yaml"),
        ("reference/events.md", "models.md#actor", "models.md#actor"),
        ("index.md", "https://example.com/a.md", "https://example.com/a.md"),
        ("index.md", "#doors", "#doors"),
    ],
)
def test_a_link_of_the_tree_becomes_one_of_the_site(page: str, link: str, expected: str) -> None:
    assert site_hooks.with_links_of_site(f"see [it]({link}).", page) == f"see [it]({expected})."


def test_diagrams_are_drawn_each_with_its_own_id() -> None:
    pytest.importorskip("mermaidx", reason="`make setup` installs it")
    diagram = "```mermaid\nstateDiagram-v2\n    [*] --> {}: open\n```\n"
    page = site_hooks.with_diagrams(f"# States\n\n{diagram.format('accepted')}\n{diagram.format('closed')}\nText.\n")
    assert page.startswith('# States\n\n<div><svg id="diagram-1"')
    assert page.endswith("</svg></div>\n\nText.\n")
    assert page.count("<svg id=") == 2
    assert all(word in page for word in ("accepted", "closed", "#diagram-2{"))
    assert "```" not in page


def test_a_page_without_a_diagram_stays_as_it_is() -> None:
    page = "```python\nprint('mermaid')\n```\n"
    assert site_hooks.with_diagrams(page) == page
