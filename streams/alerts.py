"""The Faust app `anfang stream alerts`: envelopes, passages, occupancy minutes, dispositions in, alert states out.

Here is what is wired to what, and what clocks set off; what is done with a batch is in `alert_steps.py`.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, cast

import faust
from confluent_kafka import KafkaException

from infra.lag import uncommitted
from infra.settings import Settings
from infra.site import Site
from infra.topics import ALERTS, DEAD_LETTERS, DETECTIONS, DISPOSITIONS, GATE_PASSAGES, OCCUPANCY, topic_name
from streams import worker
from streams.alert_steps import (
    Room,
    is_fresh,
    no_more_dispositions,
    no_more_passages,
    overdue_by_clock,
    take_dispositions,
    take_envelopes,
    take_minutes,
    take_passages,
    told_up_to_ms,
)
from streams.baselines import read_baselines
from streams.coalescing import CoalescingConsumer
from streams.durable import Taken, ZoneValue
from streams.zone_alerts import ZoneAlerts

NAME: Final = "alerts"
INPUTS: Final = (DETECTIONS, OCCUPANCY, GATE_PASSAGES, DISPOSITIONS)
TICK_MS: Final = 10_000
BASELINES_S: Final = 600.0

NoMore = Callable[[int, int, Room], Taken[ZoneAlerts]]
"""What follows when all messages of a topic that were sent up to a time are taken: partition, time, room."""


def make_app(settings: Settings, site: Site) -> faust.App:
    """The alerts app for one site, ready to run. Reads the baselines: raises UserError when Kafka does not answer."""
    detections, occupancy, passages, dispositions = (topic_name(topic, settings) for topic in INPUTS)
    app = worker.make_app(NAME, settings, INPUTS)
    zones = worker.make_zones(app, settings, ZoneValue[ZoneAlerts], ZoneAlerts)
    room = Room(site, zones, topic_name(ALERTS, settings), topic_name(DEAD_LETTERS, settings))
    room.baselines.update(read_baselines(settings, site))
    worker.add_agent(app, detections, zones, lambda records: take_envelopes(records, room))
    worker.add_agent(app, occupancy, zones, lambda records: take_minutes(records, room))
    worker.add_agent(app, passages, zones, lambda records: take_passages(records, room))
    worker.add_agent(app, dispositions, zones, lambda records: take_dispositions(records, room))
    _watch_the_clock(app, settings, detections, room)
    _watch_for_more(app, settings, passages, no_more_passages, room)
    _watch_for_more(app, settings, dispositions, no_more_dispositions, room)
    _keep_baselines(app, settings, room)
    return app


def _watch_the_clock(app: faust.App, settings: Settings, detections: str, room: Room) -> None:
    async def look() -> None:
        now_ms = room.clock.now_ms()
        waiting = [partition for partition in _own(app, detections) if not is_fresh(partition, now_ms, room)]
        taken = await asyncio.to_thread(_all_taken, settings, str(app.conf.id), detections, waiting)
        behind = set(waiting).difference(taken)
        for partition in _own(app, detections) - behind:
            await room.zones.aside(partition, partial(overdue_by_clock, partition, now_ms, room))

    app.timer(interval=TICK_MS / 1000)(look)


def _own(app: faust.App, topic: str) -> set[int]:
    """The partitions of a topic that are this worker's; none while a rebalance or the recovery from it is under way."""
    if app.rebalancing or not cast(CoalescingConsumer, app.consumer).recovered:
        return set()
    return {tp.partition for tp in app.consumer.assignment() if tp.topic == topic}


def _watch_for_more(app: faust.App, settings: Settings, topic: str, no_more: NoMore, room: Room) -> None:
    """What cameras told a tick ago need not wait for the topic's next message, if all that have come since are taken.

    Kafka is asked what there is: the consumer's own idea of the end is old when fetches fail.
    """
    told_ms: dict[int, int] = {}

    async def look() -> None:
        before_ms = dict(told_ms)
        told_ms.clear()
        told_ms.update({partition: told_up_to_ms(partition, room) for partition in _own(app, topic)})
        taken = await asyncio.to_thread(_all_taken, settings, str(app.conf.id), topic, list(before_ms))
        for partition in _own(app, topic).intersection(taken):
            await room.zones.aside(partition, partial(no_more, partition, before_ms[partition], room))

    app.timer(interval=TICK_MS / 1000)(look)


def _all_taken(settings: Settings, group: str, topic: str, partitions: Sequence[int]) -> list[int]:
    """Those of `partitions` of which `group` has committed all that Kafka holds; none when Kafka does not answer."""
    try:
        left = uncommitted(settings, group, [(topic, partition) for partition in partitions])
    except KafkaException:
        return []
    return [partition for partition in partitions if (topic, partition) not in left]


def _keep_baselines(app: faust.App, settings: Settings, room: Room) -> None:
    """Read the baselines again every `BASELINES_S`: the nightly makes new ones."""

    async def read() -> None:
        room.baselines.update(await asyncio.to_thread(read_baselines, settings, room.site))

    app.timer(interval=BASELINES_S)(read)
