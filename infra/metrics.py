"""Every metric, in one place: name, unit, what it means, what to do about it.

A worker keeps its metrics in one registry and serves them on the loopback where it is told a port (`serve`). Counters
begin at zero with the process; what was redelivered after a crash and is skipped is counted nowhere. Times are seconds.
"""

import time
from collections.abc import Callable
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    start_http_server,
)

from infra.errors import UserError

LOOPBACK: Final = "127.0.0.1"
REGISTRY: Final = CollectorRegistry()
FAST_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)

ENVELOPES: Final = Counter(
    "anfang_envelopes",
    "Valid envelopes taken, repeats too. Do: when it stands still while cameras send, read the worker's log.",
    registry=REGISTRY,
)
DUPLICATES: Final = Counter(
    "anfang_duplicates",
    "Envelopes that had been applied already and changed nothing. Do: nothing below a few percent; above, find the "
    "camera or gateway that sends everything twice.",
    registry=REGISTRY,
)
LATE: Final = Counter(
    "anfang_late_crossings",
    "Crossings that came after the grace period and are left to the nightly, and headcounts that did. Do: look for a "
    "camera with a wrong clock or a bad link; report headcounts at once; or raise ANFANG_GRACE_MINUTES.",
    registry=REGISTRY,
)
DEAD_LETTERS: Final = Counter(
    "anfang_dead_letters",
    "Messages refused, by reason. Do: `anfang dead-letters list`, mend the cause, `anfang dead-letters replay`.",
    ["reason"],
    registry=REGISTRY,
)
OUTPUTS: Final = Counter(
    "anfang_outputs",
    "Messages sent and acknowledged, by topic: occupancy minutes, alert states. Do: nothing; it says what was done.",
    ["topic"],
    registry=REGISTRY,
)
BATCH_SECONDS: Final = Histogram(
    "anfang_batch_seconds",
    "Seconds from taking a fetch until its state and outputs are durable. Do: above 1 s look at Kafka's disk and load.",
    buckets=FAST_S,
    registry=REGISTRY,
)
OUTPUT_AGE_SECONDS: Final = Histogram(
    "anfang_output_age_seconds",
    "Seconds from the sending of what caused an output until it is durable, by topic; for alerts the alert latency. "
    "Means nothing in a replay of the past. Do: above 1 s see lag and batch seconds.",
    ["topic"],
    buckets=FAST_S,
    registry=REGISTRY,
)
LAG_RECORDS: Final = Gauge(
    "anfang_lag_records",
    "Records that Kafka held beyond the last fetch, by topic and partition. Do: when it grows for minutes, the worker "
    "is too slow for what the cameras send.",
    ["topic", "partition"],
    registry=REGISTRY,
)
WATERMARK_AGE_SECONDS: Final = Gauge(
    "anfang_watermark_age_seconds",
    "Age of the zones' watermarks: of the newest and of the oldest zone; NaN before the first. Do: newest above 3 min: "
    "nothing arrives; only oldest: that zone's cameras are silent, see the alerts camera_silent.",
    ["zone"],
    registry=REGISTRY,
)
RECOVERY_SECONDS: Final = Gauge(
    "anfang_recovery_seconds",
    "How long the last recovery took, from getting partitions until outboxes were sent again. Do: above 60 s look at "
    "the size of the changelog topic.",
    registry=REGISTRY,
)
MISSING: Final = Gauge(
    "anfang_missing_envelopes",
    "Envelopes whose numbers cameras skipped: later ones came, these did not, or not yet. Of the zones touched by this "
    "process and the last four starts of each camera. Do: above 0 for minutes find the camera with `anfang nightly`, "
    "and why its producer lost them: spool full, or started without one.",
    registry=REGISTRY,
)
SPOOL_MESSAGES: Final = Gauge(
    "anfang_spool_messages",
    "Messages of a live producer that Kafka has not acknowledged yet. Do: when it grows for seconds, Kafka is away: "
    "`anfang status`.",
    registry=REGISTRY,
)
SPOOL_BYTES: Final = Gauge(
    "anfang_spool_bytes",
    "Bytes of these messages. Do: near ANFANG_SPOOL_MB bring Kafka back, or raise it and restart the producer.",
    registry=REGISTRY,
)
THINNED: Final = Counter(
    "anfang_thinned_detections",
    "Detections given up because the spool was full; crossings and counts were kept. Do: bring Kafka back.",
    registry=REGISTRY,
)
SPOOL_GIVEN_UP: Final = Counter(
    "anfang_spool_given_up",
    "What was lost because the spool was full even so, by what: messages without crossings, then crossings; or refused "
    "by Kafka for good. Do: bring Kafka back at once; the nightly shows the gap.",
    ["what"],
    registry=REGISTRY,
)
PUSHES: Final = Counter(
    "anfang_pushes",
    "Pushes of cameras that count on board, by camera (empty: not proven who) and outcome: taken, or why not. Do: "
    "unauthorised that grow: somebody has a wrong password; other refusals: `anfang dead-letters list`.",
    ["camera", "outcome"],
    registry=REGISTRY,
)
OUTBOX: Final = Gauge(
    "anfang_gateway_outbox",
    "Messages that the gateway holds on disk and Kafka does not have yet. Do: when it grows, look whether Kafka runs.",
    registry=REGISTRY,
)
DELIVERIES: Final = Counter(
    "anfang_deliveries",
    "Tries at sending a message to a subscriber, by kind (alert, digest, canary) and outcome. Do: when others than "
    "delivered grow, `anfang subscriptions list` says whose and why.",
    ["kind", "outcome"],
    registry=REGISTRY,
)
DELIVERY_SECONDS: Final = Histogram(
    "anfang_delivery_seconds",
    "Seconds from when a message was in the outbox and might be sent until the receiver had taken it. Do: above 10 s "
    "for most: a receiver is slow or away, `anfang subscriptions list`.",
    buckets=(*FAST_S, 600, 3600, 86400),
    registry=REGISTRY,
)
DELIVERY_LAST: Final = Gauge(
    "anfang_delivery_last_timestamp_seconds",
    "When a subscriber last took a message (unix time). Do: older than two hours where canaries go: `anfang "
    "subscriptions check`.",
    ["subscription"],
    registry=REGISTRY,
)
DELIVERY_WAITING: Final = Gauge(
    "anfang_delivery_waiting",
    "Messages in the outbox. Do: when it grows for minutes, `anfang subscriptions list` says whose receiver is away.",
    registry=REGISTRY,
)
DELIVERY_DEAD: Final = Gauge(
    "anfang_delivery_dead",
    "Subscriptions that nothing is sent to any more: they failed for three days, or are gone. Do: mend the receiver, "
    "add the subscription again, or remove it.",
    registry=REGISTRY,
)
DELIVERY_GIVEN_UP: Final = Counter(
    "anfang_delivery_given_up",
    "Alert states that a subscriber will never get, by why: refused for three days, dead (the subscription), not_valid "
    "(it, for three days), stale (older than three days when read). Do: `anfang subscriptions list`; read the log of "
    "`anfang deliver`.",
    ["why"],
    registry=REGISTRY,
)
SCHEDULE_SUCCESS: Final = Gauge(
    "anfang_schedule_last_success_timestamp_seconds",
    "When the job of `anfang schedule` that last succeeded was begun, Unix seconds. Do: older than a day (trends: a "
    "week): read the lines of `anfang schedule`.",
    ["job"],
    registry=REGISTRY,
)
SCHEDULE_FAILURES: Final = Counter(
    "anfang_schedule_failures",
    "Runs that failed, by job. Do: read the lines of `anfang schedule`; it tries again by itself.",
    ["job"],
    registry=REGISTRY,
)
SCHEDULE_EXIT: Final = Gauge(
    "anfang_schedule_exit_code",
    "Exit code of each job's last run. Do: other than 0 for hours: run the command by hand and read what it says.",
    ["job"],
    registry=REGISTRY,
)
METRICS: Final[tuple[Counter | Gauge | Histogram, ...]] = (
    ENVELOPES,
    DUPLICATES,
    LATE,
    DEAD_LETTERS,
    OUTPUTS,
    BATCH_SECONDS,
    OUTPUT_AGE_SECONDS,
    LAG_RECORDS,
    WATERMARK_AGE_SECONDS,
    RECOVERY_SECONDS,
    MISSING,
    SPOOL_MESSAGES,
    SPOOL_BYTES,
    THINNED,
    SPOOL_GIVEN_UP,
    PUSHES,
    OUTBOX,
    DELIVERIES,
    DELIVERY_SECONDS,
    DELIVERY_LAST,
    DELIVERY_WAITING,
    DELIVERY_DEAD,
    DELIVERY_GIVEN_UP,
    SCHEDULE_SUCCESS,
    SCHEDULE_FAILURES,
    SCHEDULE_EXIT,
)

watermarks_ms: Final[dict[str, int]] = {}
"""The watermark of each zone that this process has touched, UTC ms; the ages are taken from it when asked for."""
missing: Final[dict[str, int]] = {}
"""How many envelopes are missing of each zone that this process has touched."""


def _age_of(pick: Callable[[list[int]], int]) -> Callable[[], float]:
    def age_s() -> float:
        told = list(watermarks_ms.values())
        return time.time() - pick(told) / 1000 if told else float("nan")

    return age_s


WATERMARK_AGE_SECONDS.labels("newest").set_function(_age_of(max))
WATERMARK_AGE_SECONDS.labels("oldest").set_function(_age_of(min))
MISSING.set_function(lambda: float(sum(missing.values())))


def serve(port: int) -> None:
    """Serve the metrics at http://127.0.0.1:`port`/metrics from a thread. Raises UserError when the port is taken."""
    try:
        start_http_server(port, LOOPBACK, REGISTRY)
    except OSError as error:
        raise UserError(f"--metrics-port {port}: {error.strerror}", "give a free port, or leave it out") from error
