"""Detects bursts of similar complaints: a hot issue opens, grows, calms and closes; its tickets are linked (R3.7).

Consumes tickets.events. Produces hot-issues, tickets.commands and dead-letters. Owns hot_issues.* in PostgreSQL.
A Faust app of its own, so that nothing in it can delay the SLA timers (DESIGN 4).
"""
