"""`python -m tests.chaos.soak --minutes 120`: workers run steadily for hours; their memory must not grow.

One simulated day after the other flows at `--speed` times the pace of life. Every half minute each worker's resident
memory is noted; the greatest from minute 30 on is compared with that at minute 5 (in shorter runs: from a quarter of
the time on, with that at a twenty-fourth). Writes `out/soak/summary.json`.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import msgspec
import psutil
from msgspec import Struct

from infra.local.registry import read_process
from infra.topics import create_topics
from producers.simulate.run import Plan, run
from tests.benchmarks.harness import own_stack, own_topics
from tests.chaos.arena import OURS, Arena
from tests.chaos.feed import DAY, INCIDENTS
from tests.producers.helpers import SMALL, MemorySink, Sent

OUT: Final = Path("out/soak/summary.json")
SLICE_S: Final = 30.0
LIMIT: Final = 1.05


class Soak(Struct, frozen=True, kw_only=True):
    """What each worker's memory did, in MB; `growth` is the greatest later on / that early on, of the worst worker."""

    minutes: float
    speed: float
    envelopes: int
    rss_mb: dict[str, list[float]]
    growth: float


def days() -> Iterator[list[Sent]]:
    """Simulated days one after the other, without end."""
    number = 0
    while True:
        sink = MemorySink()
        run(SMALL, Plan(DAY + timedelta(days=number), seed=number, incidents=INCIDENTS), sink)
        yield sink.sent
        number += 1


def slices(span_ms: float) -> Iterator[list[Sent]]:
    """The days cut into pieces of so much event time."""
    for day in days():
        part: list[Sent] = []
        end_ms = day[0].timestamp_ms + span_ms
        for one in day:
            if one.timestamp_ms >= end_ms:
                yield part
                part, end_ms = [], end_ms + span_ms
            part.append(one)
        yield part


def growth(rss_mb: list[float]) -> float:
    """The greatest from a quarter of the samples on, by that at a twenty-fourth (minute 5 of two hours)."""
    return max(rss_mb[len(rss_mb) // 4 :]) / rss_mb[len(rss_mb) // 24]


def soak(arena: Arena, minutes: float, speed: float) -> Soak:
    """Feed one slice each half minute, on the clock, and note the memory."""
    for app in OURS:
        arena.start(app, 1)
    rss_mb: dict[str, list[float]] = {app: [] for app in OURS}
    sent, began = 0, time.monotonic()
    for number, part in enumerate(slices(SLICE_S * 1000 * speed), start=1):
        arena.feed(part)
        sent += len(part)
        time.sleep(max(0.0, began + number * SLICE_S - time.monotonic()))  # the pace, not a wait for anything
        for app in OURS:
            rss_mb[app].append(round(_rss_mb(arena, app), 1))
        print(f"{number * SLICE_S / 60:.1f} min: {sent} messages, {rss_mb['occupancy'][-1]} MB", file=sys.stderr)
        if number * SLICE_S >= minutes * 60:
            break
    arena.settle()
    worst = max(growth(samples) for samples in rss_mb.values())
    return Soak(minutes=minutes, speed=speed, envelopes=sent, rss_mb=rss_mb, growth=round(worst, 3))


def _rss_mb(arena: Arena, app: str) -> float:
    process = read_process(arena.settings, f"{arena.settings.topic_prefix}{app}-1")
    assert process is not None
    return psutil.Process(process.pid).memory_info().rss / 1e6


def main() -> int:
    """1 when some worker's memory grew by more than `LIMIT`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--speed", type=float, default=60, help="times the pace of life")
    asked = parser.parse_args()
    with own_stack() as settings, own_topics(settings) as own:
        create_topics(own)
        arena = Arena(own)
        try:
            found = soak(arena, asked.minutes, asked.speed)
        finally:
            arena.close()
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    print(f"{found.envelopes} messages in {found.minutes} min; memory later / early on: {found.growth}")
    return 0 if found.growth <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
