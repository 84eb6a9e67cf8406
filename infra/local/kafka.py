"""Kafka as one process: broker and controller in one (KRaft), listening on the loopback only."""

import base64
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from infra.errors import UserError
from infra.local.files import log_file, private_folder, stack_home, write_private
from infra.local.java import find_java
from infra.local.parts import kafka_jars
from infra.local.ports import LOOPBACK, Ports
from infra.local.process import Process, start_detached
from infra.settings import Settings
from infra.topics import MAX_MESSAGE_BYTES

HEAP: Final = "512m"
FOREVER_MS: Final = 2**63 - 1
LOG_LEVELS: Final = """\
status = warn
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
logger.broker.name = org.apache.kafka.server.BrokerLifecycleManager
logger.broker.level = info
"""


def server_properties(ports: Ports, data: Path) -> dict[str, str]:
    """Kafka's configuration: one node, topics only by intent, event times as old as they come."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{LOOPBACK}:{ports.kafka_controller}",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{ports.kafka},CONTROLLER://{LOOPBACK}:{ports.kafka_controller}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{ports.kafka}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        "message.max.bytes": str(MAX_MESSAGE_BYTES),
        "replica.fetch.max.bytes": str(MAX_MESSAGE_BYTES),
        "log.message.timestamp.before.max.ms": str(FOREVER_MS),
        "log.message.timestamp.after.max.ms": str(FOREVER_MS),
        "offsets.retention.minutes": str(60 * 24 * 365),
        "offsets.topic.num.partitions": "4",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
    }


def as_properties(values: Mapping[str, str]) -> str:
    """Lines of a Java properties file."""
    return "".join(f"{key}={value}\n" for key, value in values.items())


def start_kafka(settings: Settings, ports: Ports) -> Process:
    """Start Kafka on its data, formatting that on the first start."""
    folder = private_folder(stack_home(settings) / "kafka")
    properties, data = folder / "server.properties", folder / "data"
    write_private(properties, as_properties(server_properties(ports, data)))
    write_private(folder / "log4j2.properties", LOG_LEVELS)
    if not (data / "meta.properties").exists():
        _format(settings, properties)
    argv = [*_java(settings, HEAP), "kafka.Kafka", str(properties)]
    return start_detached(argv, log_file(settings, "kafka"))


def kafka_answers(port: int, timeout_s: float = 2.0) -> bool:
    """Whether a broker answers with its list of topics."""
    client = AdminClient({"bootstrap.servers": f"{LOOPBACK}:{port}", "log_level": 0})
    try:
        client.list_topics(timeout=timeout_s)
    except KafkaException:
        return False
    return True


def _format(settings: Settings, properties: Path) -> None:
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    argv = [*_java(settings, "128m"), "kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}"]
    done = subprocess.run([*argv, "-c", str(properties)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UserError(
            f"Kafka could not format {properties.parent / 'data'}: {(done.stdout + done.stderr).strip()[-500:]}",
            "see that the disk has room and the folder is yours",
        )


def _java(settings: Settings, heap: str) -> list[str]:
    logging = f"-Dlog4j2.configurationFile={stack_home(settings) / 'kafka' / 'log4j2.properties'}"
    return [str(find_java()), f"-Xmx{heap}", "-XX:+UseSerialGC", logging, "-cp", f"{kafka_jars(settings)}/*"]
