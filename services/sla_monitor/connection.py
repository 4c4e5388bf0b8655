"""How the monitor's asynchronous Kafka clients connect: the plumbing's settings, in aiokafka's and Faust's words."""

import ssl
from typing import Any

import faust

from services.shared.settings import KafkaSettings


def context(settings: KafkaSettings) -> ssl.SSLContext | None:
    """Return the TLS context, if TLS is asked for."""
    if not settings.security_protocol.endswith("SSL"):
        return None
    made = ssl.create_default_context(cafile=settings.ssl_cafile)
    if settings.ssl_certfile is not None:
        made.load_cert_chain(settings.ssl_certfile, settings.ssl_keyfile)
    return made


def consumer_options(settings: KafkaSettings) -> dict[str, Any]:
    """Return the connection part of an aiokafka consumer's options."""
    password = settings.sasl_password
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers.split(","),
        "security_protocol": settings.security_protocol,
        "ssl_context": context(settings),
    }
    if settings.security_protocol.startswith("SASL"):
        options |= {
            "sasl_mechanism": settings.sasl_mechanism or "PLAIN",
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": password.get_secret_value() if password else None,
        }
    return options


def application(settings: KafkaSettings, name: str) -> faust.App:
    """Return a Faust app that has a producer and our services, and nothing that listens on a port."""
    credentials = None
    tls = context(settings)
    if settings.security_protocol.startswith("SASL"):
        password = settings.sasl_password
        credentials = faust.SASLCredentials(
            username=settings.sasl_username,
            password=password.get_secret_value() if password else None,
            mechanism=settings.sasl_mechanism or "PLAIN",
            ssl_context=tls,
        )
    elif tls is not None:
        credentials = faust.SSLCredentials(context=tls)
    app = faust.App(
        name,
        broker=[f"kafka://{each}" for each in settings.bootstrap_servers.split(",")],
        broker_credentials=credentials,
        store="memory://",
        web_enabled=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
        producer_acks=-1,
        producer_linger_ms=2,
    )
    # Its own consumer would be an agent's; ours reads many records at once (DESIGN 4).
    app.producer_only = True
    return app
