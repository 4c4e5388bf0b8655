"""Measures the cost of the rules beside parsing the same message: decide and evolve, route, on one core."""

import json
import statistics
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
import orjson
from msgspec import Meta
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, create_model

from deploy.tools.checkout import PROJECT
from duban.rehearsal_input import build_contact
from duban.simulated_actor import simulated_actor
from schemas.action import Open
from schemas.base import Model
from schemas.command import Action, Command
from schemas.contact import Contact
from schemas.ticket import Ticket
from schemas.unknown_fields import KEY
from services.domain.classify import classify
from services.domain.ids import command_id, ticket_id
from services.domain.policy import loading
from services.domain.policy.pack import Pack
from services.ledger.domain.decide import decide
from services.ledger.domain.evolve import evolve
from services.router.domain.route import route

REPEATS = 300
"""Calls in a round."""
ROUNDS = 7


@dataclass(frozen=True)
class RuleCost:
    """Cost of a rule beside the cost of parsing its message with orjson and pydantic.

    Attributes:
        name: the rule and its messages.
        rule: microseconds of the rule, per message.
        parsing: microseconds of parsing, per message.
        messages: number of messages.

    """

    name: str
    rule: float
    parsing: float
    messages: int

    def line(self) -> str:
        """Return it as a row of a table."""
        return f"| {self.name} ({self.messages}) | {self.rule:.1f} | {self.parsing:.1f} | {self.ratio:.2f} |"

    @property
    def ratio(self) -> float:
        """The rule's cost as a multiple of parsing its message."""
        return self.rule / self.parsing


def costs() -> Iterator[RuleCost]:
    """Measure every command and every contact of the carrier's example day."""
    pack = loading.load_one(PROJECT / "policies", "carrier")
    steps = list(_commands(pack))
    command_model, contact_model = pydantic_twin(Command), pydantic_twin(Contact)
    opening = [step for step in steps if isinstance(step[1].action, Open)]
    for name, measured in (("every command of the day", steps), ("opening a ticket", opening)):
        rule = sum(_median(partial(_decide, before, command, pack)) for before, command in measured)
        parsing = sum(_median(partial(_parse, command_model, command.to_json())) for _, command in measured)
        yield RuleCost(f"decide + evolve, {name}", rule / len(measured), parsing / len(measured), len(measured))
    contacts = [command.action.contact for _, command in opening if isinstance(command.action, Open)]
    rule = sum(_median(partial(route, contact, (), pack, contact.received_at)) for contact in contacts)
    parsing = sum(_median(partial(_parse, contact_model, contact.to_json())) for contact in contacts)
    yield RuleCost("route, every contact of the day", rule / len(contacts), parsing / len(contacts), len(contacts))


def _decide(before: Ticket | None, command: Command, pack: Pack) -> None:
    ticket = before
    for event in decide(before, command, pack, command.at, number="1").events:
        ticket = evolve(ticket, event)


def _parse(model: type[BaseModel], body: bytes) -> None:
    model.model_validate(orjson.loads(body))


def _median(call: Callable[[], object]) -> float:
    """Return the microseconds of a call: the median of ROUNDS rounds."""
    rounds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(REPEATS):
            call()
        rounds.append((time.perf_counter() - started) / REPEATS * 1e6)
    return statistics.median(rounds)


def _commands(pack: Pack) -> Iterator[tuple[Ticket | None, Command]]:
    """Return each command of the example day with the ticket before it."""
    day = tomllib.loads((PROJECT / "policies" / "carrier" / "day.toml").read_text(encoding="utf-8"))
    for number, case in enumerate(day["case"]):
        contact = build_contact(case["contact"], "carrier", number)
        id_, ticket = ticket_id(contact.id), None
        steps: list[tuple[Action, dict[str, Any]]] = [
            (Open(contact=contact, classification=classify(contact, pack)), {"at": contact.received_at})
        ]
        steps += [(msgspec.convert(step["do"], Action), step) for step in case.get("step", ())]
        for place, (action, step) in enumerate(steps):
            at, who = step["at"], (step.get("unit"), step.get("person"), step.get("level"))
            actor, authority = simulated_actor(action, "carrier", *who)
            command = Command(
                id=command_id(id_, place),
                ticket_id=id_,
                at=at,
                actor=actor,
                policy="carrier",
                action=action,
                authority=authority,
            )
            yield ticket, command
            events = decide(ticket, command, pack, at, number="1").events
            ticket = events[-1].ticket if events else ticket


def pydantic_twin(model: type[Model]) -> type[BaseModel]:
    """Return a pydantic model with the same fields and constraints."""
    return _PydanticTwins().model(model)


class _PydanticTwins:
    """Builds pydantic models from msgspec structs, each once."""

    def __init__(self) -> None:
        self._models: dict[type[Model], type[BaseModel]] = {}

    def model(self, model: type[Model]) -> type[BaseModel]:
        if model not in self._models:
            fields: dict[str, Any] = {}
            tag = model.__struct_config__.tag
            if tag is not None:
                fields["type"] = (Literal[tag], tag)
            for field in msgspec.structs.fields(model):
                # What a newer version has added is no field of the message.
                if field.encode_name != KEY:
                    fields[field.name] = (self._annotation(field.type), _default(field))
            config = ConfigDict(frozen=True, extra="forbid")
            self._models[model] = create_model(model.__name__, __config__=config, **fields)
        return self._models[model]

    def _annotation(self, annotation: Any) -> Any:
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            return self._constrained(arguments)
        if origin in {Union, UnionType}:
            return self._union(arguments)
        if origin is tuple:
            item: Any = self._annotation(arguments[0])
            return tuple[item, ...]
        if isinstance(annotation, type) and annotation is not NoneType and issubclass(annotation, Model):
            return self.model(annotation)
        return annotation

    def _constrained(self, arguments: tuple[Any, ...]) -> Any:
        meta = next(argument for argument in arguments[1:] if isinstance(argument, Meta))
        if meta.tz:
            return AwareDatetime
        constraints = {name: getattr(meta, name) for name in ("pattern", "min_length", "max_length", "ge", "le")}
        given = {name: value for name, value in constraints.items() if value is not None}
        return Annotated[self._annotation(arguments[0]), Field(**given)]

    def _union(self, arguments: tuple[Any, ...]) -> Any:
        union: Any = Union[tuple(self._annotation(argument) for argument in arguments)]  # noqa: UP007 - at run time
        tagged = all(isinstance(argument, type) and issubclass(argument, Model) for argument in arguments)
        return Annotated[union, Field(discriminator="type")] if tagged else union


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return Field(default_factory=field.default_factory)
    default = ... if field.required else field.default
    return None if isinstance(default, Model) else default


def main(arguments: Sequence[str]) -> None:
    """Print the costs, a line each; with --json as one JSON array, for `make bench-against`."""
    if "--json" in arguments:
        print(json.dumps([asdict(cost) for cost in costs()], ensure_ascii=False))
        return
    for cost in costs():
        print(
            f"{cost.name}: {cost.rule:.1f} µs, parsing {cost.parsing:.1f} µs, ratio {cost.ratio:.2f}, {cost.messages}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
