"""docs/reference/commands.md, events.md and models.md: what goes over the topics, from the models of the contract."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from deploy.tools.reference import docstrings, markdown
from schemas import contact, json_schema
from schemas.base import Model
from schemas.command import MODELS, Command
from schemas.event import TicketEvent
from schemas.ticket import Status
from services.domain.events import ENTRY, EVENTS, EventDetails
from services.intake.commands import INTERNAL
from services.ledger.domain.lifecycle import ANY, LIFECYCLE, name_of
from services.shared.kafka import topics
from services.shared.kafka.topic_models import model_of

TEMPLATE = "models.md#{name}"
NAMED = ("Name", "Code", "Text", "Reference", "Money")
"""Types of schemas/contact.py that the tables name instead of repeating their bounds."""
OF_COMMANDS = """\
A command is the value of a record of `tickets.commands`. `POST /v1/tickets/<number>/commands` takes `action`, `actor`
and `expected_version`; `duban ticket do` writes them from its arguments. `reclassify`, `split` and `correct` may have
`set` there, with the fields that change, in the place of `classification` or `customer`: the door completes it from the
ticket as it stands, and the ledger refuses it with `version_mismatch` if that has changed. What an action changes is
published as an [event](events.md); [States of a ticket](../states.md) has the moves between the statuses.
[Models](models.md) explains field types."""
OF_EVENTS = """\
An event is the value of a record of `tickets.events`: what changed, why, and the ticket after the change.
[Subscribing to tickets](../subscribe.md) tells how to read the topic without a gap. The header `ce_type` of a record is
`duban.ticket.<type>`. [Models](models.md) explains field types."""
OF_MODELS = """\
The values of the topics and what they are made of. The same as JSON Schema: `schemas/exported/`; as AsyncAPI:
`schemas/asyncapi.yaml`. Field types written with a capital are these, or models of this page."""
OF_DETAILS = """\
What `details` holds, by type; names in parentheses may be missing. *Threshold*: whether a clock made the event by
itself, without a person."""

OF_ENTRIES = "Entries of a pack's case record may have types of their own; their details are"

Schema = Mapping[str, Any]


def commands_page() -> str:
    """Return docs/reference/commands.md: the command and every action."""
    definitions = _definitions()
    sections = [
        markdown.paragraph(OF_COMMANDS),
        "## The command",
        markdown.paragraph(definitions["Command"]["description"]),
        _fields(definitions["Command"], instead={"action": "one of the actions below"}),
        "## Actions",
    ]
    for name, model in MODELS.items():
        definition = definitions[json_schema.published_name(model)]
        fields = _fields(definition, instead={"type": ""})
        sections += [f"### {name}", markdown.paragraph(definition["description"]), _allowed(name), fields]
    return markdown.page("Commands and actions", *sections)


def events_page() -> str:
    """Return docs/reference/events.md: the event, and every type with its details."""
    definition = _definitions()["TicketEvent"]
    return markdown.page(
        "Events",
        markdown.paragraph(OF_EVENTS),
        "## The event",
        markdown.paragraph(definition["description"]),
        _fields(definition),
        "## Types of events",
        markdown.paragraph(OF_DETAILS),
        markdown.table(("type", "what happened", "details", "threshold"), map(_event, sorted(EVENTS))),
        markdown.paragraph(f"{OF_ENTRIES} {_details(ENTRY)}."),
    )


def models_page() -> str:
    """Return docs/reference/models.md: the named types, and every model but the command, its actions and the event."""
    definitions = _definitions()
    models: list[type[Model]] = [Command, TicketEvent, *MODELS.values()]
    elsewhere = {json_schema.published_name(model) for model in models}
    texts, schemas = docstrings.of_constants(contact), _named_schemas()
    named = [(name, ", ".join(_bounds(schemas[name])), markdown.prose(texts[name])) for name in NAMED]
    sections = [
        markdown.paragraph(OF_MODELS),
        "## Named types",
        markdown.table(("type", "bounds", "meaning"), named),
        "## All models",
    ]
    for name in sorted(set(definitions) - elsewhere):
        definition = definitions[name]
        values = ", ".join(markdown.code(str(value)) for value in definition.get("enum", ()))
        sections += [
            f"### {name}",
            markdown.paragraph(definition.get("description", "")),
            markdown.paragraph(f"One of {values}.") if values else _fields(definition),
        ]
    return markdown.page("Models", *sections)


def _definitions() -> dict[str, dict[str, Any]]:
    """Return the schema of every model that a topic's value leads to, by its published name."""
    models = [model_of(topic) for topic in topics.load().values() if topic.model is not None]
    _, definitions = json_schema.components(models, template=TEMPLATE)
    return definitions


def _named_schemas() -> dict[str, Schema]:
    return {name: msgspec.json.schema(getattr(contact, name)) for name in NAMED}


def _event(name: str) -> tuple[str, str, str, str]:
    details = EVENTS[name]
    return markdown.code(name), markdown.prose(details.meaning), _details(details), details.threshold


def _details(details: EventDetails) -> str:
    names = [markdown.code(name) for name in sorted(details.always)]
    names += [f"({markdown.code(name)})" for name in sorted(details.sometimes)]
    return ", ".join(names)


def _allowed(action: str) -> str:
    statuses = next(row.allowed for model, row in LIFECYCLE.items() if name_of(model) == action)
    names = ", ".join(markdown.code(status) for status in Status if status in statuses)
    internal = " Only services send it: intake refuses it." if action in INTERNAL else ""
    return markdown.paragraph(("Allowed always." if statuses == ANY else f"Allowed while {names}.") + internal)


def _fields(definition: Schema, *, instead: Mapping[str, str] | None = None) -> str:
    """Return the table of a model's fields.

    Args:
        definition: the model as JSON Schema.
        instead: what to print as the type of some fields; empty: the field is left out.

    """
    types, required = instead or {}, definition.get("required", ())
    rows = [
        (
            markdown.code(name),
            types.get(name) or _type(field),
            "yes" if name in required else _default(field),
            markdown.prose(field.get("description", "")),
        )
        for name, field in definition.get("properties", {}).items()
        if types.get(name) != ""
    ]
    return markdown.table(("field", "type", "needed", "meaning"), rows)


def _default(field: Schema) -> str:
    value = field.get("default")
    if not value and not isinstance(value, bool | int):
        return ""
    return f"else {markdown.code(str(value).lower() if isinstance(value, bool) else str(value))}"


def _type(schema: Schema) -> str:
    """Return the type of a field in words; a model by its name, linked to its table."""
    if "$ref" in schema:
        page, _, name = schema["$ref"].partition("#")
        return f"[{name}]({page}#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"] if each.get("type") != "null")
    if "enum" in schema:
        return "one of " + ", ".join(markdown.code(str(value)) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    bounds = {name: value for name, value in schema.items() if name not in {"description", "default"}}
    for name, named in _named_schemas().items():
        if bounds == named:
            return f"[{name}](models.md#named-types)"
    return ", ".join([schema.get("format") or WORDS.get(str(schema.get("type")), "any value"), *_bounds(schema)])


WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
}


def _bounds(schema: Schema) -> Iterator[str]:
    words = {
        "minimum": "at least {}",
        "maximum": "at most {}",
        "maxLength": "at most {} characters",
        "pattern": "`{}`",
    }
    yield from (text.format(schema[name]) for name, text in words.items() if name in schema)
