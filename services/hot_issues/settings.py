"""Settings of the hot-issue service."""

from services.shared.runtime.settings import Settings


class HotIssueSettings(Settings):
    """Settings of the hot-issue service, in addition to those of every service."""

    look_every: float = 5.0
    """Real seconds between two evaluations of every issue that is not closed."""
