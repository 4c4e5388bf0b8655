"""Tells the right person the right thing once, and proves it (R4.9, R5.7).

Consumes tickets.events. Produces deliveries; SMS and mail. Owns notifier.* in PostgreSQL.
"""
