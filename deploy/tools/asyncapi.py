"""schemas/asyncapi.yaml: every topic as AsyncAPI 3 describes it, from topics.toml and the models."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from schemas import json_schema
from services.shared.kafka import topics
from services.shared.kafka.topic_models import model_of
from services.shared.kafka.topics import Topic
from services.shared.runtime.settings import PROJECT

FILE = PROJECT / "schemas" / "asyncapi.yaml"
EXAMPLES = PROJECT / "schemas" / "examples"
TEMPLATE = "#/components/schemas/{name}"
HEADERS: Mapping[str, tuple[str, str]] = {
    "ce_specversion": ("version of CloudEvents", "1.0"),
    "ce_id": ("the same for every copy of the record: drop what you have seen", "0d6f5d0e-8f0a-5f3a-9a6b-0b8a4a2f9d11"),
    "ce_source": ("the service that wrote it", "/duban/ledger"),
    "ce_type": ("what happened", "duban.ticket.accepted"),
    "ce_time": ("when it happened, in business time", "2026-03-12T01:00:00+00:00"),
    "ce_subject": ("what it is about", "7c1b6c1e-6f0e-5f0e-8a53-8f3a9f1f7a10"),
    "content-type": ("of the value", "application/json"),
    "traceparent": (
        "W3C trace context; a ticket's whole life is one trace",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ),
}
OPTIONAL = frozenset({"traceparent"})


def document(version: str) -> dict[str, Any]:
    """Return the document."""
    listed = {name: each for name, each in topics.load().items() if each.model is not None}
    models = [model_of(each) for each in listed.values()]
    _, schemas = json_schema.components(models, template=TEMPLATE)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Duban",
            "version": version,
            "description": "Topics of Duban: what it writes for others to read, and what its services tell each other. "
            "How to subscribe without a gap is in docs/subscribe.md, the rules for versions in docs/versions.md.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "broker": {
                "host": "{host}:{port}",
                "protocol": "kafka",
                "description": "The deployment's Apache Kafka",
                "variables": {"host": {"default": "127.0.0.1"}, "port": {"default": "9092"}},
            }
        },
        "channels": {name: _channel(name, each) for name, each in listed.items()},
        "operations": dict(_operations(listed)),
        "components": {
            "messages": {_message(each): _described(name, each) for name, each in listed.items()},
            "messageTraits": {"cloudEvent": {"headers": _headers()}},
            "schemas": {name: _plain(each) for name, each in schemas.items()},
        },
    }


def _plain(schema: Any) -> Any:
    """Return a schema as AsyncAPI wants it: a discriminator is the field's name alone."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    told = {name: _plain(each) for name, each in schema.items()}
    if isinstance(told.get("discriminator"), dict):
        told["discriminator"] = told["discriminator"]["propertyName"]
    return told


def _message(topic: Topic) -> str:
    return json_schema.published_name(model_of(topic))


def _channel(name: str, topic: Topic) -> dict[str, Any]:
    retention = topic.retention_hours * 3_600_000 if topic.retention_hours else -1
    return {
        "address": name,
        "title": topic.title,
        "description": f"Key: {topic.key}.",
        "messages": {_message(topic): {"$ref": f"#/components/messages/{_message(topic)}"}},
        "bindings": {
            "kafka": {"topicConfiguration": {"cleanup.policy": [topic.cleanup], "retention.ms": retention}},
        },
    }


def _operations(listed: Mapping[str, Topic]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, topic in listed.items():
        who = {"send": topic.producers, "receive": topic.consumers}
        for action, names in who.items():
            for each in names:
                title = f"{each} {'writes' if action == 'send' else 'reads'} {name}"
                id_ = f"{each}_{action}_{name}".replace(".", "_").replace("-", "_")
                reference = f"#/channels/{name}/messages/{_message(topic)}"
                yield (
                    id_,
                    {
                        "action": action,
                        "title": title,
                        "channel": {"$ref": f"#/channels/{name}"},
                        "messages": [{"$ref": reference}],
                    },
                )


def _described(name: str, topic: Topic) -> dict[str, Any]:
    model = model_of(topic)
    text = (model.__doc__ or topic.title).strip()
    told: dict[str, Any] = {
        "name": json_schema.published_name(model),
        "title": topic.title,
        "summary": text.splitlines()[0],
        "contentType": "application/json",
    }
    if name == "dead-letters":
        # The value is the original bytes; what is known of it stands in the headers.
        return told | {"headers": {"$ref": f"#/components/schemas/{json_schema.published_name(model)}"}, "payload": {}}
    key = {"type": "string", "description": topic.key}
    return told | {
        "traits": [{"$ref": "#/components/messageTraits/cloudEvent"}],
        "payload": {"$ref": f"#/components/schemas/{json_schema.published_name(model)}"},
        "bindings": {"kafka": {"key": key}},
        "examples": [
            {"name": file.stem, "payload": json.loads(file.read_text(encoding="utf-8"))}
            for file in sorted((EXAMPLES / name).glob("*.json"))
        ],
    }


def _headers() -> dict[str, Any]:
    return {
        "type": "object",
        "required": [name for name in HEADERS if name not in OPTIONAL],
        "properties": {
            name: {"type": "string", "description": text, "examples": [example]}
            for name, (text, example) in HEADERS.items()
        },
    }


class _Plain(yaml.SafeDumper):
    """Writes no anchors: a reader finds each value where it belongs."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the library's protocol
        return True


def text(version: str) -> str:
    """Return the file."""
    head = "# Generated by `make docs` from topics.toml and the models.\n"
    return head + yaml.dump(document(version), Dumper=_Plain, allow_unicode=True, sort_keys=False, width=120)
