"""The Faust app `anfang deliver`: alert states in, each into the outbox for everybody who is told of it, then sent.

A fetch of the topic `alerts` is acknowledged when all that follows from it is in the outbox on this machine's disk
(`outbox.py`); Kafka gives what was not acknowledged again, and what the outbox has had is passed over. The lanes
(`lanes.py`) send from there, in the same event loop. So whenever the process dies, nothing is lost, and what was
under way is sent again under the same id. No table, hence no changelog: a home belongs to one machine.
"""

import asyncio
from collections.abc import AsyncIterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import faust
import msgspec
import structlog
from faust.streams import Stream
from faust.types import EventT, StreamT

from infra import metrics
from infra.clock import HOUR_MS, Clock, SystemClock
from infra.delivery_state import outbox_path
from infra.errors import UserError
from infra.events import LATEST_MS, Alert, Subscription, WebhookChannel
from infra.settings import Settings
from infra.site import Site
from infra.subscriptions import hosts_of, latest, names_of, read_messages
from infra.topics import ALERTS, DEAD_LETTERS, topic_name
from infra.validate import Refusal, undecodable
from streams import worker
from streams.coalescing import Record
from streams.dead_letters import dead_letter
from streams.delivery.channels import Channels
from streams.delivery.courier import Way
from streams.delivery.lanes import Lanes
from streams.delivery.matching import Told, Wish, concerns, due_ms, is_news, quiet_until_ms
from streams.delivery.outbox import Outbox, Queued
from streams.delivery.retries import GIVE_UP_MS
from streams.durable import durable, in_order, stop_process
from streams.publish import hand_over

NAME: Final = "deliver"
INPUTS: Final = (ALERTS,)
LOOK_S: Final = 5.0
CANARY_S: Final = 30.0
PRUNE_S: Final = 60.0
MAX_ALERT_BYTES: Final = 100_000

log = structlog.get_logger()
_decoder: Final = msgspec.json.Decoder(Alert)


@dataclass
class Room:
    """What the app's steps share. `named` are all subscriptions that were not removed; not all need be valid."""

    settings: Settings
    site: Site
    outbox: Outbox
    clock: Clock = field(default_factory=SystemClock)
    wishes: dict[str, Wish] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    lanes: Lanes | None = None
    channels: Channels | None = None

    def know(self, subscriptions: Mapping[str, Subscription], named: set[str]) -> None:
        """Match against these from now on."""
        self.named = named
        self.wishes = {name: Wish.of(subscription) for name, subscription in subscriptions.items()}


@dataclass
class Matched:
    """What follows from a fetch: what is queued, what cannot be read, and how many were too old."""

    queued: list[Queued] = field(default_factory=list)
    refused: list[tuple[Record, Refusal]] = field(default_factory=list)
    stale: int = 0


def make_app(settings: Settings, site: Site) -> faust.App:
    """The delivery app for one site. Raises UserError when nobody is subscribed, or another worker has the outbox."""
    subscriptions, named = read_known(settings, site)
    if not subscriptions:
        raise UserError(
            f"nobody is subscribed to the alerts of {site.estate.name}: they would reach no one",
            "add somebody with `anfang subscriptions add` (docs/subscriber.md), then start this again",
        )
    app = worker.make_app(NAME, settings, INPUTS)
    worker.watch(app, settings)
    room = Room(settings, site, Outbox(outbox_path(settings)))
    room.know(subscriptions, named)
    _add_agent(app, room)
    _run_lanes(app, room, subscriptions)
    return app


def read_known(settings: Settings, site: Site) -> tuple[dict[str, Subscription], set[str]]:
    """The valid subscriptions, and the names of all. Raises UserError when Kafka does not answer."""
    messages = read_messages(settings)
    return latest(messages, site, hosts_of(settings)), names_of(messages)


def _add_agent(app: faust.App, room: Room) -> None:
    alerts, letters = topic_name(ALERTS, room.settings), topic_name(DEAD_LETTERS, room.settings)

    async def agent(stream: StreamT[object]) -> None:
        assert isinstance(stream, Stream)
        events: AsyncIterable[EventT[object]] = stream.noack().events()
        async for event, fetch in in_order(app, events):
            try:
                matched = take(fetch.records, room)
                outputs = [dead_letter(letters, record, refusal) for record, refusal in matched.refused]
                await durable(await hand_over(app, outputs), "dead letters")
                for _, refusal in matched.refused:
                    metrics.DEAD_LETTERS.labels(refusal.reason).inc()
            except Exception as error:  # Faust would go on
                stop_process(f"alerts could not be put into the outbox: {error!r}")
            event.ack()

    app.agent(app.topic(alerts), name=f"take-{alerts}", concurrency=1)(agent)


def take(records: Sequence[Record], room: Room) -> Matched:
    """Put what follows from one partition's records into the outbox; it is on the disk on return."""
    now_ms = room.clock.now_ms()
    dead = {name for name in room.wishes if room.outbox.lane(name).dead_ms is not None}
    wishes = {name: wish for name, wish in room.wishes.items() if name not in dead}
    matched = match(records, wishes, room.outbox, room.site, now_ms)
    if matched.queued:
        room.outbox.put(matched.queued, now_ms)
    metrics.DELIVERY_GIVEN_UP.labels("stale").inc(matched.stale)
    if room.lanes is not None:
        for name in {one.subscription_id for one in matched.queued}:
            room.lanes.wake(name)
    return matched


def match(records: Sequence[Record], wishes: Mapping[str, Wish], outbox: Outbox, site: Site, now_ms: int) -> Matched:
    """Who is told of what in `records`, in order; the outbox is only asked what was told before."""
    matched, told_now = Matched(), dict[tuple[str, str], Told]()
    for record in records:
        alert = judge_alert(record.value, site)
        if isinstance(alert, Refusal):
            matched.refused.append((record, alert))
        elif now_ms - record.timestamp > GIVE_UP_MS:
            matched.stale += 1
        else:
            for name, wish in wishes.items():
                if concerns(wish.subscription, alert, record.timestamp, site):
                    told = told_now.get((name, alert.alert_id)) or outbox.told(name, alert.alert_id)
                    if is_news(wish.subscription, alert, told):
                        told_now[name, alert.alert_id] = Told(alert.revision, alert.severity)
                        matched.queued.append(_queued(wish, alert, record, now_ms, site))
    return matched


def _queued(wish: Wish, alert: Alert, record: Record, now_ms: int, site: Site) -> Queued:
    return Queued(
        wish.subscription.subscription_id,
        alert.alert_id,
        alert.revision,
        alert.severity,
        alert.status == "closed",
        record.value or b"",
        due_ms(wish, alert, now_ms, site.tz),
    )


def judge_alert(value: bytes | None, site: Site) -> Alert | Refusal:
    """The alert in `value`, or why there is none. Pure; never raises on any bytes."""
    if len(value or b"") > MAX_ALERT_BYTES:
        return Refusal("too_large", f"{len(value or b'')} bytes, at most {MAX_ALERT_BYTES}")
    try:
        alert = _decoder.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return undecodable(value or b"", str(error))
    if alert.estate_id != site.estate.id:
        return Refusal("wrong_estate", f"estate_id {alert.estate_id!r}, expected {site.estate.id!r}")
    latest_ms = max(alert.opened_ms, alert.updated_ms, alert.closed_ms or 0)
    if latest_ms > LATEST_MS:
        return Refusal("event_time_off", f"{latest_ms} ms is after the year 2100")
    return alert


def _run_lanes(app: faust.App, room: Room, subscriptions: Mapping[str, Subscription]) -> None:
    """Start the lanes with the app; look for changed subscriptions, send canaries, and tidy up, now and then."""

    async def start() -> None:
        room.channels = Channels(room.settings, room.site, room.clock)
        room.lanes = Lanes(room.outbox, Way(room.channels.send, room.clock))
        await room.lanes.update(subscriptions, room.named)
        send_canaries(room)

    async def look() -> None:
        if room.lanes is None or room.channels is None:
            return
        try:
            now, named = await asyncio.to_thread(read_known, room.settings, room.site)
        except UserError as error:
            log.warning("subscriptions could not be read again", problem=error.problem)
            return
        room.channels.forget_secrets()
        if named != room.named or now != {name: wish.subscription for name, wish in room.wishes.items()}:
            room.know(now, named)
            await room.lanes.update(now, named)
            if not now:
                log.error("nobody is subscribed any more: alerts reach no one", do="anfang subscriptions add")

    async def sing() -> None:
        if room.lanes is not None:
            send_canaries(room)

    async def tidy() -> None:
        now_ms = room.clock.now_ms()
        if room.lanes is not None:
            room.lanes.give_up(now_ms)
        room.outbox.prune(now_ms)
        metrics.DELIVERY_WAITING.set(room.outbox.held())

    async def stop(*_: object, **__: object) -> None:
        if room.lanes is not None and room.channels is not None:
            await room.lanes.close()
            await room.channels.close()

    app.task(start)
    app.timer(interval=LOOK_S)(look)
    app.timer(interval=CANARY_S)(sing)
    app.timer(interval=PRUNE_S)(tidy)
    app.on_before_shutdown.connect(stop)


def send_canaries(room: Room) -> int:
    """Queue this hour's canary where it is due; returns how many were."""
    now_ms, sent = room.clock.now_ms(), 0
    for name, wish in room.wishes.items():
        wanted = wants_canary(wish, now_ms, room.site) and room.outbox.lane(name).dead_ms is None
        if wanted and room.outbox.put_canary(name, now_ms // HOUR_MS, now_ms):
            sent += 1
            if room.lanes is not None:
                room.lanes.wake(name)
    return sent


def wants_canary(wish: Wish, now_ms: int, site: Site) -> bool:
    """Whether the canary goes there now: to webhooks always, to people who want it outside their quiet hours."""
    if isinstance(wish.subscription.channel, WebhookChannel):
        return True
    return wish.subscription.canary and quiet_until_ms(wish.quiet, now_ms, site.tz) == now_ms
