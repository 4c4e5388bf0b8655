"""How every Kafka client of ours connects; the one place that knows the client's names for it."""

import importlib.util
import ssl
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import MemberToRemove
from kafka.errors import KafkaConfigurationError, KafkaError

from services.shared.observability import logs
from services.shared.runtime.errors import ConfigurationError
from services.shared.runtime.settings import KafkaSettings

log = logs.get(__name__)

LEAVE_WITHIN_MS = 4_000
"""Milliseconds for each step of leaving a group, within the time that a service has for its end."""
METADATA_MAX_AGE_MS = 5_000
"""Milliseconds after which a client asks again which topics and partitions there are.

A broker that is just starting may not know its topics yet. The leader of a group that asks at that moment assigns
none of their partitions, and nobody in the group would notice before it asks again.
"""


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """Return the client options for reaching the broker.

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
        "metadata_max_age_ms": METADATA_MAX_AGE_MS,
    }


def tls(settings: KafkaSettings) -> ssl.SSLContext | None:
    """Return the TLS context, if TLS is asked for."""
    if not settings.security_protocol.endswith("SSL"):
        return None
    made = ssl.create_default_context(cafile=settings.ssl_cafile)
    if settings.ssl_certfile is not None:
        made.load_cert_chain(settings.ssl_certfile, settings.ssl_keyfile)
    return made


def asynchronous(settings: KafkaSettings) -> dict[str, Any]:
    """Return the options of aiokafka's clients for reaching the broker."""
    password = settings.sasl_password
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers.split(","),
        "security_protocol": settings.security_protocol,
        "ssl_context": tls(settings),
        "metadata_max_age_ms": METADATA_MAX_AGE_MS,
    }
    if settings.security_protocol.startswith("SASL"):
        options |= {
            "sasl_mechanism": settings.sasl_mechanism or "PLAIN",
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": password.get_secret_value() if password else None,
        }
    return options


def leave(settings: KafkaSettings, group: str, instance: str) -> None:
    """Take a static member out of its group, so that nobody waits for it; a broker that is away notices by itself."""
    options = connection(settings) | {
        "client_id": instance,
        "request_timeout_ms": LEAVE_WITHIN_MS,
        "bootstrap_timeout_ms": LEAVE_WITHIN_MS,
    }
    try:
        admin = KafkaAdminClient(**options)
        try:
            (error,) = admin.remove_group_members(group, [MemberToRemove(group_instance_id=instance)]).values()
        finally:
            admin.close()
    except KafkaConfigurationError:
        raise
    except (KafkaError, OSError) as away:
        log.warning("not_left", group=group, instance=instance, error=type(away).__name__)
    else:
        log.info("left", group=group, instance=instance, answer=error.__name__)
