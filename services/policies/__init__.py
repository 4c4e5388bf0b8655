"""Versions of policy packs in PostgreSQL: every service decides by the version in force (R4.12)."""
