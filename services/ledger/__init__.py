"""Decides commands, stores tickets and their events, and publishes both: the only writer of tickets.

Consumes tickets.commands. Produces tickets.state, tickets.events and tickets.commands (to itself).
Owns ledger.* in PostgreSQL.
"""
