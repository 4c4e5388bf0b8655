"""Reads the evidence to which a message refers, by the rules of its channel's mapping. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from services.intake.domain.fields import MAX_ID_LENGTH, InputErrors, bounded_reference, parse_whole_number
from services.intake.domain.mapping import EvidenceMapping, MessageMapping, first_value, value_at

_SHA256 = re.compile("[0-9a-f]{64}")


def read_evidence(form: MessageMapping, message: Mapping[str, Any], errors: InputErrors) -> list[dict[str, Any]]:
    """Return the references to evidence of a message with the properties that can be read (R2.2).

    A size or digest that cannot be read is left out and flagged: the evidence itself is worth more than they are.
    """
    evidence: list[dict[str, Any]] = []
    for rule in form.evidence:
        if rule.unless_any and evidence:
            continue
        for part in _parts(rule, message, errors):
            reference, _ = first_value(part, rule.reference) if rule.reference else (part.get(""), None)
            reference = str(reference) if isinstance(reference, int) and not isinstance(reference, bool) else reference
            if isinstance(reference, str) and bounded_reference(reference.strip(), errors):
                evidence.append({"kind": rule.kind, "reference": reference, **_properties(rule, part, errors)})
    return evidence


def _parts(rule: EvidenceMapping, message: Mapping[str, Any], errors: InputErrors) -> list[Mapping[str, Any]]:
    """Return the objects that refer to evidence; an item that is only a reference gets the empty key."""
    if rule.items_at is None:
        return [message]
    value = value_at(message, rule.items_at)
    if value is None:
        return []
    if not isinstance(value, list):
        errors.add(rule.items_at, "bad_schema", "write this as a list")
        return []
    return [item if isinstance(item, Mapping) else {"": item} for item in value]


def _properties(rule: EvidenceMapping, part: Mapping[str, Any], errors: InputErrors) -> dict[str, Any]:
    read = {"name": _text, "media_type": _text, "size": _size, "sha256": _digest}
    paths = {name: getattr(rule, name) for name in read}
    properties: dict[str, Any] = {}
    for name, path in paths.items():
        value = value_at(part, path) if path is not None else None
        if value is None or value == "":
            continue
        properties[name] = read[name](value)
        if properties[name] is None:
            errors.flag("evidence_property_unread")
    return properties


def _text(value: Any) -> str | None:
    return value.strip()[:MAX_ID_LENGTH] or None if isinstance(value, str) else None


def _size(value: Any) -> int | None:
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(whole, str):
        return parse_whole_number(whole.strip())
    return whole if isinstance(whole, int) and not isinstance(whole, bool) and whole >= 0 else None


def _digest(value: Any) -> str | None:
    digest = value.strip().lower() if isinstance(value, str) else ""
    return digest if _SHA256.fullmatch(digest) else None
