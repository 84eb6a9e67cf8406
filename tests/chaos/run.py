"""One seed of chaos: events flow, workers and broker die, and what came out is compared with what must."""

import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

import msgspec
from msgspec import Struct

from infra.clock import MINUTE_MS
from infra.settings import Settings
from infra.site import Site
from infra.topics import ALERTS, DETECTIONS, GATE_PASSAGES, OCCUPANCY, create_topics
from streams.worker import group
from tests.benchmarks.harness import own_stack, own_topics
from tests.chaos.alerts_oracle import key_of, undisturbed_alerts
from tests.chaos.arena import OURS, PATIENCE_S, SESSION_TIMEOUT_S, Arena
from tests.chaos.feed import messages
from tests.chaos.oracle import last_alerts, last_rows, minutes, undisturbed
from tests.kafka_helpers import read_all, read_topic
from tests.producers.helpers import SMALL, Sent

GRACE_MINUTES: Final = 20
"""Longer than the wrong clock and the reordering together: nothing is too late, and the order does not matter."""

Step = Callable[[Arena, Sequence[Sent], Random], None]


def _patient_site() -> Site:
    """The small site, but what waits at gates for crossings that come late waits as long."""
    content = SMALL.model_dump(mode="json", by_alias=True, exclude_unset=True)
    content["limits"]["gate"]["late_s"] = GRACE_MINUTES * 60
    return Site.model_validate(content)


SITE: Final = _patient_site()


class Wrong(Struct, frozen=True):
    """What did not come out, or not so, and what came out that should not have."""

    missing: int
    extra: int


class Seed(Struct, frozen=True, kw_only=True):
    """One seed: what was done, and what was wrong. `plain_faust` is in messages, of as many as `envelopes`."""

    seed: int
    envelopes: int
    kills: int
    broker_restarts: int
    missing: int
    extra: int
    plain_faust: Wrong
    seconds: float


def run_alone(seed: int, kills: int, broker_restarts: int, hours: float) -> Seed:
    """One seed on a stack of its own."""
    with own_stack() as settings, own_topics(settings) as own:
        create_topics(own)
        return run_seed(own, seed, kills, broker_restarts, hours)


def run_seed(settings: Settings, seed: int, kills: int, broker_restarts: int, hours: float) -> Seed:
    """Run one seed on topics of its own. Raises AssertionError where a kill did not hit a running stream."""
    began = time.monotonic()
    site = settings.home.absolute() / "chaos.yaml"
    site.write_text(SITE.model_dump_json(exclude_unset=True, by_alias=True), encoding="utf-8")
    more = {"session_timeout_s": SESSION_TIMEOUT_S, "grace_minutes": GRACE_MINUTES, "site": site}
    arena = Arena(settings.model_copy(update=more))
    random, sent = Random(seed), messages(seed, hours)
    try:
        _disturb(arena, sent, random, kills, broker_restarts)
        arena.settle()
        arena.settle_plain()
        ours = _ours_wrong(arena.settings)
        plain = _plain_wrong(arena.settings)
    finally:
        arena.close()
    assert arena.kills >= kills, f"{arena.kills} of {kills} kills hit a running stream"
    return Seed(
        seed=seed,
        envelopes=sum(one.topic == DETECTIONS.name for one in sent),
        kills=arena.kills,
        broker_restarts=arena.broker_restarts,
        missing=ours.missing,
        extra=ours.extra,
        plain_faust=plain,
        seconds=round(time.monotonic() - began, 1),
    )


def _disturb(arena: Arena, sent: Sequence[Sent], random: Random, kills: int, broker_restarts: int) -> None:
    """Feed the messages slice by slice, and do something bad in each; in the middle the group grows and shrinks."""
    steps: list[Step] = [_kill] * (kills // len(OURS)) + [_restart_broker] * broker_restarts
    random.shuffle(steps)
    half = len(steps) // 2
    steps = [*steps[:half], _sleep, _grow, _shrink, *steps[half:], _kill_until(kills)]
    size = len(sent) // (len(steps) + 1) + 1
    for app, number in (("occupancy", 1), ("occupancy", 2), ("alerts", 1), ("alerts", 2)):
        arena.start(app, number)
    arena.feed(sent[:size])
    arena.begin_plain()
    arena.settle()
    for number, step in enumerate(steps, start=1):
        step(arena, sent[number * size : (number + 1) * size], random)
        print(f"step {number} of {len(steps)}: {arena.kills} kills", file=sys.stderr, flush=True)


def _kill(arena: Arena, sent: Sequence[Sent], random: Random) -> None:
    """Kill a worker of each app, and plain Faust."""
    victims = [random.choice(sorted(worker for worker in arena.workers if worker[0] == app)) for app in OURS]
    arena.kill(victims, sent)


def _kill_until(kills: int) -> Step:
    """Kill again as often as a kill came too late to hit a running stream."""

    def step(arena: Arena, sent: Sequence[Sent], random: Random) -> None:
        parts = 8
        for part in range(parts):
            some = sent[part * len(sent) // parts : (part + 1) * len(sent) // parts]
            if arena.kills < kills:
                _kill(arena, some, random)
            else:
                arena.feed(some)

    return step


def _restart_broker(arena: Arena, sent: Sequence[Sent], _random: Random) -> None:
    arena.restart_broker(sent)


def _sleep(arena: Arena, sent: Sequence[Sent], random: Random) -> None:
    arena.put_to_sleep(random.choice(OURS), 1, sent)


def _grow(arena: Arena, sent: Sequence[Sent], _random: Random) -> None:
    """Two more workers for each app."""
    arena.feed(sent[: len(sent) // 2])
    for app in OURS:
        for number in (3, 4):
            arena.start(app, number)
    arena.feed(sent[len(sent) // 2 :])
    arena.settle()


def _shrink(arena: Arena, sent: Sequence[Sent], random: Random) -> None:
    """One worker for each app is left: the others end politely or are killed."""
    arena.feed(sent)
    for app in OURS:
        for number in random.sample((1, 2, 3, 4), 3):
            arena.stop(app, number, random.choice((signal.SIGTERM, signal.SIGKILL)))
    arena.settle()


def _ours_wrong(settings: Settings) -> Wrong:
    """How the published rows and alerts differ from both oracles; alerts may take a moment to be settled."""
    detections, passages = read_all(settings, DETECTIONS), read_all(settings, GATE_PASSAGES)
    published = read_all(settings, OCCUPANCY)
    rows = last_rows(published)
    expected, too_late = undisturbed(detections, SITE, GRACE_MINUTES * MINUTE_MS)
    assert too_late == 0, f"{too_late} crossings came later than the grace: the oracle does not hold"
    counted = {(row.zone_id, row.minute_ms): (row.ins, row.outs) for row in rows.values() if row.ins or row.outs}
    closed_ms = {
        zone.id: max((r.minute_ms for r in rows.values() if r.zone_id == zone.id), default=-1) for zone in SITE.zones
    }
    brute = {key: counts for key, counts in minutes(detections, SITE).items() if key[1] <= closed_ms[key[0]]}
    off = {
        key: (counted.get(key), brute.get(key))
        for key in counted.keys() | brute.keys()
        if counted.get(key) != brute.get(key)
    }
    assert not off, f"(zone, minute) -> (told, by brute force) differ: {off}"
    alerts = undisturbed_alerts(detections, passages, published, SITE)
    deadline = time.monotonic() + PATIENCE_S / 2
    while (raised := last_alerts(read_all(settings, ALERTS))) != alerts and time.monotonic() < deadline:
        time.sleep(1.0)
    told, must = {**rows, **raised}, {**expected, **alerts}
    return differences(told, must)


def differences(told: dict[str, Struct], must: dict[str, Struct]) -> Wrong:
    """How many of `must` are not told, or otherwise, and how many told are not in `must`."""
    missing = [name for name, one in must.items() if told.get(name) != one]
    extra = [name for name in told if name not in must]
    for name in [*missing, *extra][:5]:
        print(f"told {told.get(name)}\nmust {must.get(name)}", file=sys.stderr)
    return Wrong(len(missing), len(extra))


def _plain_wrong(settings: Settings) -> Wrong:
    """How plain Faust's counts differ from the number of messages of each zone."""
    true = Counter(key_of(one).decode() for one in read_all(settings, DETECTIONS))
    counted: dict[str, int] = {}
    for one in read_topic(settings, f"{group('plain', settings)}-counts-changelog"):
        counted[msgspec.json.decode(key_of(one))] = msgspec.json.decode(one.value() or b"0")
    off = [counted.get(zone, 0) - messages for zone, messages in true.items()]
    return Wrong(-sum(n for n in off if n < 0), sum(n for n in off if n > 0))
