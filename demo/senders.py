"""The keys of the carrier whose day is played: each system has its own, and acts for its own units (DECISIONS 35)."""

from collections.abc import Mapping

import psycopg

from deploy.local import Stack
from duban.policy_folder import DEFAULT_POLICIES
from services.domain.authority.judge import CALLBACK_ROLE
from services.domain.policy import loading
from services.intake import sender_store
from services.intake.senders import PORTAL_ROLE, Sender

PACK = "carrier"
CENTRE = "provincial_centre"
CHANNEL = "channel"
TAKING = ("app", "callback", "email", "hotline", "mail", "sms", "store", "web", "wechat")
"""Channels on which the carrier's customers complain; a re-handled case comes by callback."""

WEBSITE = Sender("website", (PACK,), ("app", "mail", "sms", "web"), ("contacts",))
"""Website, app, mail and SMS platform: they put contacts in."""
HALLS = Sender("halls", (PACK,), ("store",), ("contacts",))
"""The halls' programs, and their files."""
CALL_CENTRE = Sender(
    "call_centre",
    (PACK,),
    TAKING,
    ("contacts", "commands", "read"),
    units=(CENTRE, CHANNEL),
    roles=(CALLBACK_ROLE,),
)
"""The call centre's program: the complaint centre and the accepting channel work in it."""
HEADQUARTERS = Sender(
    "headquarters", (PACK,), TAKING, ("commands", "read"), units=("hq_centre", "hq_service"), roles=(CALLBACK_ROLE,)
)
"""Headquarters' program: it oversees escalated complaints and appeals, and calls their customers back."""
PORTAL = Sender("portal", (PACK,), TAKING, ("commands",), roles=(PORTAL_ROLE,))
"""The app in which customers sign in."""
GATEWAY = Sender("gateway", (PACK,), (), ("receipts",))
"""The SMS gateway, which reports deliveries."""


_PROGRAMS = {unit: sender.name for sender in (CALL_CENTRE, HEADQUARTERS) for unit in sender.units}


def department_senders() -> list[Sender]:
    """Return a key for the system of each other unit: it acts for that unit alone."""
    units = loading.load_one(DEFAULT_POLICIES, PACK).units
    return [Sender(code, (PACK,), (), ("commands",), units=(code,)) for code in units if code not in _PROGRAMS]


def sender_of_unit(unit: str | None) -> str:
    """Return the name of the sender that acts for a unit; for None, for a customer."""
    return PORTAL.name if unit is None else _PROGRAMS.get(unit, unit)


def ensure_senders(stack: Stack) -> Mapping[str, str]:
    """Create the carrier's senders on a system, or give them their keys again; returns the keys by sender."""
    senders = (WEBSITE, HALLS, CALL_CENTRE, HEADQUARTERS, PORTAL, GATEWAY, *department_senders())
    keys = {sender.name: stack.folder.secret(f"sender_{sender.name}") for sender in senders}
    with psycopg.connect(stack.database_url()) as connection:
        for sender in senders:
            sender_store.add(connection, sender, key=keys[sender.name])
    return keys
