"""Notifier service: sends each notice to the right recipient once and keeps a record of it (R4.9, R5.7).

Consumes tickets.events, hot-issues, receipts and contacts.kept. Produces deliveries and commands; sends SMS, mail and
webhooks. Owns the schema notifier in PostgreSQL.
"""
