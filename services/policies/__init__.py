"""Versions of policy packs in PostgreSQL: every service decides by the one in force (R4.12)."""
