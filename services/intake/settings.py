"""What intake is told by its environment."""

from pydantic import SecretStr

from services.shared.settings import Settings


class IntakeSettings(Settings):
    """Settings of intake alone, beside those of every service."""

    http_host: str = "127.0.0.1"
    http_port: int = 8080
    contact_key_secret: SecretStr = SecretStr("change-me")
    """Keys the hash that contacts are partitioned by; the same in every intake of a deployment."""
    channel_policy: str = "carrier"
    """Pack under which contacts of the channel topics run."""
    acknowledge_within: float = 4.0
    """Real seconds within which the broker has to acknowledge; then the sender gets 503."""
    in_flight: int = 5000
    """Records that may wait for the broker at once; more senders get 503."""
