"""Asks the broker whether it answers, on a connection of its own."""

from contextlib import suppress

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from services.shared.kafka.connection import client_options
from services.shared.runtime.errors import Retryable
from services.shared.runtime.settings import KafkaSettings

ANSWER_WITHIN_MS = 2_000
"""Milliseconds within which a broker has to answer: what hangs is reported within five seconds."""


class BrokerProbe:
    """Asks any broker of the cluster; after a failure it connects anew."""

    def __init__(self, settings: KafkaSettings, name: str) -> None:
        self._options = client_options(settings) | {
            "client_id": f"{name}-probe",
            "bootstrap_timeout_ms": ANSWER_WITHIN_MS,
            "request_timeout_ms": ANSWER_WITHIN_MS,
        }
        self._admin: KafkaAdminClient | None = None

    def ask(self) -> bool:
        """Return True when a broker has answered.

        Raises:
            Retryable: none does in time.

        """
        try:
            if self._admin is None:
                self._admin = KafkaAdminClient(**self._options)
            self._admin.describe_cluster()
        except (KafkaError, OSError) as error:
            self.close()
            raise Retryable(f"the broker is unavailable ({type(error).__name__})") from error
        return True

    def close(self) -> None:
        """Disconnect."""
        admin, self._admin = self._admin, None
        if admin is not None:
            with suppress(KafkaError, OSError):
                admin.close()
