"""Real pedestrian counts (`producers/auckland.py`) as crossings at the estate's gates, each hour's count kept exactly.

The source's local hours become the estate's local hours, wall clock to wall clock; each gate line takes one sensor. A
count has no direction: `direct` documents the rule that gives it one. Times within the hour are seeded and uniform.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from infra.clock import DAY_MS, HOUR_MS, day_bounds_ms
from infra.errors import UserError
from infra.site import Site
from producers.auckland import HOURS, hourly
from producers.day import FACE, Crossed, Day, crossed, merged, nothing, numbered
from producers.dice import dice
from producers.feed import Feed, Progress, no_progress
from producers.layout import Ints, Layout, expand
from producers.produced import Produced
from producers.simulate.faults import Faults
from producers.simulate.truth import open_truth
from producers.sink import Sink

DEFAULT_START: Final = date(2024, 5, 13)
DEFAULT_DAYS: Final = 14
STAY_SHARE: Final = 0.25
DEFAULT_SENSORS: Final = (
    "2 High Street",
    "8 Darby Street EW",
    "1 Courthouse Lane",
    "59 High Street",
    "19 Shortland Street",
    "150 K Road",
    "8 Darby Street NS",
    "61 Federal Street",
    "183 K Road",
    "7 Custom Street East",
    "Te Ara Tahuhu Walkway",
    "Commerce Street West",
)


@dataclass(frozen=True)
class CountsPlan:
    """Which local days, and which sensor stands for which gate line (None: `default_mapping`)."""

    start: date = DEFAULT_START
    days: int = DEFAULT_DAYS
    seed: int = 7
    mapping: Mapping[str, str] | None = None
    faults: Faults = field(default_factory=Faults)

    @property
    def dates(self) -> list[date]:
        """The local days, in order."""
        return [self.start + timedelta(days=n) for n in range(self.days)]


def default_mapping(site: Site) -> dict[str, str]:
    """Sensor by line: gate lines to the outside in file order take `DEFAULT_SENSORS` in order; any others take none."""
    lines = [site.lines[line].id for line in Layout(site).gate_lines]
    return dict(zip(lines, DEFAULT_SENSORS, strict=False))


def expected_counts(site: Site, plan: CountsPlan) -> dict[date, dict[str, int]]:
    """{local day: {line_id: crossings in both directions}}, straight from the source."""
    by_line = {line: hourly(sensor, plan.dates).sum(axis=1) for line, sensor in _mapping(site, plan).items()}
    return {day: {line: int(totals[n]) for line, totals in by_line.items()} for n, day in enumerate(plan.dates)}


def run(
    site: Site, plan: CountsPlan, sink: Sink, truth_dir: Path | None = None, progress: Progress = no_progress
) -> Produced:
    """Send the plan's days. Raises UserError where the source has no count, or a line or sensor is unknown."""
    layout = Layout(site)
    groups = _groups(layout, plan)
    boot_id = f"counts-{plan.start:%Y%m%d}-{plan.seed}"
    with open_truth(truth_dir, layout) as truth:
        feed = Feed(
            site,
            boot_id,
            days=plan.days,
            seed=plan.seed,
            faults=plan.faults,
            sink=sink,
            truth=truth,
            progress=progress,
        )
        for number, day in enumerate(plan.dates):
            random = dice(plan.seed, "counts", day)
            parts = [group.crossings(number, _start_ms(day, site), random) for group in groups]
            start_ms, end_ms = day_bounds_ms(day, site.tz)
            feed.send_day(Day(day, start_ms, end_ms, numbered(merged([nothing(), *parts]))))
        return feed.finish([])


def _mapping(site: Site, plan: CountsPlan) -> Mapping[str, str]:
    if plan.mapping is None:
        return default_mapping(site)
    layout = Layout(site)
    known = [site.lines[line].id for line in layout.portals]
    for line in plan.mapping:
        if line not in known:
            raise UserError(f"--map {line}=…: not a line to the outside", f"choose one of: {', '.join(known)}")
    return plan.mapping


def parse_mapping(texts: list[str]) -> dict[str, str] | None:
    """Parse ["gate_north=2 High Street"] into sensor by line; nothing given is None, the default mapping."""
    mapping = {}
    for text in texts:
        line, equals, sensor = text.partition("=")
        if not (line and equals and sensor):
            raise UserError(f"--map {text}: not understood", 'give LINE=SENSOR, e.g. "gate_north=2 High Street"')
        mapping[line.strip()] = sensor.strip()
    return mapping or None


def _start_ms(day: date, site: Site) -> int:
    start_ms, end_ms = day_bounds_ms(day, site.tz)
    if end_ms - start_ms != DAY_MS:
        raise UserError(
            f"{day} does not have 24 hours in {site.estate.timezone}", "choose other days (--start, --days)"
        )
    return start_ms


@dataclass(frozen=True)
class _Group:
    """Portals into one zone, which share its occupancy: who enters by one may leave by another.

    `ins`, `outs` have shape (days, 24, lines); `inside` (days, 24) is the zone's occupancy at each hour's start.
    """

    lines: Ints
    inward: Ints
    ins: Ints
    outs: Ints
    inside: Ints

    def crossings(self, day: int, start_ms: int, random: np.random.Generator) -> Crossed:
        """The crossings of one day."""
        return merged([nothing(), *(self._hour(day, hour, start_ms + hour * HOUR_MS, random) for hour in range(HOURS))])

    def _hour(self, day: int, hour: int, start_ms: int, random: np.random.Generator) -> Crossed:
        ins, outs = self.ins[day, hour], self.outs[day, hour]
        member, way = _shuffled(ins, outs, int(self.inside[day, hour]), random)
        return crossed(
            event_ms=np.sort(random.integers(start_ms, start_ms + HOUR_MS, len(way))),
            line=self.lines[member],
            direction=way * self.inward[member],
            person=np.arange(len(way)),
            method=np.full(len(way), FACE),
        )


def _groups(layout: Layout, plan: CountsPlan) -> list[_Group]:
    by_zone: dict[str, list[tuple[int, Ints]]] = {}
    for name, sensor in _mapping(layout.site, plan).items():
        line = layout.line_at[name]
        by_zone.setdefault(layout.inner_zone(line), []).append((line, hourly(sensor, plan.dates)))
    return [_group(layout, members) for members in by_zone.values()]


def _group(layout: Layout, members: Sequence[tuple[int, Ints]]) -> _Group:
    lines = [line for line, _ in members]
    counts = np.stack([counts for _, counts in members], axis=-1)
    ins = direct(counts)
    outs = counts - ins
    net = (ins - outs).sum(axis=-1).ravel()
    return _Group(
        lines=np.array(lines, np.int64),
        inward=np.array([layout.inward(line) for line in lines], np.int64),
        ins=ins,
        outs=outs,
        inside=(np.cumsum(net) - net).reshape(counts.shape[:2]),
    )


def direct(counts: Ints) -> Ints:
    """How many of the counts, shape (days, 24, lines), go in; the others go out.

    The rule: at each hour's end the number inside is a quarter (`STAY_SHARE`) of the smaller of the day's count so far
    and the day's count still to come, rounded down, plus one where in + out = count asks for it. So the estate fills
    and empties with the day, is never below zero, and is empty at midnight, or holds the one person that an odd total
    leaves. Each line takes its share of an hour's entries by its count, largest remainders first.
    """
    hourly_total = counts.sum(axis=-1)
    so_far = np.cumsum(hourly_total, axis=1)
    to_come = so_far[:, -1:] - so_far
    stay = (STAY_SHARE * np.minimum(so_far, to_come)).astype(np.int64).ravel()
    inside = stay + (stay + np.cumsum(hourly_total.ravel())) % 2
    net = np.diff(inside, prepend=0).reshape(hourly_total.shape)
    return _apportioned((hourly_total + net) // 2, counts)


def _apportioned(totals: Ints, counts: Ints) -> Ints:
    """Split `totals` (days, hours) over the last axis of `counts` in proportion, exactly; never above the count."""
    whole = np.maximum(counts.sum(axis=-1, keepdims=True), 1)
    floors, remainders = np.divmod(totals[..., None] * counts, whole)
    left = totals - floors.sum(axis=-1)
    place = np.argsort(np.argsort(-remainders, axis=-1, kind="stable"), axis=-1, kind="stable")
    parts: Ints = floors + (place < left[..., None])
    return parts


def _shuffled(ins: Ints, outs: Ints, inside: int, random: np.random.Generator) -> tuple[Ints, Ints]:
    """(member, +1 in or -1 out) of one hour's crossings in a random order that never goes below zero.

    A random order that would dip is turned round (rotated) to start after its lowest point.
    """
    member, _ = expand(np.concatenate([ins, outs]))
    way = np.where(member < len(ins), 1, -1)
    order = random.permutation(len(way))
    level = inside + np.cumsum(way[order])
    if len(level) and level.min() < 0:
        order = np.roll(order, -(int(level.argmin()) + 1))
    return member[order] % len(ins), way[order]
