"""How far the occupancy estimate is from the truth over simulated days, beside the plain running sum; no Kafka.

`python -m tests.streams.estimate_days --days 7 --seeds 5` makes the tables of `docs/analyst.md` anew: with what the
cameras tell alone, and with an evening register (`Plan.register`) besides.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import msgspec
import pyarrow.parquet as pq

from infra.clock import MINUTE_MS
from infra.events import Envelope, Headcount, OccupancyMinute
from infra.site import Site
from infra.topics import DETECTIONS, HEADCOUNTS
from producers.simulate.faults import Faults
from producers.simulate.run import Plan, run
from streams.zone import ZoneState, apply, apply_headcount
from streams.zone_rules import ZoneRules
from tests.producers.helpers import SMALL, MemorySink, Sent

MONDAY: Final = date(2024, 5, 27)
GRACE_MS: Final = 5 * MINUTE_MS

Pair = tuple[OccupancyMinute, int]
"""A published row, and the persons truly there at the end of its minute."""


@dataclass(frozen=True)
class Week:
    """What was sent over some simulated days, and the persons truly there by zone and minute."""

    sent: Sequence[Sent]
    persons: dict[tuple[str, int], int]


@dataclass(frozen=True)
class Off:
    """Over `minutes`: persons off on average, of the estimate and of the running sum; shares that the interval covers,
    of all minutes and of those with somebody there (that an empty zone is empty is too easy to say).
    """

    minutes: int
    estimate: float
    running_sum: float
    covered: float
    covered_present: float


def simulated(plan: Plan) -> Week:
    """The small site's life as the plan says."""
    with tempfile.TemporaryDirectory() as folder:
        sink = MemorySink()
        run(SMALL, plan, sink, Path(folder))
        truth = pq.read_table(Path(folder) / "occupancy.parquet").to_pydict()
    places = zip(truth["zone_id"], truth["minute_ms"], strict=True)
    return Week(sink.sent, dict(zip(places, truth["persons"], strict=True)))


def published(site: Site, sent: Sequence[Sent], with_headcounts: bool) -> dict[tuple[str, int], OccupancyMinute]:
    """The last row of every zone and minute."""
    states = {zone.id: (ZoneState(), ZoneRules(site, zone.id, GRACE_MS)) for zone in site.zones}
    rows: dict[tuple[str, int], OccupancyMinute] = {}
    for message in sent:
        state, rules = states.get(message.key.decode(), (ZoneState(), None))
        if rules is None:
            continue
        fresh: list[OccupancyMinute] = []
        if message.topic == DETECTIONS.name:
            fresh = apply(state, msgspec.json.decode(message.value, type=Envelope), rules)
        elif message.topic == HEADCOUNTS.name and with_headcounts:
            fresh = apply_headcount(state, msgspec.json.decode(message.value, type=Headcount), rules)
        rows |= {(row.zone_id, row.minute_ms): row for row in fresh}
    return rows


def compared(week: Week, with_headcounts: bool) -> Iterator[Pair]:
    """Every zone and minute that was published, with the truth."""
    for key, row in published(SMALL, week.sent, with_headcounts).items():
        if key in week.persons:
            yield row, week.persons[key]


def off(pairs: Sequence[Pair]) -> Off:
    """Mean absolute errors, and how often the interval holds the truth."""
    minutes, present = len(pairs), [pair for pair in pairs if pair[1] > 0]
    return Off(
        minutes,
        sum(abs(row.occupancy - true) for row, true in pairs) / minutes,
        sum(abs(row.balance - true) for row, true in pairs) / minutes,
        _covered(pairs),
        _covered(present) if present else 1.0,
    )


def _covered(pairs: Sequence[Pair]) -> float:
    return sum(row.low <= true <= row.high for row, true in pairs) / len(pairs)


def table(pairs: Sequence[Pair]) -> str:
    """One line a zone, and one for all."""
    zones = sorted({row.zone_id for row, _ in pairs})
    groups = {zone: [pair for pair in pairs if pair[0].zone_id == zone] for zone in zones} | {"**all**": pairs}
    head = ["| zone | off by | running sum off by | ratio | in the interval | … with somebody there |"]
    return "\n".join([*head, "| --- " * 6 + "|", *(_line(name, off(group)) for name, group in groups.items())])


def _line(name: str, found: Off) -> str:
    ratio = f"{found.estimate / found.running_sum:.2f}" if found.running_sum else "–"
    shares = f"{found.covered:.1%} | {found.covered_present:.1%}"
    return f"| {name} | {found.estimate:.2f} | {found.running_sum:.2f} | {ratio} | {shares} |"


def main() -> None:
    """Print both tables over all seeds, and a line for each seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--missed", type=float, default=0.05)
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 1 on")
    asked = parser.parse_args()
    every: dict[bool, list[Pair]] = {False: [], True: []}
    for seed in range(1, asked.seeds + 1):
        week = simulated(Plan(MONDAY, asked.days, seed, Faults(missed=asked.missed), register=True))
        for with_headcounts, pairs in every.items():
            fresh = list(compared(week, with_headcounts))
            pairs.extend(fresh)
            print(_line(f"seed {seed}, {'with register' if with_headcounts else 'cameras alone'}", off(fresh)))
    for with_headcounts, pairs in every.items():
        print(f"\n{'With an evening register' if with_headcounts else 'Cameras alone'}:\n\n{table(pairs)}")


if __name__ == "__main__":
    main()
