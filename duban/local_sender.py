"""Creates the sender with which the system on this machine is used, and waits until intake serves its key."""

import time
from collections.abc import Callable
from http import HTTPStatus
from uuid import UUID

import httpx
import psycopg

from deploy.local import Stack
from deploy.local.errors import LocalError
from duban.system_connection import LOCAL_SENDER
from services.domain.authority.judge import CALLBACK_ROLE
from services.domain.authority.reach import ANY
from services.intake import sender_store
from services.intake.senders import Sender

KEY_WITHIN = 30.0
KEY_INTERVAL = 0.2
"""Real seconds within which intake has to serve a new key, and between two tries."""
LOCAL = Sender(
    LOCAL_SENDER,
    ("carrier", ANY),
    (ANY,),
    ("contacts", "commands", "read", "search", "personal", "receipts"),
    (ANY,),
    (CALLBACK_ROLE,),
)
"""It may do everything that a unit may, and stands for every unit: for one machine, not for a deployment."""


def ensure(stack: Stack) -> str:
    """Create the local sender, or give it its key again, and return the key."""
    key = stack.folder.secret(LOCAL_SENDER)
    with psycopg.connect(stack.database_url()) as connection:
        sender_store.add(connection, LOCAL, key=key)
    return key


def wait_for_key(url: str, key: str, *, pause: Callable[[float], None] = time.sleep) -> None:
    """Return when intake serves requests with a new key, which it reads every few seconds.

    Args:
        url: base URL of intake.
        key: the key.
        pause: waits some real seconds.

    Raises:
        LocalError: it still does not after KEY_WITHIN.

    """
    answer = ""
    for _ in range(int(KEY_WITHIN / KEY_INTERVAL)):
        try:
            # Asks for a contact that cannot exist, which neither changes nor counts anything.
            response = httpx.get(
                f"{url}/v1/contacts/{UUID(int=0)}", headers={"Authorization": f"Bearer {key}"}, timeout=5
            )
        except httpx.HTTPError as error:
            answer = type(error).__name__
        else:
            if response.status_code == HTTPStatus.NOT_FOUND:
                return
            answer = str(response.status_code)
        pause(KEY_INTERVAL)
    raise LocalError(f"intake does not serve the key of {LOCAL_SENDER!r} ({answer}): look at `duban logs intake`")


def curl(url: str, key: str) -> str:
    """Return a curl command line that sends a first contact."""
    body = (
        '{"channel": "web", "message_id": "first-1", "customer": {"phone": "13800000001", "name": "Li"}, '
        '"text": "宽带断网三天了"}'
    )
    return (
        f"curl -s '{url}/v1/contacts?wait=5' -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' "
        f"-d '{body}'"
    )
