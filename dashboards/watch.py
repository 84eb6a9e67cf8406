"""`anfang watch`: live occupancy and alerts in the terminal, from the topics `occupancy` and `alerts`.

The state is the newest revision of each zone's minute and of each alert; `taken` and `frame` are pure. The shell below
reads the last records of each partition first, so that the first frame shows what holds now.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from msgspec import Struct
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from infra.clock import HOUR_MS, MINUTE_MS, Clock, SystemClock
from infra.events import Alert, Coverage, OccupancyMinute, Severity
from infra.settings import Settings
from infra.site import Site, Zone
from infra.topics import ALERTS, CONNECT_TIMEOUT_S, OCCUPANCY, admin, topic_name, unreachable

TAIL: Final = 5_000
TAIL_OFFSET: Final = -2_000 - TAIL  # librdkafka's RD_KAFKA_OFFSET_TAIL(TAIL): that many before the end
POLL_S: Final = 0.25
MOST_ALERTS: Final = 12
MOST_ZONES: Final = 24
SEVERITY_STYLE: Final[dict[Severity, str]] = {"info": "cyan", "warning": "yellow", "critical": "bold red"}
COVERAGE_STYLE: Final[dict[Coverage, str]] = {"full": "green", "partial": "yellow", "unknown": "red"}
SEVERITY_RANK: Final[dict[Severity, int]] = {"critical": 0, "warning": 1, "info": 2}


class State(Struct, frozen=True):
    """The newest minute of each zone, the newest state of each alert; `unreadable` messages were passed over."""

    minutes: Mapping[str, OccupancyMinute]
    alerts: Mapping[str, Alert]
    unreadable: int = 0


EMPTY: Final = State({}, {})


def taken(state: State, messages: Iterable[OccupancyMinute | Alert | None], estate_id: str) -> State:
    """The state after `messages` (None: an unreadable one); other estates' and older revisions change nothing."""
    minutes, alerts, unreadable = dict(state.minutes), dict(state.alerts), state.unreadable
    for message in messages:
        match message:
            case None:
                unreadable += 1
            case OccupancyMinute(estate_id=estate, zone_id=zone) if estate == estate_id:
                minutes[zone] = _newer_minute(minutes.get(zone), message)
            case Alert(estate_id=estate, alert_id=alert) if estate == estate_id:
                alerts[alert] = _newer_alert(alerts.get(alert), message)
    return State(minutes, alerts, unreadable)


def _newer_minute(known: OccupancyMinute | None, new: OccupancyMinute) -> OccupancyMinute:
    if known is None or (new.minute_ms, new.revision) >= (known.minute_ms, known.revision):
        return new
    return known


def _newer_alert(known: Alert | None, new: Alert) -> Alert:
    return new if known is None or new.revision >= known.revision else known


def decoded(topic_is_alerts: bool, value: bytes | None) -> OccupancyMinute | Alert | None:
    """A message of one of the two topics; None where it cannot be read."""
    try:
        if topic_is_alerts:
            return msgspec.json.decode(value or b"", type=Alert)
        return msgspec.json.decode(value or b"", type=OccupancyMinute)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def frame(state: State, site: Site, now_ms: int) -> RenderableType:
    """What the terminal shows."""
    parts: list[RenderableType] = [occupancy_table(state, site, now_ms), Text(), alert_table(state, site, now_ms)]
    if state.unreadable:
        parts.append(Text(f"{state.unreadable} unreadable messages passed over", style="red"))
    return Group(*parts)


def occupancy_table(state: State, site: Site, now_ms: int) -> Table:
    """One row for each zone in the site's order; of a large site the estate itself and the fullest zones."""
    zones = shown_zones(state, site)
    part = "" if len(zones) == len(site.zones) else f": the {len(zones)} fullest of {len(site.zones)} zones"
    table = Table(title=f"{site.estate.name}  在场人数 occupancy{part}", title_justify="left", expand=True)
    for name in ("zone", "now", "95 %", "of capacity", "in", "out", "coverage", "age"):
        right = name in ("now", "95 %", "in", "out", "age")
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    for zone in zones:
        minute = state.minutes.get(zone.id)
        if minute is None:
            table.add_row(zone.name, "—", "", "", "", "", Text("no data", style="dim"), "")
            continue
        table.add_row(
            zone.name,
            Text(f"{minute.occupancy:.0f}", style="bold"),
            f"{minute.low:.0f}–{minute.high:.0f}",
            _bar(minute.occupancy, zone.capacity),
            f"+{minute.ins}",
            f"-{minute.outs}",
            Text(minute.coverage, style=COVERAGE_STYLE[minute.coverage]),
            age(now_ms - minute.minute_ms - MINUTE_MS),
        )
    return table


def shown_zones(state: State, site: Site) -> list[Zone]:
    """At most `MOST_ZONES` zones: those without a parent first, then by share of capacity; in the site's order."""

    def rank(zone: Zone) -> tuple[bool, float]:
        minute = state.minutes.get(zone.id)
        return zone.parent is None, minute.occupancy / max(zone.capacity, 1) if minute else -1.0

    kept = {zone.id for zone in sorted(site.zones, key=rank, reverse=True)[:MOST_ZONES]}
    return [zone for zone in site.zones if zone.id in kept]


def _bar(occupancy: float, capacity: int) -> RenderableType:
    if not capacity:
        return ""
    share = occupancy / capacity
    style = "green" if share < 0.8 else "yellow" if share < 1 else "red"
    bar = ProgressBar(total=1, completed=min(share, 1), width=20, complete_style=style, finished_style=style)
    grid = Table.grid(padding=(0, 1))
    grid.add_row(bar, f"{share:4.0%} of {capacity}")
    return grid


def alert_table(state: State, site: Site, now_ms: int) -> Table:
    """Open alerts first, worst and newest on top; then those that were closed last."""
    ordered = sorted(state.alerts.values(), key=_alert_order)
    still_open = sum(alert.status != "closed" for alert in ordered)
    title = f"预警 alerts: {still_open} open, {len(ordered) - still_open} closed"
    table = Table(title=title, title_justify="left", expand=True)
    for name in ("status", "rule", "about", "opened", "age", "why"):
        table.add_column(name, ratio=1 if name == "why" else None, no_wrap=name != "why", overflow="fold")
    for alert in ordered[: max(MOST_ALERTS, still_open)]:
        style = "dim" if alert.status == "closed" or alert.suppressed else SEVERITY_STYLE[alert.severity]
        explanation = f"({alert.suppressed}) {alert.explanation}" if alert.suppressed else alert.explanation
        opened = f"{datetime.fromtimestamp(alert.opened_ms / 1000, site.tz):%Y-%m-%d %H:%M}"
        cells = (alert.status, alert.rule, _subject(alert, site), opened, age(now_ms - alert.opened_ms))
        table.add_row(*(Text(cell, style=style) for cell in cells), Text(explanation, style=style))
    return table


def _alert_order(alert: Alert) -> tuple[bool, int, int]:
    closed = alert.status == "closed"
    return closed, 0 if closed else SEVERITY_RANK[alert.severity], -alert.updated_ms


def _subject(alert: Alert, site: Site) -> str:
    part = site.zone.get(alert.subject_id) or site.camera.get(alert.subject_id)
    return part.name if part else alert.subject_id


def age(ms: int) -> str:
    """A span for people: 40 s, 12 min, 5 h, 3 d."""
    if ms < MINUTE_MS:
        return f"{max(ms, 0) // 1000} s"
    if ms < HOUR_MS:
        return f"{ms // MINUTE_MS} min"
    return f"{ms // HOUR_MS} h" if ms < 48 * HOUR_MS else f"{ms // (24 * HOUR_MS)} d"


def show(settings: Settings, site: Site, *, once: bool, svg: Path | None = None, clock: Clock | None = None) -> None:
    """Show live frames until Ctrl-C, or one. Raises UserError when Kafka does not answer."""
    clock, estate = clock or SystemClock(), site.estate.id
    with _consumer(settings) as (consumer, unread):
        state = EMPTY
        while unread:
            state = taken(state, _read(consumer, settings, unread), estate)
        if once:
            _print(frame(state, site, clock.now_ms()), svg)
            return
        with Live(frame(state, site, clock.now_ms()), screen=True, auto_refresh=False) as live:
            try:
                while True:
                    state = taken(state, _read(consumer, settings, unread), estate)
                    live.update(frame(state, site, clock.now_ms()), refresh=True)
            except KeyboardInterrupt:
                return


def _print(shown: RenderableType, svg: Path | None) -> None:
    console = Console(record=svg is not None, width=120 if svg else None)
    console.print(shown)
    if svg:
        svg.parent.mkdir(parents=True, exist_ok=True)
        console.save_svg(str(svg), title="anfang watch")


@contextmanager
def _consumer(settings: Settings) -> Iterator[tuple[Consumer, set[tuple[str, int]]]]:
    """A consumer at the last `TAIL` records of each partition, and the partitions whose end it has not reached."""
    topics = admin(settings).list_topics(timeout=CONNECT_TIMEOUT_S).topics
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_address(),
            "group.id": "anfang-watch",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "log_level": 0,
        }
    )
    try:
        names = [name for name in (topic_name(OCCUPANCY, settings), topic_name(ALERTS, settings)) if name in topics]
        places = [TopicPartition(name, n, TAIL_OFFSET) for name in names for n in topics[name].partitions]
        consumer.assign(places)
        yield consumer, {(place.topic, place.partition) for place in places}
    except KafkaException as error:
        raise unreachable(settings.kafka_address(), str(error.args[0].str())) from error
    finally:
        consumer.close()


def _read(consumer: Consumer, settings: Settings, unread: set[tuple[str, int]]) -> list[OccupancyMinute | Alert | None]:
    """Messages that came within `POLL_S`; partitions whose end was reached leave `unread`."""
    alerts = topic_name(ALERTS, settings)
    messages: list[OccupancyMinute | Alert | None] = []
    for message in consumer.consume(1_000, POLL_S):
        error = message.error()
        if error is None:
            messages.append(decoded(message.topic() == alerts, message.value()))
        elif error.code() == KafkaError._PARTITION_EOF:
            unread.discard((message.topic(), message.partition()))
        else:
            raise unreachable(settings.kafka_address(), str(error.str()))
    return messages
