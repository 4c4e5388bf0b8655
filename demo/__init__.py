"""Plays a carrier's day on a real system: contacts at every door, departments, customers, and a live view."""
