"""A deterministic simulation of ledgers and SLA monitors: the same seed gives the same records."""
