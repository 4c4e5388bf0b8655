"""Plans callbacks and surveys after an answer, and opens a re-handle ticket after a bad result (R5.3-R5.5).

Consumes tickets.events. Produces tickets.commands. Owns callback.* in PostgreSQL.
"""
