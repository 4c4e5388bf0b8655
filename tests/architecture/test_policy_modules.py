"""A module of the policy is named as the TOML file of a pack that it models."""

from deploy.tools.checkout import PROJECT
from services.domain.policy.loading import AUTHORITY, FILES, OWN_NOTICES, SHARED_PHRASES

FOLDER = PROJECT / "services" / "domain" / "policy"
MACHINERY = frozenset(
    {
        *(
            "__init__",
            "base",
            "clocks",
            "conditions",
            "forms",
            "keyword_hits",
            "keyword_matcher",
            "limit_tables",
            "loading",
        ),
        *("references", "situations", "sources", "stages", "validation", "vocabulary"),
    }
)
"""Modules that model no file of their own: what the others are built of, and what reads and checks them."""


def test_every_file_of_a_pack_has_the_module_of_its_name_and_no_other_has() -> None:
    files = {name.removesuffix(".toml") for name in (*FILES, OWN_NOTICES, AUTHORITY, SHARED_PHRASES)}
    modules = {path.stem for path in FOLDER.glob("*.py")} - MACHINERY
    assert modules == files


def test_a_module_says_first_which_file_it_models() -> None:
    for name in (*FILES, OWN_NOTICES, AUTHORITY, SHARED_PHRASES):
        text = (FOLDER / name).with_suffix(".py").read_text(encoding="utf-8")
        assert name in text, f"{name} stands nowhere in the module that models it"
