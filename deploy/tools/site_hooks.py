"""Hooks of MkDocs (`make site`): pages that stand outside docs/ join the site without a copy in the tree.

README.md and its neighbours are read from the top of the tree. Their links, and links of pages in docs/ that lead out
of it, are turned into links of the site; a file that is no page, such as schemas/asyncapi.yaml, is copied beside it.
Diagrams are drawn while the site is built, so that it loads nothing from elsewhere.
"""

import itertools
import posixpath
import re
from pathlib import PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from deploy.tools.checkout import PROJECT

PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "BENCHMARKS.md": "benchmarks.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
}
"""Pages at the top of the tree, and their places in the site."""
FILES = ("schemas/asyncapi.yaml", "LICENSE")
"""Other files that pages link to."""
_DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and files that stand outside docs/."""
    for name, place in PAGES.items():
        files.append(File.generated(config, place, content=(PROJECT / name).read_text(encoding="utf-8")))
    for name in FILES:
        files.append(File.generated(config, name, abs_src_path=str(PROJECT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn a page's links to files of the tree into links of the site, and draw its diagrams."""
    del config, files
    return with_diagrams(with_links_of_site(markdown, page.file.src_uri))


def with_links_of_site(markdown: str, page: str) -> str:
    """Return a page of the site with its links to files of the tree as links to the site's pages.

    Args:
        markdown: the page as it stands in the tree.
        page: its place in the site.

    """
    places = {place: name for name, place in PAGES.items()}
    source = PurePosixPath(places.get(page, f"docs/{page}")).parent

    def to_site(link: re.Match[str]) -> str:
        target = posixpath.normpath(str(source / link.group(1)))
        place = PAGES.get(target, target.removeprefix("docs/"))
        return f"]({posixpath.relpath(place, posixpath.dirname(page) or '.')}{link.group(2) or ''})"

    return _LINK.sub(to_site, markdown)


def with_diagrams(markdown: str) -> str:
    """Return a page with its Mermaid diagrams as SVG.

    Raises:
        RuntimeError: a diagram cannot be drawn; the message says where it is wrong.

    """
    numbers = itertools.count(1)

    def to_svg(diagram: re.Match[str]) -> str:
        import mermaidx  # noqa: PLC0415 - takes a second, and one page has a diagram

        # The library gives every drawing the same id, to which its styles refer.
        drawing = mermaidx.render(diagram.group(1)).svg().replace("my-svg", f"diagram-{next(numbers)}")
        return f"<div>{drawing}</div>"

    return _DIAGRAM.sub(to_svg, markdown)
