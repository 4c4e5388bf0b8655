"""The mutants of a pack's files: each says how one document of the pack is changed, found by the types of the fields.

Conditions, readers and words of clocks and authority are deleted, and replaced by another word that exists; lengths and
parts are changed. Texts, titles and sources are not touched. A new table of rules is mutated without anybody adding it.
"""

import copy
import enum
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel

from services.domain.policy.authority import AuthorityOverride, AuthorityPolicy
from services.domain.policy.base import CitedValue, Span
from services.domain.policy.clocks import BreachRule, ClockRule, WarningRule
from services.domain.policy.limit_tables import LimitRule
from services.domain.policy.limits import LimitPolicy
from services.domain.policy.notices import NoticePolicy, NoticeRule, PackNoticePolicy
from services.domain.policy.outcome import OutcomePolicy
from services.domain.policy.pack import Pack
from services.domain.policy.references import LABELS, Refers, State
from services.domain.policy.routing import AlertRule, RoutingPolicy
from services.domain.policy.vocabulary import known_names

Group = Literal["conditions and states", "readers", "lengths"]
GROUPS: tuple[Group, ...] = get_args(Group)
Path = tuple[str | int, ...]
Document = Mapping[str, Any]

FILES: Mapping[str, type[BaseModel]] = {
    "limits.toml": LimitPolicy,
    "routing.toml": RoutingPolicy,
    "outcome.toml": OutcomePolicy,
    "authority.toml": AuthorityPolicy,
    "notices.toml": PackNoticePolicy,
    "letters/notices.toml": NoticePolicy,
}
"""The files whose rules are mutated, with the model of each."""
STATES: Mapping[type[BaseModel], AbstractSet[str]] = {
    ClockRule: frozenset(
        {
            *("anchor", "after", "until", "until_all", "once", "carry", "outer", "pauses_for", "runs_for"),
            *("extendable", "stage", "calendar"),
        }
    ),
    LimitRule: frozenset({"at", "pick", "calendar"}),
    WarningRule: frozenset({"unless_acted"}),
    BreachRule: frozenset({"does", "regrade"}),
    AuthorityOverride: frozenset({"actions", "entries", "who", "units", "persons"}),
}
"""Fields that say in which state a rule applies, besides conditions."""
READERS: Mapping[type[BaseModel], AbstractSet[str]] = {
    WarningRule: frozenset({"notifies"}),
    BreachRule: frozenset({"notifies"}),
    AlertRule: frozenset({"units"}),
    NoticeRule: frozenset({"event", "to", "readers"}),
}
PARTS = frozenset({"part", "escalate_every", "escalations", "at_most"})
"""Numbers by which the times of a clock are computed."""
NOTHING = object()


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one document of a pack.

    Attributes:
        pack: name of the pack.
        file: of the pack.
        path: of the value that is changed.
        value: what stands there instead; `NOTHING` if it is deleted.
        group: by which it is counted.
        name: where it is and what is changed; the same as long as the rule is called the same.

    """

    pack: str
    file: str
    path: Path
    value: Any
    group: Group
    name: str

    def applied(self, documents: Mapping[str, Document]) -> dict[str, Document]:
        """Return the documents of the pack with the change."""
        changed = copy.deepcopy(documents[self.file])
        holder: Any = changed
        for key in self.path[:-1]:
            holder = holder[key]
        if self.value is NOTHING:
            del holder[self.path[-1]]
        else:
            holder[self.path[-1]] = self.value
        return {**documents, self.file: changed}


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of a document that has a value."""

    place: str
    path: Path
    value: Any
    model: type[BaseModel]
    name: str
    type_: Any
    refers: str | None


def mutants_of(pack: Pack, documents: Mapping[str, Document], files: Sequence[str] = tuple(FILES)) -> Iterator[Mutant]:
    """Yield the mutants of a pack.

    Args:
        pack: the pack as it is, for the words that it knows.
        documents: its files, parsed.
        files: which of them are mutated.

    """
    known = known_names(pack)
    for file in files:
        if file not in documents:
            continue
        for found in _fields(documents[file], FILES[file], "", ()):
            group = _group(found)
            if group is not None:
                for what, path, value in _changes(found, known):
                    name = f"{pack.header.name} {file}: {found.place}: {what}"
                    yield Mutant(pack.header.name, file, path, value, group, name)
    yield from _rows(pack, documents)


def _rows(pack: Pack, documents: Mapping[str, Document]) -> Iterator[Mutant]:
    """Yield the rows of authority.toml, each deleted."""
    for number, row in enumerate(documents.get("authority.toml", {}).get("rule", ())):
        name = f"{pack.header.name} authority.toml: rule {_label(row, number)}: deleted"
        yield Mutant(pack.header.name, "authority.toml", ("rule", number), NOTHING, "conditions and states", name)


def _group(found: _Field) -> Group | None:
    if _is_length(found.type_) or found.name in PARTS:
        return "lengths"
    if found.name in READERS.get(found.model, ()):
        return "readers"
    named = found.name == "value" and issubclass(found.model, CitedValue)
    if named or issubclass(found.model, State) or found.name in STATES.get(found.model, ()):
        return "conditions and states"
    return None


def _changes(found: _Field, known: Mapping[str, AbstractSet[str]]) -> Iterator[tuple[str, Path, Any]]:
    """Yield what may be done to a field: in words, the path of what is changed, and what stands there instead."""
    value, path = found.value, found.path
    if _is_length(found.type_) or found.name in PARTS:
        changed = _changed_number(value)
        yield f"{value} becomes {changed}", path, changed
    elif isinstance(value, bool):
        yield f"{value} becomes {not value}", path, not value
    elif isinstance(value, list):
        for number, word in enumerate(value):
            alone = len(value) == 1
            yield f"without {word!r}", path if alone else (*path, number), NOTHING
            other = _other(word, value, found, known)
            if other is not None:
                yield f"{other!r} for {word!r}", (*path, number), other
    else:
        yield f"without {value!r}", path, NOTHING
        other = _other(value, (value,), found, known)
        if other is not None:
            yield f"{other!r} for {value!r}", path, other


def _changed_number(value: Any) -> Any:
    """Return a length that is one longer, or another part."""
    if isinstance(value, str):
        digits = value.rstrip("mhdwo")
        return f"{int(digits) + 1}{value[len(digits) :]}"
    return value - 1 if isinstance(value, int) and value > 1 else round(value * 0.8, 4)


def _other(word: str, given: Sequence[str], found: _Field, known: Mapping[str, AbstractSet[str]]) -> str | None:
    """Return the known word after a word that is not given yet; None if there is none."""
    words = sorted(known[found.refers]) if found.refers is not None else [str(each) for each in _choices(found.type_)]
    later = [each for each in words if each not in given and each > word]
    return next(iter([*later, *(each for each in words if each not in given)]), None)


def _choices(type_: Any) -> tuple[Any, ...]:
    """Return the words of the literal or the enumeration in a type."""
    if isinstance(type_, type) and issubclass(type_, enum.Enum):
        return tuple(each.value for each in type_)
    if get_origin(type_) is Literal:
        return get_args(type_)
    return next((found for inner in get_args(type_) if (found := _choices(inner))), ())


def _is_length(type_: Any) -> bool:
    return type_ is Span or any(_is_length(inner) for inner in get_args(type_))


def _fields(document: Document, model: type[BaseModel], place: str, path: Path) -> Iterator[_Field]:
    """Yield the fields of a document that have a value, and those of the models in it."""
    for name, field in model.model_fields.items():
        key = field.alias or name
        if key not in document:
            continue
        inner = _model_in(field.annotation)
        value, here = document[key], f"{place}, {key}" if place else key
        if inner is None or inner is Span:
            where = f"{place}.{key}" if issubclass(model, State) else here
            metadata = (*field.metadata, *_metadata(field.annotation))
            refers = next((mark.to for mark in metadata if isinstance(mark, Refers)), None)
            yield _Field(where, (*path, key), value, model, name, field.annotation, refers)
        elif isinstance(value, list):
            for number, item in enumerate(value):
                yield from _fields(item, inner, f"{here} {_label(item, number)}", (*path, key, number))
        elif isinstance(value, Mapping) and get_origin(field.annotation) is not Mapping:
            yield from _fields(value, inner, here, (*path, key))


def _label(item: Document, number: int) -> str:
    """Return by what a rule is known in its list; by its number where several may have the same label."""
    if "event" in item and "to" in item:
        return f"{item['event']} to {item['to']}"
    for name in LABELS:
        if value := item.get(name):
            return str(value)
    return f"{number + 1} ({' '.join(item['action'])})" if "action" in item else str(number + 1)


def _model_in(type_: Any) -> type[BaseModel] | None:
    """Return the model that a field holds, alone or in a list."""
    if isinstance(type_, type) and issubclass(type_, BaseModel):
        return type_
    return next((found for inner in get_args(type_) if (found := _model_in(inner)) is not None), None)


def _metadata(type_: Any) -> Iterator[object]:
    if get_origin(type_) is Annotated:
        yield from type_.__metadata__
    for inner in get_args(type_):
        yield from _metadata(inner)
