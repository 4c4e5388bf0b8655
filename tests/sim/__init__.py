"""A deterministic simulation of ledger and monitors: the same seed is the same history, to the last record."""
