"""Settings of the SLA monitor."""

from services.shared.runtime.settings import Settings


class MonitorSettings(Settings):
    """Settings of the SLA monitor, in addition to those of every service."""

    first_load: int = 50_000
    """Deadlines in the first chunk that is loaded after an assignment, nearest first."""
    load_chunk: int = 20_000
    """Deadlines in each further chunk."""
    tick_batch: int = 500
    """Maximum number of ticks published at once."""
