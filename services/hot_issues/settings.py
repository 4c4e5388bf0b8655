"""What the service of hot issues is told by its environment."""

from services.shared.runtime.settings import Settings


class HotIssueSettings(Settings):
    """Settings of hot issues alone, beside those of every service."""

    look_every: float = 5.0
    """Real seconds between two looks at every issue that is not closed."""
