"""Same or new ticket, kind, type, tier, priority, department: one explained decision for each contact.

Consumes contacts, contacts.kept and calls. Produces tickets.commands, and contacts of calls without a form. Owns
router.* in PostgreSQL (where each contact went and why, calls, messages that opened nothing).
"""
