"""Generates schemas/asyncapi.yaml, the AsyncAPI 3 description of every topic, from topics.toml and the models."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from deploy.tools.checkout import PROJECT
from schemas import json_schema
from services.shared.kafka import topics
from services.shared.kafka.topic_models import model_of
from services.shared.kafka.topics import Topic

FILE = PROJECT / "schemas" / "asyncapi.yaml"
EXAMPLES = PROJECT / "schemas" / "examples"
REFERENCE = "#/components/schemas/{name}"
HEADERS: Mapping[str, tuple[str, str]] = {
    "ce_specversion": ("CloudEvents version", "1.0"),
    "ce_id": (
        "identical in every copy of a record: skip ids already processed",
        "0d6f5d0e-8f0a-5f3a-9a6b-0b8a4a2f9d11",
    ),
    "ce_source": ("service that wrote the record", "/duban/ledger"),
    "ce_type": ("event type", "duban.ticket.accepted"),
    "ce_time": ("business time of the event", "2026-03-12T01:00:00+00:00"),
    "ce_subject": ("id of the ticket or other entity concerned", "7c1b6c1e-6f0e-5f0e-8a53-8f3a9f1f7a10"),
    "content-type": ("media type of the value", "application/json"),
    "traceparent": (
        "W3C trace context; all records of a ticket share one trace",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ),
}
OPTIONAL = frozenset({"traceparent"})
"""Headers that a record may lack."""


def document(version: str) -> dict[str, Any]:
    """Return the AsyncAPI document for a version of Duban."""
    described = {name: topic for name, topic in topics.load().items() if topic.model is not None}
    models = [model_of(topic) for topic in described.values()]
    _, schemas = json_schema.components(models, template=REFERENCE)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Duban",
            "version": version,
            "description": "Topics of Duban: those that other systems read and those between its own services. "
            "docs/subscribe.md shows how to subscribe without a gap, docs/versions.md has the rules for versions.",
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
        "channels": {name: _channel(name, topic) for name, topic in described.items()},
        "operations": dict(_operations(described)),
        "components": {
            "messages": {_message_name(topic): _message(name, topic) for name, topic in described.items()},
            "messageTraits": {"cloudEvent": {"headers": _headers()}},
            "schemas": {name: _without_mapping(schema) for name, schema in schemas.items()},
        },
    }


def _without_mapping(schema: Any) -> Any:
    """Return a schema whose discriminators are field names only, as AsyncAPI requires."""
    if isinstance(schema, list):
        return [_without_mapping(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {name: _without_mapping(value) for name, value in schema.items()}
    if isinstance(result.get("discriminator"), dict):
        result["discriminator"] = result["discriminator"]["propertyName"]
    return result


def _message_name(topic: Topic) -> str:
    return json_schema.published_name(model_of(topic))


def _channel(name: str, topic: Topic) -> dict[str, Any]:
    retention = topic.retention_hours * 3_600_000 if topic.retention_hours else -1
    return {
        "address": name,
        "title": topic.title,
        "description": f"Key: {topic.key}.",
        "messages": {_message_name(topic): {"$ref": f"#/components/messages/{_message_name(topic)}"}},
        "bindings": {
            "kafka": {"topicConfiguration": {"cleanup.policy": [topic.cleanup], "retention.ms": retention}},
        },
    }


def _operations(described: Mapping[str, Topic]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return an operation for each service that writes or reads a topic, by id."""
    for name, topic in described.items():
        yield from (_operation(service, "send", name, topic) for service in topic.producers)
        yield from (_operation(service, "receive", name, topic) for service in topic.consumers)


def _operation(service: str, action: str, name: str, topic: Topic) -> tuple[str, dict[str, Any]]:
    id_ = f"{service}_{action}_{name}".replace(".", "_").replace("-", "_")
    return id_, {
        "action": action,
        "title": f"{service} {'writes' if action == 'send' else 'reads'} {name}",
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/{_message_name(topic)}"}],
    }


def _message(name: str, topic: Topic) -> dict[str, Any]:
    model = model_of(topic)
    description = (model.__doc__ or topic.title).strip()
    message: dict[str, Any] = {
        "name": json_schema.published_name(model),
        "title": topic.title,
        "summary": description.splitlines()[0],
        "contentType": "application/json",
    }
    if name == "dead-letters":
        # The value is the original bytes; the model describes the headers.
        return message | {
            "headers": {"$ref": f"#/components/schemas/{json_schema.published_name(model)}"},
            "payload": {},
        }
    key = {"type": "string", "description": topic.key}
    return message | {
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


class _NoAliasDumper(yaml.SafeDumper):
    """Writes repeated values in full instead of as YAML anchors, so that each is readable in place."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def text(version: str) -> str:
    """Return the content of asyncapi.yaml for a version of Duban."""
    head = "# Generated by `make docs` from topics.toml and the models.\n"
    return head + yaml.dump(document(version), Dumper=_NoAliasDumper, allow_unicode=True, sort_keys=False, width=120)
