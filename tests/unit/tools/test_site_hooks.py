"""Links between the pages of the tree become links between the pages of the site."""

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
