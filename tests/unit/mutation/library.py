"""The invented library as a subject of mutations."""

import tomllib
from typing import Any

from deploy.tools.checkout import PROJECT
from services.domain.policy import loading
from tests.library_pack import FILES
from tests.mutation.killing import PackTrial

TEXTS = {name: "\n".join(line.strip() for line in text.splitlines()) for name, text in FILES.items()}
DOCUMENTS: dict[str, dict[str, Any]] = {
    name: tomllib.loads(text) for name, text in TEXTS.items() if name != "day.toml"
} | {
    name: tomllib.loads(text)
    for name, text in loading.read_files(PROJECT / "policies", "bank").items()
    if name.startswith((loading.CALENDARS, loading.SHARED_NOTICES))
}
"""The library's files, with the calendars and notices that all packs share."""
PACK = loading.from_documents("library", DOCUMENTS, "x")
TRIAL = PackTrial("library", PACK, DOCUMENTS, tuple(tomllib.loads(TEXTS["day.toml"])["case"]))
