"""Mutates the rules of every pack, and the defaults in Python, and shows which mistakes nothing would notice."""
