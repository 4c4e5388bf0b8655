"""Turns the messages of all channels into contacts, and requests into commands; the entry of the system.

Accepts HTTP, SMTP and the channel topics (`channel.<name>` of every channel that sends JSON), and acknowledges a
message only after Kafka has acknowledged its records. Produces contacts, contacts.kept, calls, tickets.commands,
receipts and dead-letters. Owns the schema intake in PostgreSQL (senders and their keys) and the attachment store.
"""
