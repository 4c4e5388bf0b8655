"""Turns any channel's native message into a Contact or a Command; acknowledges only what Kafka has acknowledged.

Consumes HTTP and the channel topics (channel.hotline, channel.store). Produces contacts, tickets.commands and
dead-letters. Owns intake.* in PostgreSQL (senders and their keys).
"""
