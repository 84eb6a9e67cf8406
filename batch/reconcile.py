"""Reconciliation: where the streams published other counts than the batch finds, why, and when the operator is told.

The cause of a differing zone-minute is what suffices to explain it: crossings that were sent after the streams' grace
(`late`), crossings that the streams refused and that are valid now (`dead_letter`; the site file was mended), a minute
of which the streams published nothing (`outage`); else it is `unexplained`, which is a defect until somebody knows.

The alert is a state in the topic `alerts` of the rule `reconciliation`, about the day, in the estate's outermost zone.
It opens when the share of differing minutes is above `limits.reconciliation.most_share` and closes when the day is
loaded again and is not.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

import msgspec
from clickhouse_driver import Client
from confluent_kafka import Producer
from msgspec import Struct
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 the name everyone knows

from batch.days import Period, minute_of
from batch.tables import with_effects
from infra.alert_words import MEASURED, word
from infra.clock import Clock
from infra.errors import UserError
from infra.events import SCHEMA_VERSION, Alert, AlertStatus, derived_id, encoder
from infra.settings import Settings
from infra.site import Site
from infra.topics import ALERTS, PARTITIONER, topic_name
from warehouse.client import ask, query

RULE: Final = "reconciliation"
CAUSES: Final = ("late", "dead_letter", "outage", "unexplained")
DELIVERY_TIMEOUT_S: Final = 30


def differences(minutes: DataFrame, suspect: DataFrame, period: Period) -> DataFrame:
    """The rows of `minutes` (as of `tables.zone_minutes`) that differ, each with its cause.

    `suspect` are crossings that the streams may lack, as of `DayCrossings.suspect`.
    """
    flagged = with_effects(_each_once(suspect), period)
    counted = flagged.groupBy("day", "minute", "zone_id").agg(
        F.count_if("late").cast("long").alias("late_crossings"),
        F.count_if("refused").cast("long").alias("refused_crossings"),
    )
    differing = minutes.where((F.col("ins") != F.col("batch_ins")) | (F.col("outs") != F.col("batch_outs")))
    joined = differing.join(counted, ["day", "minute", "zone_id"], "left")
    flags = [F.coalesce(name, F.lit(0)).alias(name) for name in ("late_crossings", "refused_crossings")]
    columns = ("estate_id", "day", "minute", "zone_id", "ins", "outs", "batch_ins", "batch_outs", "revision")
    return joined.select(*columns, *flags).withColumn("cause", _cause()).drop("revision")


def _each_once(suspect: DataFrame) -> DataFrame:
    found = suspect.groupBy("day", "crossing_id").agg(
        F.first("line_id").alias("line_id"),
        F.first("direction").alias("direction"),
        F.min("event_ms").alias("event_ms"),
        F.max("late").alias("late"),
        F.max("refused").alias("refused"),
    )
    return found.withColumn("minute", minute_of(F.col("event_ms")))


def _cause() -> Column:
    missing = F.abs(F.col("ins") - F.col("batch_ins")) + F.abs(F.col("outs") - F.col("batch_outs"))
    late, refused = F.col("late_crossings"), F.col("refused_crossings")
    return (
        F.when(late >= missing, "late")
        .when(refused >= missing, "dead_letter")
        .when(late + refused >= missing, "late")
        .when(F.col("revision") == 0, "outage")
        .otherwise("unexplained")
    )


class Agreement(Struct, frozen=True, array_like=True):
    """Of a day's zone-minutes, how many stream and batch counted differently."""

    day: date
    minutes: int
    differing: int

    @property
    def differing_share(self) -> float:
        """Of none, none."""
        return self.differing / self.minutes if self.minutes else 0.0


class Told(Struct, frozen=True):
    """The last state of a day's alert."""

    revision: int
    status: AlertStatus
    opened_ms: int
    measured: dict[str, float]


def next_state(site: Site, found: Agreement, causes: Mapping[str, int], told: Told | None, now_ms: int) -> Alert | None:
    """What is to be told of the day now: the alert opens, changes or closes; None where there is nothing new."""
    share = found.differing_share
    over, is_open = share > site.limits.reconciliation.most_share, told is not None and told.status != "closed"
    counts = {cause: float(causes.get(cause, 0)) for cause in CAUSES}
    measured = counts | {"minutes": float(found.minutes), "share": round(share, 6)}
    if not (over or is_open) or (over and is_open and told is not None and told.measured == measured):
        return None
    status: AlertStatus = "closed" if not over else "updated" if is_open else "opened"
    because = ", ".join(f"{word(MEASURED, cause, 'en')} {number:.0f}" for cause, number in counts.items() if number)
    zone = _outermost(site)
    return Alert(
        schema_version=SCHEMA_VERSION,
        alert_id=alert_id(site, found.day),
        revision=told.revision + 1 if told else 1,
        estate_id=site.estate.id,
        zone_id=zone,
        subject_id=zone,
        rule=RULE,
        severity="warning",
        status=status,
        opened_ms=told.opened_ms if told else now_ms,
        updated_ms=now_ms,
        closed_ms=now_ms if status == "closed" else None,
        explanation=f"{found.day}: streams and nightly differ in {found.differing} zone-minutes "
        f"({100 * share:.2f}%, limit {100 * site.limits.reconciliation.most_share:g}%)"
        + (f": {because}" if because else ""),
        measured=measured,
        evidence=[f"nightly/{found.day}"],
    )


def alert_id(site: Site, day: date) -> str:
    """The id of a day's alert."""
    return derived_id(RULE, site.estate.id, str(day))


def _outermost(site: Site) -> str:
    roots = [zone for zone in site.zones if zone.parent is None]
    return next((zone.id for zone in roots if zone.kind == "estate"), roots[0].id)


def tell(settings: Settings, site: Site, client: Client, days: Sequence[date], clock: Clock) -> list[Alert]:
    """Tell the operator of those of the days that are loaded what is new; returns the states sent.

    `client` is the loader's. Raises UserError when Kafka did not take them; the next run that is asked for these days
    then tells them, whether it loads them or not.
    """
    estate, first, last = site.estate.id, min(days), max(days)
    causes: dict[date, dict[str, int]] = {}
    rows = ask(client, "difference_causes", estate=estate, first=first, last=last)
    for day, cause, minutes in msgspec.convert(rows, list[tuple[date, str, int]]):
        causes.setdefault(day, {})[cause] = minutes
    states = []
    loaded = ask(client, "agreement_of_days", estate=estate, first=first, last=last)
    for one in msgspec.convert(loaded, list[Agreement]):
        if one.day not in days:
            continue
        rows = ask(client, "reconciliation_alert", estate=estate, alert_id=alert_id(site, one.day))
        told = msgspec.convert(dict(zip(Told.__struct_fields__, rows[0], strict=True)), Told) if rows else None
        state = next_state(site, one, causes.get(one.day, {}), told, clock.now_ms())
        states += [state] if state else []
    if states:
        _send(settings, states)
        client.execute(query("record_reconciliation_alert"), [_recorded(state) for state in states])
    return states


def _recorded(state: Alert) -> dict[str, object]:
    names = ("estate_id", "alert_id", "revision", "status", "opened_ms", "measured")
    return {name: getattr(state, name) for name in names}


def _send(settings: Settings, states: list[Alert]) -> None:
    producer = Producer(
        {
            "bootstrap.servers": settings.kafka_address(),
            "partitioner": PARTITIONER,
            "enable.idempotence": True,
            "message.timeout.ms": DELIVERY_TIMEOUT_S * 1000,
            "log_level": 0,
        }
    )
    for state in states:
        producer.produce(topic_name(ALERTS, settings), encoder.encode(state), state.zone_id.encode())
    if left := producer.flush(DELIVERY_TIMEOUT_S):
        raise UserError(f"Kafka did not take {left} alerts of reconciliation", "look at `anfang status`, run it again")
