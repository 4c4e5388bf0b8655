"""Client options for Kafka: how every client of this system connects and reads batches, in one place."""

import importlib.util
import ssl
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import MemberToRemove
from kafka.errors import KafkaConfigurationError, KafkaError

from services.shared.kafka import unreadable_batches
from services.shared.observability import logs
from services.shared.runtime.errors import ConfigurationError
from services.shared.runtime.settings import KafkaSettings

log = logs.get(__name__)

# Here, because every client of either library gets its options from this module; Faust's consumers are aiokafka's.
unreadable_batches.install()

LEAVE_TIMEOUT_MS = 4_000
"""Milliseconds for each step of leaving a group; a service as a whole has ten seconds to stop."""
BOOTSTRAP_TIMEOUT_MS = 5_000
"""Milliseconds within which a client has to reach the first broker; whoever can wait longer tries again."""
METADATA_MAX_AGE_MS = 5_000
"""Milliseconds after which a client refreshes its list of topics and partitions.

A broker that is still starting may not know its topics yet. The group leader that asks at that moment assigns none of
their partitions, and no member would notice before the next refresh.
"""


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """Return the connection options of kafka-python's clients.

    Raises:
        ConfigurationError: the native checksum is missing, without which the client is ten times slower.

    """
    if importlib.util.find_spec("crc32c") is None:
        raise ConfigurationError("the package crc32c is missing, without it Kafka is 10 times slower: run `make` again")
    password = settings.sasl_password
    return {
        "bootstrap_servers": settings.bootstrap_servers.split(","),
        "security_protocol": settings.security_protocol,
        "ssl_cafile": settings.ssl_cafile,
        "ssl_certfile": settings.ssl_certfile,
        "ssl_keyfile": settings.ssl_keyfile,
        "sasl_mechanism": settings.sasl_mechanism,
        "sasl_plain_username": settings.sasl_username,
        "sasl_plain_password": password.get_secret_value() if password else None,
        "reconnect_backoff_max_ms": 1_000,
        "bootstrap_timeout_ms": BOOTSTRAP_TIMEOUT_MS,
        "metadata_max_age_ms": METADATA_MAX_AGE_MS,
    }


def tls_context(settings: KafkaSettings) -> ssl.SSLContext | None:
    """Return the TLS context; None when the security protocol is without TLS."""
    if not settings.security_protocol.endswith("SSL"):
        return None
    context = ssl.create_default_context(cafile=settings.ssl_cafile)
    if settings.ssl_certfile is not None:
        context.load_cert_chain(settings.ssl_certfile, settings.ssl_keyfile)
    return context


def async_client_options(settings: KafkaSettings) -> dict[str, Any]:
    """Return the connection options of aiokafka's clients."""
    password = settings.sasl_password
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers.split(","),
        "security_protocol": settings.security_protocol,
        "ssl_context": tls_context(settings),
        "metadata_max_age_ms": METADATA_MAX_AGE_MS,
    }
    if settings.security_protocol.startswith("SASL"):
        options |= {
            "sasl_mechanism": settings.sasl_mechanism or "PLAIN",
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": password.get_secret_value() if password else None,
        }
    return options


def leave_group(settings: KafkaSettings, group: str, instance: str) -> None:
    """Remove a static member from its group, so that its partitions are reassigned without a session timeout.

    A broker that cannot be reached is only logged: it removes the member by itself once the session has expired.
    """
    options = client_options(settings) | {
        "client_id": instance,
        "request_timeout_ms": LEAVE_TIMEOUT_MS,
        "bootstrap_timeout_ms": LEAVE_TIMEOUT_MS,
    }
    try:
        admin = KafkaAdminClient(**options)
        try:
            (result,) = admin.remove_group_members(group, [MemberToRemove(group_instance_id=instance)]).values()
        finally:
            admin.close()
    except KafkaConfigurationError:
        raise
    except (KafkaError, OSError) as error:
        log.warning("leave_failed", group=group, instance=instance, error=type(error).__name__)
    else:
        log.info("left", group=group, instance=instance, answer=result.__name__)
