"""Loads and checks policy packs: `policies/<pack>/*.toml` with calendars, notices and phrases they share (DESIGN 2)."""

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.config import ExtraValues
from pydantic_core import ErrorDetails

from services.domain.authority import pack_check
from services.domain.events import suggest
from services.domain.policy import forms, validation
from services.domain.policy.authority import AuthorityPolicy
from services.domain.policy.base import PolicyError
from services.domain.policy.forms import Documents
from services.domain.policy.limits import LimitPolicy
from services.domain.policy.notices import NoticePolicy, PackNoticePolicy
from services.domain.policy.outcome import OutcomePolicy
from services.domain.policy.pack import Pack, PackHeader
from services.domain.policy.phrases import Phrases
from services.domain.policy.references import LABELS
from services.domain.policy.routing import RoutingPolicy
from services.domain.policy.types import TypeCatalogue
from services.domain.policy.units import Units
from services.domain.sla.calendar import Calendar

Model = TypeVar("Model", bound=BaseModel)


FILES = ("pack.toml", "units.toml", "types.toml", "limits.toml", "routing.toml", "outcome.toml")
CALENDARS = "calendars/"
SHARED_NOTICES = "letters/notices.toml"
SHARED_PHRASES = "phrases.toml"
"""Optional: how people greet, thank, urge and dispute, whatever the pack; a version of before 0.2 has none."""
OWN_NOTICES = "notices.toml"
"""Optional in a pack: its notices that differ from the shared ones."""
AUTHORITY = "authority.toml"
"""Optional in a pack: who may do what where it differs from the defaults (DECISIONS 34)."""


def pack_names(folder: Path) -> list[str]:
    """Return the names of the packs in a folder, sorted."""
    return [path.parent.name for path in sorted(folder.glob("*/pack.toml"))]


def load(folder: Path) -> dict[str, Pack]:
    """Load every pack in a folder, by name.

    Raises:
        PolicyError: there is no pack, or one of them is invalid; see `from_files`.

    """
    packs = {name: load_one(folder, name) for name in pack_names(folder)}
    if not packs:
        raise PolicyError(no_packs_message(folder))
    return packs


def load_one(folder: Path, name: str) -> Pack:
    """Load a single pack.

    Raises:
        PolicyError: there is no pack of that name, or it is invalid; see `from_files`.

    """
    if name not in (known := pack_names(folder)):
        advice = f"choose one of {', '.join(known)}" if known else "the folder holds none"
        raise PolicyError(f"there is no pack {name!r} in {folder}: {advice}")
    return from_files(name, read_files(folder, name), str(folder))


def read_files(folder: Path, name: str) -> dict[str, str]:
    """Read the files of a pack, with all that packs share; return their texts by name.

    Raises:
        PolicyError: a file is missing or not UTF-8.

    """
    paths = {file: folder / name / file for file in FILES}
    paths |= {f"{CALENDARS}{path.name}": path for path in sorted((folder / "calendars").glob("*.toml"))}
    paths[SHARED_NOTICES] = folder / SHARED_NOTICES
    if (folder / SHARED_PHRASES).exists():
        paths[SHARED_PHRASES] = folder / SHARED_PHRASES
    paths |= {file: path for file in (OWN_NOTICES, AUTHORITY) if (path := folder / name / file).exists()}
    texts: dict[str, str] = {}
    for file, path in paths.items():
        try:
            texts[file] = path.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise PolicyError(f"{path} is missing: a pack needs it") from error
        except UnicodeDecodeError as error:
            raise PolicyError(f"{path}: {error}") from error
    return texts


def revision(files: Mapping[str, str]) -> str:
    """Return a short digest of a pack's files, which distinguishes any two states of them."""
    content = "\0".join(f"{name}\0{files[name]}" for name in sorted(files))
    return hashlib.sha256(content.encode()).hexdigest()[:8]


def from_files(name: str, files: Mapping[str, str], where: str = "policies") -> Pack:
    """Build and check a pack.

    Args:
        name: of the pack.
        files: the texts of its files, as `read_files` returns them.
        where: folder that error messages name.

    Raises:
        PolicyError: a file is not TOML, has an unknown key or an invalid value, or refers to something missing.

    """
    documents = {file: _parse(_path(where, name, file), text) for file, text in files.items()}
    return from_documents(name, documents, revision(files), where)


def from_documents(name: str, documents: Documents, revision_: str, where: str = "policies") -> Pack:
    """Build and check a pack from its parsed files; see `from_files`.

    Args:
        name: of the pack.
        documents: the content of its files, by name.
        revision_: a digest of them, which distinguishes any two states of them.
        where: folder that error messages name.

    Raises:
        PolicyError: a file has an unknown key or an invalid value, or refers to something missing.

    """
    return _build(name, documents, revision_, where, extra="forbid")


def from_version(name: str, files: Mapping[str, str], form_version: int) -> Pack:
    """Build a pack from the texts of a version in the database, which another version of Duban may have written.

    Unknown keys are ignored (DECISIONS 39).

    Args:
        name: of the pack.
        files: the texts of its files, by name.
        form_version: the form in which they are written.

    Raises:
        PolicyError: this version of Duban cannot read them.

    """
    where = f"version {revision(files)}"
    documents: Documents = {file: _parse(_path(where, name, file), text) for file, text in files.items()}
    try:
        documents = forms.upgrade(documents, form_version)
    except PolicyError as error:
        raise PolicyError(f"{name}: {error}") from error
    return _build(name, documents, revision(files), where, extra="ignore")


def _build(name: str, documents: Documents, revision_: str, where: str, *, extra: ExtraValues) -> Pack:
    def read(file: str, model: type[Model]) -> Model:
        return _validate(_path(where, name, file), documents[file], model, extra)

    calendars = {
        file.removeprefix(CALENDARS).removesuffix(".toml"): read(file, Calendar)
        for file in documents
        if file.startswith(CALENDARS)
    }
    shared = read(SHARED_NOTICES, NoticePolicy)
    own = read(OWN_NOTICES, PackNoticePolicy) if OWN_NOTICES in documents else PackNoticePolicy()
    units = read("units.toml", Units)
    pack = Pack(
        header=read("pack.toml", PackHeader),
        units={unit.code: unit for unit in units.units},
        persons={person.name: person for person in units.persons},
        authority=read(AUTHORITY, AuthorityPolicy) if AUTHORITY in documents else AuthorityPolicy(),
        types=read("types.toml", TypeCatalogue),
        limits=read("limits.toml", LimitPolicy),
        routing=read("routing.toml", RoutingPolicy),
        outcome=read("outcome.toml", OutcomePolicy),
        notices=shared.overridden_by(own),
        phrases=read(SHARED_PHRASES, Phrases) if SHARED_PHRASES in documents else Phrases(),
        calendars=calendars,
        revision=revision_,
    )
    problems = validation.find_problems(pack, name)
    if extra == "forbid":
        # Only where a person can mend it: a version that is in force must stay readable.
        problems += [*pack_check.duplicates(units), *pack_check.problems(pack), *validation.find_mistakes(pack)]
    problems += validation.find_notice_problems(shared, pack, SHARED_NOTICES)
    problems += validation.find_notice_problems(own, pack, OWN_NOTICES)
    if problems:
        raise PolicyError(f"{where}/{name}: {'; '.join(problems)}")
    return pack


def no_packs_message(folder: Path) -> str:
    """Return the message about a folder without policy packs."""
    return f"{folder} holds no policy pack: point DUBAN_POLICIES at the folder that holds <pack>/pack.toml"


def unknown_pack_message(name: str | None) -> str:
    """Return the error message for the name of a pack that does not exist."""
    return f"policy: there is no pack {name!r}; `duban policy check` lists those that exist"


def _path(where: str, name: str, file: str) -> str:
    shared = file.startswith((CALENDARS, SHARED_NOTICES, SHARED_PHRASES))
    return f"{where}/{file if shared else f'{name}/{file}'}"


def _parse(path: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{path}: {error}") from error


def _validate(path: str, document: Mapping[str, Any], model: type[Model], extra: ExtraValues) -> Model:
    try:
        return model.model_validate(document, extra=extra)
    except ValidationError as error:
        problems = "; ".join(_sentence(problem, document) for problem in error.errors(include_url=False))
        raise PolicyError(f"{path}: {problems}") from error


def _sentence(problem: ErrorDetails, document: Mapping[str, Any]) -> str:
    key = _place(problem["loc"], document)
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = "there is no such key: leave it out"
    elif problem["type"] in {"literal_error", "enum"}:
        choices = re.findall(r"'([^']*)'", str(problem.get("ctx", {}).get("expected", "")))
        advice = suggest(str(problem["input"]), choices)
        message = f"there is no {problem['input']!r}: {advice}"
        if advice.startswith("did you mean"):
            message += f" There are {', '.join(choices)}"
    return f"{key}: {message}" if key else message


def _place(loc: Sequence[int | str], document: Mapping[str, Any]) -> str:
    """Return where in a file something stands, with rules by the name that they have there."""
    found: Any = document
    keys: list[str] = []
    for key in loc:
        try:
            found = found[key]
        except (KeyError, IndexError, TypeError):
            found = None
        name = next((found[each] for each in LABELS if found.get(each)), "") if isinstance(found, dict) else ""
        keys.append(f"{key} ({name})" if isinstance(key, int) and isinstance(name, str) and name else str(key))
    return ".".join(keys)
