"""What the rules cost beside reading the same message: decide and evolve, route, in one process on one core."""

import statistics
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
import orjson
from msgspec import Meta
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, create_model

from deploy.tools.checkout import PROJECT
from duban.policy_simulation import build_contact
from schemas.action import Open
from schemas.base import Model
from schemas.command import Action, Actor, Command
from schemas.contact import Contact
from schemas.ticket import Ticket
from services.domain.ids import command_id, ticket_id
from services.domain.policy import loading
from services.domain.policy.pack import Pack
from services.ledger.domain.decide import decide
from services.ledger.domain.evolve import evolve
from services.router.domain.classify import classify
from services.router.domain.route import route

REPEATS = 300
ROUNDS = 7


@dataclass(frozen=True)
class Cost:
    """What a rule costs, beside what reading the same message with orjson and pydantic costs; microseconds."""

    name: str
    rule: float
    reading: float
    messages: int

    def line(self) -> str:
        """Return it as a row of a table."""
        return f"| {self.name} ({self.messages}) | {self.rule:.1f} | {self.reading:.1f} | {self.ratio:.2f} |"

    @property
    def ratio(self) -> float:
        """The rule's cost in messages read."""
        return self.rule / self.reading


def costs() -> Iterator[Cost]:
    """Measure every command and every contact of the carrier's example day."""
    pack = loading.load_one(PROJECT / "policies", "carrier")
    told = list(_commands(pack))
    commands, contacts = twin(Command), twin(Contact)
    opens = [each for each in told if isinstance(each[1].action, Open)]
    for name, some in (("every command of the day", told), ("opening a ticket", opens)):
        rule = sum(_median(partial(_decided, before, command, pack)) for before, command in some)
        reading = sum(_median(partial(_read, commands, command.to_json())) for _, command in some)
        yield Cost(f"decide + evolve, {name}", rule / len(some), reading / len(some), len(some))
    said = [each[1].action.contact for each in opens if isinstance(each[1].action, Open)]
    rule = sum(_median(partial(route, each, (), pack, each.received_at)) for each in said)
    reading = sum(_median(partial(_read, contacts, each.to_json())) for each in said)
    yield Cost("route, every contact of the day", rule / len(said), reading / len(said), len(said))


def _decided(before: Ticket | None, command: Command, pack: Pack) -> None:
    ticket = before
    for event in decide(before, command, pack, command.at, number="1").events:
        ticket = evolve(ticket, event)


def _read(model: type[BaseModel], body: bytes) -> None:
    model.model_validate(orjson.loads(body))


def _median(work: Callable[[], object]) -> float:
    """Return microseconds of one call: the median of some rounds."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(REPEATS):
            work()
        rounds.append((time.perf_counter() - began) / REPEATS * 1e6)
    return statistics.median(rounds)


def _commands(pack: Pack) -> Iterator[tuple[Ticket | None, Command]]:
    """Return each command of the example day, with the ticket before it."""
    day = tomllib.loads((PROJECT / "policies" / "carrier" / "day.toml").read_text(encoding="utf-8"))
    for number, case in enumerate(day["case"]):
        contact = build_contact(case["contact"], "carrier", number)
        id_, ticket = ticket_id(contact.id), None
        steps: list[tuple[Action, Any, str | None]] = [
            (Open(contact=contact, classification=classify(contact, pack)), contact.received_at, None)
        ]
        steps += [(msgspec.convert(each["do"], Action), each["at"], each.get("unit")) for each in case.get("step", ())]
        for place, (action, at, unit) in enumerate(steps):
            command = Command(
                id=command_id(id_, place),
                ticket_id=id_,
                at=at,
                actor=Actor(kind="unit", name=unit or "customer", unit=unit),
                policy="carrier",
                action=action,
            )
            yield ticket, command
            events = decide(ticket, command, pack, at, number="1").events
            ticket = events[-1].ticket if events else ticket


def twin(model: type[Model]) -> type[BaseModel]:
    """Return a pydantic model with the same fields and the same constraints."""
    return _Twins().of(model)


class _Twins:
    def __init__(self) -> None:
        self._made: dict[type[Model], type[BaseModel]] = {}

    def of(self, model: type[Model]) -> type[BaseModel]:
        if model not in self._made:
            fields: dict[str, Any] = {}
            tag = model.__struct_config__.tag
            if tag is not None:
                fields["type"] = (Literal[tag], tag)
            for each in msgspec.structs.fields(model):
                default = ... if each.required else each.default
                if each.default_factory is not msgspec.NODEFAULT:
                    default = Field(default_factory=each.default_factory)
                plain = None if isinstance(default, Model) else default
                fields[each.name] = (self._type(each.type), plain)
            config = ConfigDict(frozen=True, extra="forbid")
            self._made[model] = create_model(model.__name__, __config__=config, **fields)
        return self._made[model]

    def _type(self, annotation: Any) -> Any:
        origin, parts = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            meta = next(each for each in parts[1:] if isinstance(each, Meta))
            if meta.tz:
                return AwareDatetime
            given = {name: getattr(meta, name) for name in ("pattern", "min_length", "max_length", "ge", "le")}
            return Annotated[
                self._type(parts[0]), Field(**{name: value for name, value in given.items() if value is not None})
            ]
        if origin in {Union, UnionType}:
            kinds = [self._type(each) for each in parts]
            tagged = all(isinstance(each, type) and issubclass(each, Model) for each in parts)
            union: Any = Union[tuple(kinds)]  # noqa: UP007 - made at run time
            return Annotated[union, Field(discriminator="type")] if tagged else union
        if origin is tuple:
            kind: Any = self._type(parts[0])
            return tuple[kind, ...]
        if isinstance(annotation, type) and annotation is not NoneType and issubclass(annotation, Model):
            return self.of(annotation)
        return annotation


if __name__ == "__main__":
    for cost in costs():
        print(
            f"{cost.name}: {cost.rule:.1f} µs, reading {cost.reading:.1f} µs, ratio {cost.ratio:.2f}, {cost.messages}"
        )
