"""Breaking the system on purpose, and checking afterwards that every promise was kept (DESIGN 9)."""
