"""`make faults-monitor`: monitors that join, leave, freeze and err about the time, and stores that go away.

Each fault is injected into real processes on a real broker and a real database, and shown to have happened.
"""
