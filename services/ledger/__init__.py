"""The only writer of tickets: decide, record, publish.

Consumes tickets.commands. Produces tickets.state, tickets.events and tickets.commands (to itself).
Owns ledger.* in PostgreSQL.
"""
