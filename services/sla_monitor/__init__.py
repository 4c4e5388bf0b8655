"""Sends a `tick` command for every SLA timer on time: snapshot, then events, kept in a heap of deadlines (DESIGN 4).

Consumes tickets.events. Produces tickets.commands and dead-letters. Owns nothing in PostgreSQL; reads ledger.clock.
"""
