"""What people say of an alert, and how it gets into the topic `dispositions`.

"Acknowledged" is sent as `unsure` with a note that begins so (`infra/links.py` too): it answers the alert without
judging it; a later verdict stands in for it.
"""

from typing import Final, Protocol

from confluent_kafka import KafkaError, Message, Producer

from dashboards.web.guard import printable
from infra.events import SCHEMA_VERSION, Alert, Disposition, Verdict, derived_id, encoder
from infra.links import VERDICTS, LinkVerdict
from infra.settings import Settings
from infra.topics import DISPOSITIONS, PARTITIONER, topic_name

Said = LinkVerdict
SAID_VERDICTS: Final = VERDICTS
ACKNOWLEDGED: Final = "acknowledged"
MOST_NOTE: Final = 500
SEND_TIMEOUT_S: Final = 8.0


def disposition(alert: Alert, what: Said, text: str, by: str, now_ms: int) -> Disposition:
    """What `by` said of the alert at `now_ms` (UTC), in their own words `text`."""
    verdict: Verdict = "unsure" if what == "acknowledged" else what
    return Disposition(
        schema_version=SCHEMA_VERSION,
        disposition_id=derived_id("disposition", alert.alert_id, by, now_ms, what),
        alert_id=alert.alert_id,
        estate_id=alert.estate_id,
        event_ms=now_ms,
        verdict=verdict,
        by=by,
        note=noted(what, text),
    )


def noted(what: Said, text: str) -> str:
    """What goes into the disposition's note for a person's own words: at most `MOST_NOTE` printable characters."""
    clean = printable(text, MOST_NOTE)
    return f"{ACKNOWLEDGED}: {clean}".removesuffix(": ") if what == ACKNOWLEDGED else clean


def said(one: Disposition) -> Said:
    """Which button it was."""
    return "acknowledged" if one.verdict == "unsure" and one.note.startswith(ACKNOWLEDGED) else one.verdict


def note(one: Disposition) -> str:
    """The person's own words."""
    return one.note.removeprefix(ACKNOWLEDGED).removeprefix(": ") if said(one) == ACKNOWLEDGED else one.note


class Answers(Protocol):
    """Where dispositions go."""

    def send(self, answer: Disposition, zone_id: str) -> bool:
        """Whether the disposition is durable now; `zone_id` is its alert's. May block for `SEND_TIMEOUT_S`."""
        ...


class KafkaAnswers:
    """To Kafka, acknowledged by all replicas. Threads may share it."""

    def __init__(self, settings: Settings) -> None:
        self._topic = topic_name(DISPOSITIONS, settings)
        self._producer = Producer(
            {
                "bootstrap.servers": settings.kafka_address(),
                "partitioner": PARTITIONER,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 0,
                "message.timeout.ms": int(SEND_TIMEOUT_S * 1000),
                "log_level": 0,
            }
        )

    def send(self, answer: Disposition, zone_id: str) -> bool:
        """See `Answers`."""
        outcome: list[KafkaError | None] = []

        def delivered(error: KafkaError | None, _message: Message | None) -> None:
            outcome.append(error)

        try:
            self._producer.produce(
                self._topic, encoder.encode(answer), zone_id.encode(), timestamp=answer.event_ms, on_delivery=delivered
            )
        except BufferError:
            return False
        self._producer.flush(SEND_TIMEOUT_S + 1)
        return outcome == [None]
