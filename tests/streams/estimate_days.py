"""How far the occupancy estimate is from the truth over some simulated days, beside the plain running sum; no Kafka.

`python -m tests.streams.estimate_days --days 7` prints the table of `docs/analyst.md` anew.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from infra.clock import MINUTE_MS
from infra.events import OccupancyMinute
from infra.site import Site
from producers.simulate.faults import Faults
from producers.simulate.run import Plan, run
from streams.zone import ZoneRules, ZoneState, apply
from tests.producers.helpers import SMALL, MemorySink

MONDAY: Final = date(2024, 5, 27)
GRACE_MS: Final = 5 * MINUTE_MS


@dataclass(frozen=True)
class Off:
    """Over `minutes` of one zone: persons off on average, of the estimate and of the running sum; share covered."""

    minutes: int
    estimate: float
    running_sum: float
    covered: float


def published(site: Site, sink: MemorySink) -> dict[tuple[str, int], OccupancyMinute]:
    """The last row of every zone and minute."""
    states = {zone.id: (ZoneState(), ZoneRules(site, zone.id, GRACE_MS)) for zone in site.zones}
    rows: dict[tuple[str, int], OccupancyMinute] = {}
    for envelope in sink.envelopes():
        state, rules = states[envelope.zone_id]
        rows |= {(row.zone_id, row.minute_ms): row for row in apply(state, envelope, rules)}
    return rows


def simulated(days: int, missed: float, seed: int) -> Iterator[tuple[OccupancyMinute, int]]:
    """(row, persons truly there at the end of its minute) of every zone and minute that was published."""
    with tempfile.TemporaryDirectory() as folder:
        sink = MemorySink()
        run(SMALL, Plan(MONDAY, days=days, seed=seed, faults=Faults(missed=missed)), sink, Path(folder))
        truth = pq.read_table(Path(folder) / "occupancy.parquet").to_pydict()
    persons = dict(zip(zip(truth["zone_id"], truth["minute_ms"], strict=True), truth["persons"], strict=True))
    for key, row in published(SMALL, sink).items():
        if key in persons:
            yield row, persons[key]


def off(pairs: list[tuple[OccupancyMinute, int]]) -> Off:
    """Mean absolute errors, and how often the interval holds the truth."""
    minutes = len(pairs)
    return Off(
        minutes,
        sum(abs(row.occupancy - true) for row, true in pairs) / minutes,
        sum(abs(row.balance - true) for row, true in pairs) / minutes,
        sum(row.low <= true <= row.high for row, true in pairs) / minutes,
    )


def table(pairs: list[tuple[OccupancyMinute, int]]) -> str:
    """One line a zone, and one for all."""
    zones = sorted({row.zone_id for row, _ in pairs})
    groups = {zone: [pair for pair in pairs if pair[0].zone_id == zone] for zone in zones} | {"**all**": pairs}
    head = ["| zone | minutes | off by | running sum off by | ratio | in the 95 % interval |", "| --- " * 6 + "|"]
    return "\n".join([*head, *(_line(name, off(group)) for name, group in groups.items())])


def _line(name: str, found: Off) -> str:
    ratio = f"{found.estimate / found.running_sum:.2f}" if found.running_sum else "–"
    return (
        f"| {name} | {found.minutes} | {found.estimate:.2f} | {found.running_sum:.2f} | {ratio} | {found.covered:.1%} |"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--missed", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    print(table(list(simulated(asked.days, asked.missed, asked.seed))))
