"""How long from an alert to its webhook with 200 subscribers, how many deliveries a second, and what kills lose.

The worker is `anfang deliver` as it is, on one core; broker, receiver and sender have the others. Each delivery is a
signed POST of its own with one-tap links. Its latency is from before the alert is handed to the Kafka client until the
receiver has read the whole request (one clock), so the outbox's write to disk is in it.

In each round, always at 50 alerts/s:

- **single** (`digest_above` 0): alerts that concern 1, 10 and all of the 200 subscribers. The last asks for 10 000
  deliveries/s, which one core does not carry: how many it does is the benchmark's own figure. Beside it bare aiohttp
  posts the same messages, nothing durable, on the same core.
- **flood**: alerts that concern all 200, under the default of 20 messages a minute. How long until each subscriber has
  their first message, their single ones, and the first digest, which is due when the alert past the limit comes.

At the end the worker is killed with signal 9 `KILLS` times under load: every subscriber must have every alert, or the
benchmark fails.
"""

import os
import random
import secrets
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from infra.channel_secrets import write_channel_secret
from infra.clock import SystemClock
from infra.delivery_state import outbox_path, read_lanes
from infra.events import Subscription, WebhookChannel, encoder
from infra.lag import lag
from infra.local.process import python_module, wait_until
from infra.local.registry import read_process, start_process, stop_process
from infra.settings import FULL_SITE, Settings
from infra.site import load_site
from infra.topics import ALERTS, SUBSCRIPTIONS, create_topics
from producers.sink import open_kafka
from streams.worker import group
from tests.benchmarks.alert_latency import paced, percentile
from tests.benchmarks.harness import Result, compare, cores, keep_broker_on, own_topics, same, started_on
from tests.kafka_helpers import produce
from tests.streams.delivery.helpers import SECRET, alert

SUBSCRIBERS: Final = 200
PER_SECOND: Final = 50
STEP_S: Final = float(os.environ.get("ANFANG_BENCH_STEP_S", "6"))
KILLS: Final = int(os.environ.get("ANFANG_BENCH_KILLS", "20"))
KILL_FAN_OUT: Final = 10
# How many alerts concern so many subscribers each.
STEPS: Final = {1: int(PER_SECOND * STEP_S), 10: int(PER_SECOND * STEP_S), SUBSCRIBERS: PER_SECOND}
LIMIT: Final = 20
FLOOD_S: Final = 3.0
SETTLE_S: Final = 4.0
PATIENCE_S: Final = 240.0
NAME: Final = "bench-deliver"
SITE: Final = load_site(FULL_SITE)
ZONES: Final = [zone.id for zone in SITE.zones if zone.kind == "floor"]

Came = list[tuple[int, str, str]]  # monotonic ns, subscriber, webhook-id


def run(settings: Settings, rounds: int) -> Result:
    """Deliveries/s at most beside bare aiohttp; latencies by fan-out and the kills are further figures."""
    _ours(settings, Seen())  # not counted: a Kafka that has just started is slow
    seen = Seen()
    peers = {"aiohttp": _bare}
    found = compare("delivery", "deliveries/s", lambda: _ours(settings, seen), peers, rounds, warm_up=False)
    return msgspec.structs.replace(found, extra=seen.figures() | _killed(settings))


@dataclass
class Seen:
    """What each round so far has found: {figure: its values}."""

    values: dict[str, list[float]] = field(default_factory=dict)
    latencies: dict[str, list[int]] = field(default_factory=dict)

    def note(self, name: str, value: float) -> None:
        """One value of a round."""
        self.values.setdefault(name, []).append(value)

    def figures(self) -> dict[str, float]:
        """Medians over rounds, and percentiles over all deliveries, in milliseconds."""
        found = {name: sorted(values)[len(values) // 2] for name, values in self.values.items()}
        for what, values in self.latencies.items():
            found |= {f"p{share}_ms_{what}": percentile(values, share) for share in (50, 99)}
        return found


def _ours(settings: Settings, seen: Seen) -> float:
    """One round: singles at each fan-out, then the flood; returns the most deliveries/s."""
    _, others = cores()
    sent: dict[int, dict[str, int]] = {}
    with _serving(settings, 0) as (own, file):
        with started_on(others), _running(own):
            for fan_out, alerts in STEPS.items():
                sent[fan_out] = _send(own, range(alerts), fan_out)
                deliveries = SUBSCRIBERS + sum(size * len(ones) for size, ones in sent.items())
                wait_until(partial(_has_delivered, own, deliveries), PATIENCE_S, f"{deliveries} deliveries")
        came = _stop_receiver(file)
    for fan_out, sent_ns in sent.items():
        expected = {(name, one) for number, one in enumerate(sent_ns) for name in _concerned(number, fan_out)}
        same("deliveries", {(name, one) for _, name, one in came if one in sent_ns}, expected)
        seen.latencies.setdefault(f"fan_out_{fan_out}", []).extend(_latencies_ms(came, sent_ns))
    _flood(settings, seen)
    return _per_second([row for row in came if row[2] in sent[SUBSCRIBERS]])


def _flood(settings: Settings, seen: Seen) -> None:
    """Alerts that concern all, under the default limit: when each subscriber was told what."""
    _, others = cores()
    with _serving(settings, LIMIT) as (own, file):
        with started_on(others), _running(own):
            sent_ns = _send(own, range(int(PER_SECOND * FLOOD_S)), SUBSCRIBERS)
            time.sleep(SETTLE_S)
        came = _stop_receiver(file)
    times = list(sent_ns.values())
    first, digest = dict[str, int](), dict[str, int]()
    for at_ns, name, one in came:
        first.setdefault(name, (at_ns - times[0]) // 1_000_000)
        if one not in sent_ns:
            digest.setdefault(name, max(0, at_ns - times[LIMIT]) // 1_000_000)
    same("subscribers with a digest", len(digest), SUBSCRIBERS)
    for what, values in (("first", first), ("digest", digest)):
        seen.latencies.setdefault(f"flood_{what}", []).extend(values.values())
    seen.latencies.setdefault("flood_single", []).extend(_latencies_ms(came, sent_ns))
    seen.note("flood_alerts", len(sent_ns))
    seen.note("flood_messages_per_subscriber", len(came) / SUBSCRIBERS)


def _bare() -> float:
    """Deliveries/s of aiohttp alone, on the same core."""
    one_core, others = cores()
    with (
        tempfile.TemporaryDirectory() as folder,
        _receiving(Path(folder, "came"), others) as port,
        started_on(one_core),
    ):
        argv = python_module("tests.benchmarks.posts", "send", str(port), str(SUBSCRIBERS), str(STEPS[SUBSCRIBERS]))
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return float(done.stdout)


def _killed(settings: Settings) -> dict[str, float]:
    """Kill the worker `KILLS` times while alerts come; every subscriber must get every one."""
    _, others = cores()
    chance = random.Random(9)
    with _serving(settings, 0) as (own, file):
        sent_ns: dict[str, int] = {}
        with started_on(others):
            for _ in range(KILLS):
                enough = _delivered(own) + chance.randrange(PER_SECOND * KILL_FAN_OUT)
                with _running(own):
                    sent_ns |= _send(own, range(len(sent_ns), len(sent_ns) + PER_SECOND), KILL_FAN_OUT)
                    wait_until(partial(_has_delivered, own, enough), PATIENCE_S, "deliveries between kills")
                    process = read_process(own, NAME)
                    assert process is not None
                    os.kill(process.pid, signal.SIGKILL)
            with _running(own):
                _wait_empty(own)
        came = _stop_receiver(file)
    expected = {(name, one) for number, one in enumerate(sent_ns) for name in _concerned(number, KILL_FAN_OUT)}
    got = {(name, one) for _, name, one in came}
    same("deliveries over kills", len(expected - got), 0)
    return {
        "kills": float(KILLS),
        "kill_deliveries": float(len(expected)),
        "kill_missing": float(len(expected - got)),
        "kill_repeats": float(len(came) - len(got)),
    }


def _zones(fan_out: int) -> list[str]:
    """The zones whose alerts concern `fan_out` subscribers each: 200 zones, then 20, then one."""
    first = {1: 0, 10: SUBSCRIBERS, SUBSCRIBERS: SUBSCRIBERS + SUBSCRIBERS // 10}[fan_out]
    return ZONES[first : first + SUBSCRIBERS // fan_out]


def _concerned(number: int, fan_out: int) -> list[str]:
    """The subscribers whom alert `number` concerns."""
    first = number % (SUBSCRIBERS // fan_out) * fan_out
    return [f"s{first + i}" for i in range(fan_out)]


@contextmanager
def _serving(settings: Settings, limit: int) -> Iterator[tuple[Settings, Path]]:
    """Topics of our own, everybody subscribed, and a receiver; ends what is left of it."""
    _, others = cores()
    with own_topics(settings) as prefixed, tempfile.TemporaryDirectory() as folder:
        own = prefixed.model_copy(
            update={
                "site": FULL_SITE,
                "webhook_hosts": "127.0.0.1",
                "web_url": "https://guard.lan",
                "worker": "bench",  # started again it has its partitions at once
            }
        )
        create_topics(own)
        keep_broker_on(own, others)
        file = Path(folder, "came")
        with _receiving(file, others) as port:
            _subscribe(own, limit, port)
            yield own, file


def _subscribe(settings: Settings, limit: int, port: int) -> None:
    write_channel_secret(settings, "bench", [SECRET])
    made = [
        Subscription(
            schema_version=1,
            subscription_id=f"s{number}",
            estate_id=SITE.estate.id,
            who=f"subscriber {number}",
            channel=WebhookChannel(url=f"http://127.0.0.1:{port}/s{number}", secret="bench"),
            since_ms=0,
            changed_ms=0,
            zones=[_zones(fan_out)[number // fan_out] for fan_out in STEPS],
            digest_above=limit,
        )
        for number in range(SUBSCRIBERS)
    ]
    now_ms = SystemClock().now_ms()
    produce(settings, SUBSCRIPTIONS, [(one.subscription_id.encode(), encoder.encode(one), now_ms) for one in made])


@contextmanager
def _receiving(file: Path, where: set[int]) -> Iterator[int]:
    """A receiver in a process of its own; its port."""
    with started_on(where):
        process = subprocess.Popen(python_module("tests.benchmarks.posts", "receive", str(file)))
    file.with_suffix(".pid").write_text(str(process.pid))
    try:
        wait_until(file.with_suffix(".port").exists, 30, "the receiver listens")
        yield int(file.with_suffix(".port").read_text())
    finally:
        process.terminate()
        process.wait()


def _stop_receiver(file: Path) -> Came:
    """What came, canaries left out."""
    os.kill(int(file.with_suffix(".pid").read_text()), signal.SIGTERM)
    wait_until(file.exists, 30, "the receiver told what came")
    rows = [line.split() for line in file.read_text().splitlines()]
    return [(int(ns), path.lstrip("/"), one) for ns, path, one in rows if not one.startswith("canary")]


@contextmanager
def _running(settings: Settings) -> Iterator[None]:
    """The worker runs meanwhile on one core, and has sent its first canaries."""
    one_core, _ = cores()
    before = _delivered(settings)
    with started_on(one_core):
        start_process(settings, NAME, python_module("anfang", "deliver"), settings.as_environment())
    try:
        if not before:
            wait_until(lambda: len(_reached(settings)) == SUBSCRIBERS, PATIENCE_S, "canaries")
        yield
    finally:
        stop_process(settings, NAME)


def _delivered(settings: Settings) -> int:
    return sum(lane.delivered for lane in read_lanes(outbox_path(settings)).values())


def _has_delivered(settings: Settings, enough: int) -> bool:
    return _delivered(settings) >= enough


def _reached(settings: Settings) -> Sequence[str]:
    return [name for name, lane in read_lanes(outbox_path(settings)).items() if lane.delivered]


def _send(settings: Settings, numbers: range, fan_out: int) -> dict[str, int]:
    """Send these alerts, one zone after the other: when each was handed over (monotonic ns), by webhook-id."""
    sink, sent_ns, run_id, zones = open_kafka(settings), dict[str, int](), secrets.token_hex(4), _zones(fan_out)
    for i in paced(numbers, PER_SECOND):
        zone_id = zones[i % len(zones)]
        made = alert(i, alert_id=f"{run_id}{i:08}", estate_id=SITE.estate.id, zone_id=zone_id, subject_id=zone_id)
        sent_ns[f"{made.alert_id}.{made.revision}"] = time.monotonic_ns()
        sink.send(ALERTS, zone_id.encode(), encoder.encode(made), SystemClock().now_ms())
    sink.flush()
    return sent_ns


def _wait_empty(settings: Settings) -> None:
    def done() -> bool:
        waiting = sum(lane.waiting for lane in read_lanes(outbox_path(settings)).values())
        return waiting == 0 and lag(settings, group("deliver", settings), [ALERTS]) == 0

    wait_until(done, PATIENCE_S, "everything is delivered")


def _latencies_ms(came: Came, sent_ns: dict[str, int]) -> list[int]:
    """From sending to the first arrival at each subscriber, of those messages only."""
    first: dict[tuple[str, str], int] = {}
    for at_ns, name, one in came:
        if one in sent_ns:
            first.setdefault((name, one), at_ns)
    return [(at_ns - sent_ns[one]) // 1_000_000 for (_, one), at_ns in first.items()]


def _per_second(came: Came) -> float:
    times = [at_ns for at_ns, *_ in came]
    return (len(came) - 1) * 1e9 / (max(times) - min(times))
