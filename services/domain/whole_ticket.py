"""Puts the lists of a ticket together from its events: the ticket itself holds only the latest items (DECISIONS 38).

Pure. Works on decoded JSON, so that whoever may read the ledger's events can use it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

LISTS = ("evidence", "entries", "compensations", "links")
LATEST = 5
"""Items of a list that stay on a ticket, with which the list in its next event begins."""


def whole_lists(events: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the lists of a ticket in full, by the name of the field, where an event changed them.

    Args:
        events: documents of the ticket's events in order, each with `changes` and `clocks`; those that change no list
            may be missing.

    """
    found: dict[str, list[Any]] = {}
    extensions: dict[tuple[str, int, str, str], dict[str, Any]] = {}
    clocks: dict[tuple[str, int, int], Any] = {}
    for event in events:
        changes = event.get("changes") or {}
        for name in LISTS:
            if name in changes:
                known = found.setdefault(name, [])
                # The list in an event begins with what was on the ticket: the latest of those that are known.
                known += changes[name][min(len(known), LATEST) :]
        for extension in changes.get("extensions") or ():
            key = (extension["clock"], extension["run"], extension["asked_at"], extension["committed_until"])
            known_extension = extensions.setdefault(key, extension)
            extensions[key] = known_extension | {"state": extension["state"]}
        for clock in event.get("clocks") or ():
            clocks[clock["name"], clock["run"], clock["limit"]] = clock
    if extensions:
        found["extensions"] = list(extensions.values())
    if clocks:
        found["clocks"] = list(clocks.values())
    return found
