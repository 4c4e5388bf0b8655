"""Resolves the types of documents before they are used, so that threads may decode at once.

msgspec resolves a type at its first use, and what it knows of a struct is visible to other threads from the beginning
of that: a thread that decodes the same struct meanwhile reads types that are not there yet, and the process ends with
SIGSEGV. Every door decodes in several threads, and the first requests after a start come at once.
"""

import threading
from typing import Any

import msgspec

_resolving = threading.Lock()
_resolved: set[Any] = set()


def ensure_resolved(type_: Any) -> None:
    """Resolve a type and all that it consists of, unless that is done; other threads wait until then.

    To be called before each use of msgspec with a type of which a struct is part, unless a decoder has been made of it
    while its module was imported.
    """
    if type_ in _resolved:
        return
    with _resolving:
        msgspec.json.Decoder(type_)
        _resolved.add(type_)
