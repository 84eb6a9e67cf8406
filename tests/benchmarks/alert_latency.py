"""How long from an event in Kafka to its alert in Kafka, at 10, 50 and 80 % of what the alerts app can carry.

In each round the app's own maximum is measured first, on a topic that was filled before, as `occupancy` does it. Then a
fresh worker is sent the same envelopes at a steady pace, at each share of that maximum in turn. Every 60th envelope of
a zone tells a crossing the wrong way, and each of those opens an alert of its own. Its latency is Kafka's time of
appending the alert minus Kafka's time of appending the envelope (both topics LogAppendTime, one clock): it has
everything in it from when the event is durable to when the alert is. The sender's own linger is not in it.

plain Faust does the same rule, message by message with one table write, at the same shares of its own maximum.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

import msgspec
from confluent_kafka import Message
from msgspec import Struct

from infra.clock import HOUR_MS, SystemClock
from infra.events import Envelope, envelope_id
from infra.settings import Settings
from infra.topics import ALERTS, DETECTIONS, topic_name
from producers.sink import KafkaSink, open_kafka
from tests.benchmarks.feed import DETECTIONS_EACH, ZONES, alarming_envelopes, alarms
from tests.benchmarks.harness import Result, compare, cores, own_topics, same, started_on
from tests.benchmarks.programs import Program, Written, applied, create_stamped, run_on, running, wait_done, worker
from tests.kafka_helpers import Sent, read_all

ENVELOPES: Final = 400_000
FOR_MAXIMUM: Final = 200_000
FOR_MAXIMUM_FAUST: Final = 20_000
LOADS: Final = (10, 50, 80)  # per cent of the maximum
HALF: Final = 50
STEP_S: Final = 10.0
START: Final = 10 * ZONES  # envelopes until the worker is at work; not measured
AGE_MS: Final = 12 * HOUR_MS  # envelopes that old are valid, and are a replay: no camera is missed when they end
NAP_S: Final = 0.02  # librdkafka spins in the last millisecond of each linger, and has the core of the broker
MOST_BEHIND: Final = 0.05

T = TypeVar("T")


class Told(Struct):
    """What is looked at in an alert, ours or plain Faust's."""

    status: str
    zone_id: str
    evidence: list[str]


_told: Final = msgspec.json.Decoder(Told)
_envelope: Final = msgspec.json.Decoder(Envelope)


class TooSlowError(Exception):
    """The sender could not keep the pace: the load was less than it says."""


Latencies = dict[int, list[int]]
"""For each load, milliseconds from event to alert."""


def run(settings: Settings, rounds: int) -> Result:
    """Detections/s that the alerts app carries, beside faust; the latencies at shares of it are further figures."""
    messages = alarming_envelopes(ENVELOPES, SystemClock().now_ms() - AGE_MS)
    ours, plain = Side(settings, OURS, messages, FOR_MAXIMUM), Side(settings, FAUST, messages, FOR_MAXIMUM_FAUST)
    found = compare("alert_latency", "detections/s", ours.measure, {"faust": plain.measure}, rounds)
    return msgspec.structs.replace(found, extra=figures("", ours.counted()) | figures("faust_", plain.counted()))


def figures(prefix: str, latencies: Latencies) -> dict[str, float]:
    """Median and 99th percentile at each load, in milliseconds; half load under a name of its own too."""
    found = {"alerts": float(sum(map(len, latencies.values())))}
    for load, values in latencies.items():
        found[f"p50_ms_{load}"], found[f"p99_ms_{load}"] = percentile(values, 50), percentile(values, 99)
    found["p50_ms_half_load"], found["p99_ms_half_load"] = found[f"p50_ms_{HALF}"], found[f"p99_ms_{HALF}"]
    return {f"{prefix}{key}": value for key, value in found.items()}


def percentile(values: Sequence[int], share: int) -> float:
    """The least of `values` that at least `share` per cent of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    return float(ordered[max(0, -(-len(ordered) * share // 100) - 1)])


def paced(
    items: Iterable[T],
    per_second: float,
    now_s: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[T]:
    """`items`, none before its time: the n-th is due n / `per_second` after the start, however late the others were."""
    start_s = now_s()
    for number, item in enumerate(items):
        ahead_s = start_s + number / per_second - now_s()
        if ahead_s > 0:
            sleep(max(ahead_s, NAP_S))
        yield item


@dataclass(frozen=True)
class Side:
    """One app under load: what it is sent, and the latencies of each round so far."""

    settings: Settings
    program: Program
    messages: Sequence[Sent]
    for_maximum: int
    rounds: list[Latencies] = field(default_factory=list)

    def measure(self) -> float:
        """Detections/s at most; latencies at shares of it are kept."""
        with own_topics(self.settings) as own:
            messages = self.messages[: self.for_maximum]
            written = run_on(own, self.program, messages)
        expected = Counter(zone_id for _, zone_id, _ in alarms(messages))
        same(f"alerts of {self.program.name}", self.program.answer(written), dict(expected))
        maximum = self.program.rate(written, len(messages))
        with own_topics(self.settings) as own:
            self.rounds.append(self._latencies(own, maximum))
        shares = {load: (percentile(ms, 50), percentile(ms, 99)) for load, ms in self.rounds[-1].items()}
        told = ", ".join(f"{load} %: {p50:.0f} and {p99:.0f} ms" for load, (p50, p99) in shares.items())
        print(f"{self.program.name}, p50 and p99 at {told}", file=sys.stderr, flush=True)
        return DETECTIONS_EACH * maximum

    def counted(self) -> Latencies:
        """All latencies but those of the first round, which is not counted."""
        return {load: [ms for one in self.rounds[1:] for ms in one[load]] for load in LOADS}

    def _latencies(self, settings: Settings, maximum: float) -> Latencies:
        names = [topic_name(DETECTIONS, settings), topic_name(self.program.rows, settings)]
        create_stamped(settings, [self.program.changelog(settings), *names])
        _, others = cores()
        with started_on(others):
            sink = open_kafka(settings)
            with running(settings, self.program) as process:
                steps = self._send(sink, maximum, lambda: wait_done(settings, self.program, process))
        return self._matched(settings, steps)

    def _send(self, sink: KafkaSink, maximum: float, wait: Callable[[], None]) -> dict[int, range]:
        """Send each load's envelopes at its pace, after some that start the worker; returns their places."""
        seconds = min(STEP_S, (len(self.messages) - START) / (maximum * sum(LOADS) / 100))
        for key, value, timestamp_ms in self.messages[:START]:
            sink.send(DETECTIONS, key, value, timestamp_ms)
        sink.flush()  # what Kafka has not got is not waited for
        wait()
        steps, first = {}, START
        for load in LOADS:
            per_second = maximum * load / 100
            steps[load] = range(first, first + int(per_second * seconds))
            _send_at(sink, self.messages[first : steps[load].stop], per_second)
            wait()
            first = steps[load].stop
        return steps

    def _matched(self, settings: Settings, steps: Mapping[int, range]) -> Latencies:
        """For each load the time from each alarming envelope to the alert that it opened; every one must be there."""
        sent = alarms(self.messages[: max(step.stop for step in steps.values())])
        opened = {told.evidence[0]: ms for told, ms in _opened(read_all(settings, self.program.rows))}
        same(f"alerts of {self.program.name} under load", sorted(opened), sorted(cause for _, _, cause in sent))
        events = {
            envelope_id(_envelope.decode(m.value() or b"")): m.timestamp()[1] for m in read_all(settings, DETECTIONS)
        }
        return {
            load: [opened[cause] - events[cause] for place, _, cause in sent if place in step]
            for load, step in steps.items()
        }


def _send_at(sink: KafkaSink, messages: Sequence[Sent], per_second: float) -> None:
    """Send at a steady pace. Raises TooSlowError where the sender could not keep it."""
    started_s = time.monotonic()
    for key, value, timestamp_ms in paced(messages, per_second):
        sink.send(DETECTIONS, key, value, timestamp_ms)
    took_s, wanted_s = time.monotonic() - started_s, len(messages) / per_second
    sink.flush()
    if took_s > wanted_s * (1 + MOST_BEHIND):
        raise TooSlowError(f"{len(messages)} envelopes took {took_s:.1f} s, not {wanted_s:.1f} s")


def _opened(alerts: Iterable[Message]) -> Iterator[tuple[Told, int]]:
    """Each alert that was opened, and when Kafka appended it."""
    for message in alerts:
        told = _told.decode(message.value() or b"")
        if told.status == "opened":
            yield told, message.timestamp()[1]


def opened_in(written: Written) -> dict[str, int]:
    """How many alerts were opened in each zone."""
    return dict(Counter(told.zone_id for told, _ in _opened(written.rows)))


OURS: Final = worker("alerts", opened_in, applied, ALERTS)
FAUST: Final = worker("faust_alerts", opened_in, len, ALERTS)
