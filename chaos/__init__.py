"""Kills every process while a day runs, and checks afterwards that every promise was kept (DESIGN 9)."""
