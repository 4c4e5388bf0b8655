"""`make faults-delivery`: faults of everything that messages pass on their way, while a small load goes on.

A real system with 3 ledgers and 2 of every other service; each fault is followed by recovery and by the checker, and
what happened is written to docs/reliability.md.
"""
