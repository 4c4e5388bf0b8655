"""The router: one explained decision for each contact, on its ticket, kind, types, tier, priority and department.

Consumes contacts, contacts.kept and calls. Produces tickets.commands, and contacts of calls without a form. Owns
router.* in PostgreSQL (where each contact went and why, calls, messages that open no ticket).
"""
