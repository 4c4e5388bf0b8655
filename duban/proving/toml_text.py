"""Writes values as TOML on one line, as day files have them."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def inline(value: Any) -> str:
    """Return a value of text, number, truth, time, list or table as TOML on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        fields = ", ".join(f"{_key(name)} = {inline(each)}" for name, each in value.items())
        return f"{{ {fields} }}" if fields else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(inline, value)) + "]"
    # Of JSON's texts, TOML knows every escape but that of "/", which is never written.
    return json.dumps(value, ensure_ascii=False)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)
