"""`make faults-monitor`: monitors that join, leave, freeze or have a wrong clock, and outages of the stores.

Each fault is injected into real processes on a real broker and database, and its occurrence is verified.
"""
