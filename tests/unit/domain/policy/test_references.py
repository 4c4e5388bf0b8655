"""A name in a policy file that refers to nothing is refused, wherever it stands (R8.1)."""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Annotated, Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from deploy.tools.checkout import PROJECT
from services.domain.authority import pack_check
from services.domain.policy import loading, validation
from services.domain.policy.authority import AuthorityPolicy
from services.domain.policy.base import Code, PolicyError, PolicyPart
from services.domain.policy.forms import FORM_VERSION
from services.domain.policy.limits import LimitPolicy
from services.domain.policy.notices import NoticePolicy, PackNoticePolicy
from services.domain.policy.outcome import OutcomePolicy
from services.domain.policy.pack import Pack, PackHeader
from services.domain.policy.references import Defines, Refers, markers_in
from services.domain.policy.routing import RoutingPolicy
from services.domain.policy.types import TypeCatalogue
from services.domain.policy.units import Units
from services.domain.policy.vocabulary import known_names
from tests.builders import PACK, PACKS

UNKNOWN = "no_such_word"
FILES: Mapping[str, type[BaseModel]] = {
    "pack.toml": PackHeader,
    "units.toml": Units,
    "types.toml": TypeCatalogue,
    "limits.toml": LimitPolicy,
    "routing.toml": RoutingPolicy,
    "outcome.toml": OutcomePolicy,
    "authority.toml": AuthorityPolicy,
    loading.OWN_NOTICES: PackNoticePolicy,
    loading.SHARED_NOTICES: NoticePolicy,
}
Place = tuple[int | str, ...]


def referring(model: type[BaseModel], content: Mapping[str, Any], place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Yield the place of every text in a file that refers to something, with what it refers to."""
    for name, field in model.model_fields.items():
        key = field.alias or name
        if key in content:
            yield from _referring(field.annotation, tuple(field.metadata), content[key], (*place, key))


def _referring(type_: Any, metadata: tuple[object, ...], value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if get_origin(type_) is Annotated:
        yield from _referring(get_args(type_)[0], (*metadata, *type_.__metadata__), value, place)
    elif isinstance(value, str):
        marks = (*metadata, *(mark for arg in get_args(type_) for mark in getattr(arg, "__metadata__", ())))
        yield from ((place, mark.to) for mark in marks if isinstance(mark, Refers))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _referring(get_args(type_)[0], metadata, item, (*place, number))
    elif isinstance(value, dict):
        model = next((each for each in (type_, *get_args(type_)) if is_model(each)), None)
        if model is not None and get_origin(type_) is not Mapping and get_args(type_)[:1] != (str,):
            yield from referring(model, value, place)


def is_model(type_: object) -> bool:
    return isinstance(type_, type) and issubclass(type_, BaseModel)


def with_unknown(content: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """Return the content of a file with an unknown word in one place."""
    changed = deepcopy(dict(content))
    found: Any = changed
    for key in place[:-1]:
        found = found[key]
    found[place[-1]] = UNKNOWN
    return changed


def mistakes(pack: Pack) -> list[str]:
    return validation.find_mistakes(pack) or validation.find_problems(pack, pack.header.name)


def with_file(pack: Pack, file: str, content: BaseModel) -> list[str]:
    """Return what is wrong with a pack that has another content in one of its files."""
    if isinstance(content, NoticePolicy | PackNoticePolicy):
        return validation.find_notice_problems(content, pack, file)
    if isinstance(content, Units):
        units = {unit.code: unit for unit in content.units}
        persons = {person.name: person for person in content.persons}
        return mistakes(replace(pack, units=units, persons=persons))
    parts: dict[str, Any] = {{"pack.toml": "header"}.get(file, file.removesuffix(".toml")): content}
    return mistakes(replace(pack, **parts))


@pytest.mark.requirement("R8.1")
@pytest.mark.parametrize("name", sorted(PACKS))
def test_every_name_of_every_pack_is_refused_when_it_is_unknown(name: str) -> None:
    pack, seen = PACKS[name], 0
    for file, text in loading.read_files(PROJECT / "policies", name).items():
        if file not in FILES or (file == loading.SHARED_NOTICES and name != "carrier"):
            continue
        content = tomllib.loads(text)
        for place, to in referring(FILES[file], content):
            if to == "letter":
                continue  # Letters are rendered by `duban policy check`.
            seen += 1
            try:
                changed = FILES[file].model_validate(with_unknown(content, place))
            except ValueError:
                continue
            found = with_file(pack, file, changed)
            assert any(UNKNOWN in each for each in found), (file, place, to)
    assert seen > 50


def models(root: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield root
    for field in root.model_fields.values():
        for type_ in types_in(field.annotation):
            if is_model(type_) and type_ is not root:
                yield from models(type_)


def types_in(type_: Any) -> Iterator[Any]:
    yield type_
    for inner in get_args(type_):
        yield from types_in(inner)


def test_every_code_says_what_it_names() -> None:
    """A new table is checked without anybody remembering it: a code without a marker fails here."""
    (pattern,) = (mark for mark in get_args(Code)[1:])
    found = {model for root in FILES.values() for model in models(root)}
    assert len(found) > 40
    for model in sorted(found, key=lambda each: each.__name__):
        for name, field in model.model_fields.items():
            marks = list(markers_in(field))
            if pattern in marks:
                assert any(isinstance(mark, Refers | Defines) for mark in marks), f"{model.__name__}.{name}"


def test_what_codes_refer_to_is_known() -> None:
    known = {*known_names(PACK), "letter"}
    found = {model for root in FILES.values() for model in models(root)}
    asked = {
        mark.to
        for model in found
        for field in model.model_fields.values()
        for mark in markers_in(field)
        if isinstance(mark, Refers)
    }
    assert asked == known


def changed_pack(file: str, change: Callable[[str], str], name: str = "carrier") -> str:
    """Return why a pack is refused whose file was changed."""
    files = loading.read_files(PROJECT / "policies", name)
    text = change(files[file])
    assert text != files[file]
    with pytest.raises(PolicyError) as raised:
        loading.from_files(name, files | {file: text})
    return str(raised.value)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "limits.toml",
            '{ kind = ["complaint", "s',
            '{ kind = ["complaints", "s',
            "clock promise, when.kind: there is no",
        ),
        ("limits.toml", 'pauses_for = ["c', 'pauses_for = ["k', "clock promise, pauses_for: there is no 'kustomer'"),
        ("limits.toml", 'chain = ["p', 'chain = ["b', "clock escalated, while.chain: there is no 'brovincial_centre'"),
        ("limits.toml", 'status = ["a', 'status = ["o', "clock.0 (promise).while.status.0: there is no 'occepted'"),
        ("limits.toml", '"vip", "3g"', '"vip", "3gg"', "lower_bound_for, value: there is no '3gg'"),
        ("limits.toml", "while = {", "whille = {", "clock.0 (promise).whille: there is no such key"),
        (
            "outcome.toml",
            'kind = ["appeal"] }\n',
            'kind = ["apeal"] }\n',
            "closing, also 1, when.kind: there is no 'ap",
        ),
        (
            "outcome.toml",
            'signal = ["severity", "u',
            'signal = ["severe", "u',
            "by_phone 2.signal: there is no 'severe'",
        ),
        (
            "outcome.toml",
            'never_for = ["malicious"]',
            'never_for = ["closed"]',
            "callback, never_for: there is no 'closed'",
        ),
        ("outcome.toml", "customer.name", "customer.nam", "field customer.nam, path: there is no 'customer.nam'"),
        ("outcome.toml", 'means = "sms"', 'means = "pigeon"', "callback, means: there is no 'pigeon'"),
        ("outcome.toml", 'becomes = "appeal"', 'becomes = "apeal"', "repeat, second, becomes: there is no 'apeal'"),
        ("outcome.toml", 'origin = "direct"', 'origin = "direkt"', "repeat, second, origin: there is no 'direkt'"),
        ("outcome.toml", 'kind = "filing"', 'kind = "report"', "outcome.toml: entry: 'report' stands there twice"),
        ("outcome.toml", '"regulator_replied"', '"closed"', "entry regulator_reply, event: 'closed' is an event of"),
        (
            "routing.toml",
            '["regulator"]',
            '["regulators"]',
            "there is no 'regulators': did you mean 'regulator'? There",
        ),
        ("routing.toml", "settled = true", "late = true", "tier settled by the accepting channel, when: late is not"),
        ("routing.toml", 'channel = ["regulator"]', "vip = true", "kind appeal, when: vip is not known there"),
        ("routing.toml", '"breadth"', '"breadht"', "(many customers).signal: there is no 'breadht': did you mean 'br"),
        (
            "routing.toml",
            '"consultation", "service',
            '"asking", "service',
            "titles: the kind 'asking' has none: write asking",
        ),
        (
            "routing.toml",
            "general = { zh",
            "generic = { zh",
            "settled by the accepting channel, tier: there is no 'gener",
        ),
        ("types.toml", 'kinds = ["appeal"]', 'kinds = ["apeal"]', "group appeal_business, kinds: there is no 'apeal'"),
        ("pack.toml", '"Asia/Shanghai"', '"Asia/Shangai"', "there is no time zone 'Asia/Shangai'"),
    ],
)
def test_a_word_that_means_nothing_is_refused_with_its_rule(file: str, old: str, new: str, message: str) -> None:
    assert message in changed_pack(file, lambda text: text.replace(old, new, 1))


def test_a_version_in_force_is_read_although_a_condition_names_nothing() -> None:
    """What was applied before it was checked must not stop a service (DECISIONS 39)."""
    files = loading.read_files(PROJECT / "policies", "bus")
    changed = files["routing.toml"].replace('"opinion_book"', '"pigeon"')
    assert changed != files["routing.toml"]
    pack = loading.from_version("bus", files | {"routing.toml": changed}, FORM_VERSION)
    assert isinstance(pack.routing, PolicyPart)


def test_a_fact_that_nobody_knows_is_refused_in_a_version_in_force_too() -> None:
    """A clock that waits for it would never begin or end."""
    files = loading.read_files(PROJECT / "policies", "carrier")
    changed = files["limits.toml"].replace('until = ["form_completed"]', 'until = ["form_complete"]')
    with pytest.raises(PolicyError, match="clock form, until: there is no 'form_complete'"):
        loading.from_version("carrier", files | {"limits.toml": changed}, FORM_VERSION)


def test_nothing_in_the_packs_is_refused() -> None:
    for name, pack in PACKS.items():
        assert mistakes(pack) == [], name
    assert list(pack_check.problems(PACK)) == []
