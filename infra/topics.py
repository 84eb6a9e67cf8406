"""The Kafka topics: names, partitions, retention, compaction; created by the project, never by accident.

All topics that are keyed by zone have the same number of partitions and the same partitioner (murmur2), so that what
one zone needs lies in the same partition of each.
"""

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.cimpl import NewTopic

from infra.errors import UserError
from infra.settings import Settings

MAX_MESSAGE_BYTES: Final = 8_000_000
MAX_CONTENT_BYTES: Final = MAX_MESSAGE_BYTES - 10_000
"""Of key and value together: headers and Kafka's own fields fit into the rest."""
PARTITIONER: Final = "murmur2_random"
CONNECT_TIMEOUT_S: Final = 8.0
COMPACTED: Final = {"cleanup.policy": "compact", "segment.ms": "3600000"}
"""Kafka never compacts the segment that it writes to: a new one each hour, so that who joins late reads little."""

SEGMENT_MS: Final = 86_400_000
"""Kafka deletes whole segments, when their last record is too old: one that fills slowly would be kept a week more."""


@dataclass(frozen=True)
class Topic:
    """One topic. `retention_days` is None where compaction keeps the last value of each key instead."""

    name: str
    retention_days: int | None
    what: str


DETECTIONS: Final = Topic("detections", 7, "envelopes from cameras, keyed by zone")
GATE_PASSAGES: Final = Topic("gate_passages", 7, "decisions of personnel gates, keyed by the zone they let into")
HEADCOUNTS: Final = Topic("headcounts", 365, "persons in a zone as somebody counted them, keyed by zone")
OCCUPANCY: Final = Topic("occupancy", 7, "occupancy minutes and their corrections, keyed by zone")
OCCUPANCY_LATEST: Final = Topic("occupancy_latest", None, "each zone as it is now, keyed by zone")
ALERTS: Final = Topic("alerts", 90, "alert states: opened, updated, closed; keyed by zone")
DISPOSITIONS: Final = Topic("dispositions", 365, "what people said of alerts, keyed by the zone of the alert")
BASELINES: Final = Topic("baselines", None, "hour-of-week baselines from the nightly, keyed by line")
SUBSCRIPTIONS: Final = Topic("subscriptions", None, "who is told of which alerts, and how; keyed by subscription")
DEAD_LETTERS: Final = Topic("dead_letters", 30, "refused messages: their own bytes, with headers saying where and why")
TOPICS: Final = (
    DETECTIONS,
    GATE_PASSAGES,
    HEADCOUNTS,
    OCCUPANCY,
    OCCUPANCY_LATEST,
    ALERTS,
    DISPOSITIONS,
    BASELINES,
    SUBSCRIPTIONS,
    DEAD_LETTERS,
)

# Headers of a dead letter; its key and value are the refused message's own bytes.
HEADER_REASON: Final = "reason"
HEADER_DETAIL: Final = "detail"
HEADER_TOPIC: Final = "source_topic"
HEADER_PARTITION: Final = "source_partition"
HEADER_OFFSET: Final = "source_offset"
HEADER_TIMESTAMP: Final = "source_timestamp_ms"
# What the gateway refused was in no topic: instead of partition and offset its letter names the camera and its address.
HEADER_CAMERA: Final = "camera_id"
HEADER_REMOTE: Final = "remote"
# A letter that was replayed is answered in the same topic: same headers, no value, and this reason. What was sent back
# to the source topic carries the header `HEADER_REPLAYED`: topic/partition/offset of the message first refused.
REASON_REPLAYED: Final = "replayed"
HEADER_REPLAYED: Final = "replayed_from"


def topic_name(topic: Topic, settings: Settings) -> str:
    """The topic's name in Kafka, with the deployment's prefix."""
    return f"{settings.topic_prefix}{topic.name}"


def unreachable(address: str, cause: str) -> UserError:
    """The one message for a Kafka that does not answer."""
    return UserError(
        f"Kafka did not answer at {address} within {CONNECT_TIMEOUT_S:.0f} s ({cause})",
        "start it with `anfang up`, or set ANFANG_KAFKA to an address that can be reached",
    )


def admin(settings: Settings) -> AdminClient:
    """An admin client for the configured Kafka. Raises UserError when no broker answers in `CONNECT_TIMEOUT_S`."""
    address = settings.kafka_address()
    client = AdminClient({"bootstrap.servers": address, "log_level": 0})
    try:
        client.list_topics(timeout=CONNECT_TIMEOUT_S)
    except KafkaException as error:
        raise unreachable(address, str(error.args[0].str())) from error
    return client


def create_topics(settings: Settings) -> list[str]:
    """Create the topics that are missing; returns the names created. Existing ones are left as they are."""
    client = admin(settings)
    existing = set(client.list_topics(timeout=CONNECT_TIMEOUT_S).topics)
    missing = [topic for topic in TOPICS if topic_name(topic, settings) not in existing]
    futures = client.create_topics([_new_topic(topic, settings) for topic in missing]) if missing else {}
    return [name for name, future in futures.items() if _created(future)]


def _created(future: Future[None]) -> bool:
    """Whether the topic is new; False when somebody else made it a moment ago."""
    try:
        future.result()
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
        return False
    return True


def set_retention(settings: Settings) -> list[str]:
    """Give existing topics the time limits that new ones have; returns the names of those that had others."""
    client = admin(settings)
    wanted = {topic_name(t, settings): _limits(t) for t in TOPICS if t.retention_days is not None}
    asked = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in wanted]
    found = {resource.name: future.result() for resource, future in client.describe_configs(asked).items()}
    wrong = [name for name, limits in wanted.items() if any(found[name][k].value != v for k, v in limits.items())]
    changes = [
        ConfigResource(
            ConfigResource.Type.TOPIC,
            name,
            incremental_configs=[
                ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
                for key, value in wanted[name].items()
            ],
        )
        for name in wrong
    ]
    for future in client.incremental_alter_configs(changes).values() if changes else ():
        future.result()
    return wrong


def _limits(topic: Topic) -> dict[str, str]:
    return {"retention.ms": str((topic.retention_days or 0) * 86_400_000), "segment.ms": str(SEGMENT_MS)}


def _new_topic(topic: Topic, settings: Settings) -> NewTopic:
    config = {"max.message.bytes": str(MAX_MESSAGE_BYTES), "message.timestamp.type": "CreateTime"}
    if topic.retention_days is None:
        config |= COMPACTED
    elif settings.keep_all_history:
        config |= {"retention.ms": "-1"}
    else:
        config |= _limits(topic)
    return NewTopic(
        topic_name(topic, settings),
        num_partitions=settings.partitions,
        replication_factor=settings.replication_factor,
        config=config,
    )
