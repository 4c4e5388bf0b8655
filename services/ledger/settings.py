"""What the ledger is told by its environment."""

from services.shared.runtime.settings import Settings


class LedgerSettings(Settings):
    """Settings of the ledger alone, beside those of every service."""

    sweep_every: float = 5.0
    """Real seconds between two looks of the sweeper (DESIGN 4)."""
    sweep_after: float = 30.0
    """Real seconds a threshold may be overdue before the sweeper sends a tick itself."""
    settle_after: float = 45.0
    """Real seconds after taking over a partition until its changed tickets are published once more: longer than a
    session timeout and a request of the owner before (DESIGN 3)."""
