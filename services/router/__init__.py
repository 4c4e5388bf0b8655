"""Same or new ticket, kind, type, tier, priority, department: one explained decision for each contact.

Consumes contacts. Produces tickets.commands. Owns router.* in PostgreSQL (where each contact went and why).
"""
