"""Runs broker and database in containers with their official images (STACK=containers)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.container import DockerContainer

from deploy.local.plan import StackOptions
from deploy.local.ports import free_port, is_listening
from tests.builders import eventually

KAFKA, POSTGRES = "apache/kafka:4.3.0", "postgres:18"
PASSWORD = "duban"


def _kafka(port: int) -> DockerContainer:
    settings = {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_LISTENERS": "PLAINTEXT://0.0.0.0:9092,CONTROLLER://0.0.0.0:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
        "KAFKA_MESSAGE_MAX_BYTES": str(12 * 1024 * 1024),
        "KAFKA_LOG_MESSAGE_TIMESTAMP_AFTER_MAX_MS": "9223372036854775807",
        "CLUSTER_ID": "4L6g3nShT-eMCtK--X86sw",
    }
    container = DockerContainer(KAFKA).with_bind_ports(9092, port)
    for name, value in settings.items():
        container = container.with_env(name, value)
    return container


@contextmanager
def running_containers(options: StackOptions) -> Iterator[tuple[dict[str, Any], StackOptions]]:
    """Start both stores while the block runs, on ports that survive a restart.

    Yields the containers by name, and the options extended by their addresses.
    """
    ports = {"kafka": free_port(), "postgres": free_port()}
    postgres = PostgresContainer(POSTGRES, username="postgres", password=PASSWORD, dbname="postgres", driver=None)
    with _kafka(ports["kafka"]) as broker, postgres.with_bind_ports(5432, ports["postgres"]) as database:
        url = f"postgresql://postgres:{PASSWORD}@127.0.0.1:{ports['postgres']}/postgres"
        eventually(lambda: is_listening(ports["kafka"]), within=60, why="the broker's container does not listen")
        eventually(lambda: _accepts_connections(url), within=60, why="the database's container accepts no connections")
        yield (
            {"kafka": broker, "postgres": database},
            replace(options, kafka=f"127.0.0.1:{ports['kafka']}", postgres=url),
        )


def _accepts_connections(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
