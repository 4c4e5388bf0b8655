"""Turns any channel's native message into a Contact or a Command; acknowledges only what Kafka has acknowledged.

Consumes HTTP, mail and the channel topics (`channel.<name>` of every channel that speaks JSON). Produces contacts,
contacts.kept, calls, tickets.commands, receipts and dead-letters. Owns intake.* in PostgreSQL (senders and their keys)
and the store of attachments.
"""
