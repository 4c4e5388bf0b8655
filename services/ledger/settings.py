"""Settings of the ledger."""

from services.shared.runtime.settings import Settings


class LedgerSettings(Settings):
    """Settings of the ledger, in addition to those of every service."""

    sweep_every: float = 5.0
    """Real seconds between two searches of the sweeper for overdue tickets (DESIGN 4)."""
    sweep_after: float = 30.0
    """Real seconds that a ticket may be overdue before the sweeper sends a tick."""
    settle_after: float = 45.0
    """Real seconds after the takeover of a partition until its recently changed tickets are published once more: longer
    than a session timeout and a request of the previous owner together (DESIGN 3)."""
