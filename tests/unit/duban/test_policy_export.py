"""`duban policy export` writes a pack that can be edited and used on its own."""

from pathlib import Path

import pytest

from duban.policy_export import export
from services.domain.policy import loading
from services.domain.policy.base import PolicyError
from services.notifier.domain import template_validation
from services.notifier.domain.letters import TemplateLibrary
from services.shared.runtime import package_data
from services.shared.runtime.errors import DubanError
from tests.builders import PACKS

SOURCE = package_data.policies()


@pytest.mark.parametrize("name", ["carrier", "bank"])
def test_an_exported_pack_loads_and_writes_every_letter(name: str, tmp_path: Path) -> None:
    export(SOURCE, name, tmp_path)
    loaded = loading.load(tmp_path)
    assert list(loaded) == [name]
    assert loaded[name].limits == PACKS[name].limits
    assert (loaded[name].authority, loaded[name].persons) == (PACKS[name].authority, PACKS[name].persons)
    assert list(template_validation.problems(TemplateLibrary(tmp_path / "letters"), loaded[name])) == []


def test_an_exported_pack_is_the_same_revision(tmp_path: Path) -> None:
    export(SOURCE, "carrier", tmp_path)
    files = loading.read_files(tmp_path, "carrier")
    assert loading.revision(files) == loading.revision(loading.read_files(SOURCE, "carrier"))


def test_a_second_pack_keeps_the_letters_that_were_edited(tmp_path: Path) -> None:
    export(SOURCE, "carrier", tmp_path)
    letter = tmp_path / "letters" / "en" / "acceptance.txt"
    letter.write_text("edited", encoding="utf-8")
    written = export(SOURCE, "bank", tmp_path)
    assert {file.relative_to(tmp_path).parts[0] for file in written} == {"bank"}
    assert letter.read_text(encoding="utf-8") == "edited"


def test_a_pack_that_is_there_already_is_not_overwritten(tmp_path: Path) -> None:
    export(SOURCE, "carrier", tmp_path)
    with pytest.raises(DubanError, match="carrier exists: choose another folder"):
        export(SOURCE, "carrier", tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(DubanError, match=r"file cannot be written .* choose another folder"):
        export(SOURCE, "carrier", tmp_path / "file")


def test_a_pack_that_does_not_exist_is_refused_with_the_choice(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="telco"):
        export(SOURCE, "telco", tmp_path)
    assert list(tmp_path.iterdir()) == []
