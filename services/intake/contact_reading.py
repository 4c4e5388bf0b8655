"""Shows the outcome of a contact to its own sender, and to keys that read its ticket."""

from typing import Any
from uuid import UUID

from services.intake import access_log, outcomes
from services.intake.http_context import HttpContext
from services.intake.reading import PresentedDocument, Reader


def visible_outcome(context: HttpContext, reader: Reader, reference: UUID) -> tuple[str, dict[str, Any]] | None:
    """Return sender and outcome of a contact; None if there is none that the reader may see.

    What a sender asks about its own contacts is no reading of a ticket: it sees nothing but the ticket's number, status
    and promise. Of others it is recorded.

    Raises:
        Retryable: the database is unavailable, or cannot record the reading.

    """
    sender = reader.sender
    found = outcomes.contact_outcome(context.database, reference)
    if found is None or found[0] == sender.name:
        return found
    ticket = found[1]["ticket"]
    if "read" not in sender.actions or ticket is None:
        return None
    stored = outcomes.ticket_by_id(context.database, UUID(ticket["id"]))
    if stored is None or stored.ticket is None or not reader.may_read(stored.ticket):
        return None
    record = reader.record("contact", "reference", [PresentedDocument(ticket, "masked")])
    access_log.write(context.database, record)
    context.metrics.reads.labels("contact", record.fields).inc()
    return found
