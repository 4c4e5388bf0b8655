"""Plans callbacks and surveys, scores the answers, sends bad ones back (R5.3-R5.5).

Consumes tickets.events. Produces tickets.commands. Owns callback.* in PostgreSQL.
"""
