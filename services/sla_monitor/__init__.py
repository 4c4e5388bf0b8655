"""Fires every clock on time: snapshot + tail + heap → `tick` (DESIGN 4).

Consumes tickets.events. Produces tickets.commands and dead-letters. Owns nothing in PostgreSQL; reads ledger.clock.
"""
