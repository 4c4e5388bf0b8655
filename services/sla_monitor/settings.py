"""What the monitor is told by its environment."""

from services.shared.runtime.settings import Settings


class MonitorSettings(Settings):
    """Settings of the monitor alone, beside those of every service."""

    first_load: int = 50_000
    """Nearest deadlines that are loaded before anything else after an assignment."""
    load_chunk: int = 20_000
    """Deadlines loaded at once after that."""
    tick_batch: int = 500
    """Ticks sent at once."""
