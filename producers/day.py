"""What truly happens in one local day, as columns: the common tongue of the simulator and the real counts."""

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal, Self, get_args

import numpy as np

from infra.clock import MINUTE_MS
from infra.events import ObjectClass
from producers.layout import Bools, Ints, Layout, expand

Method = Literal["card", "face", "code", "remote", "button"]
METHODS: tuple[Method, ...] = get_args(Method)
NO_PASSAGE = -1
CARD, FACE, CODE, REMOTE, BUTTON = range(len(METHODS))


@dataclass(frozen=True)
class Crossed:
    """True crossings, n-long columns sorted by time: UTC ms, line index, direction ±1, person, how a gate was opened.

    `kept` marks crossings that the fault "missed crossing" spares, because an incident rests on each of them.
    """

    event_ms: Ints
    line: Ints
    direction: Ints
    person: Ints
    method: Ints
    kept: Bools

    def __len__(self) -> int:
        return len(self.event_ms)

    def take(self, which: Ints | Bools | slice) -> Self:
        """The rows that an index, mask or slice picks."""
        return replace(
            self,
            event_ms=self.event_ms[which],
            line=self.line[which],
            direction=self.direction[which],
            person=self.person[which],
            method=self.method[which],
            kept=self.kept[which],
        )

    def sorted(self) -> Self:
        """The same rows by time, then person."""
        return self.take(np.lexsort((self.person, self.event_ms)))


def crossed(*, event_ms: Ints, line: Ints, direction: Ints, person: Ints, method: Ints, kept: bool = False) -> Crossed:
    """Sorted crossings from unsorted columns."""
    return Crossed(event_ms, line, direction, person, method, np.full(len(event_ms), kept)).sorted()


def nothing() -> Crossed:
    """No crossings."""
    none = np.empty(0, np.int64)
    return Crossed(none, none, none, none, none, np.empty(0, np.bool_))


def merged(parts: list[Crossed]) -> Crossed:
    """All parts as one, sorted."""
    columns = ("event_ms", "line", "direction", "person", "method", "kept")
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in columns}
    return Crossed(**joined).sorted()


def numbered(crossings: Crossed) -> Crossed:
    """The same crossings, each by a person of its own, where who comes back is not known."""
    return replace(crossings, person=np.arange(len(crossings)))


@dataclass(frozen=True)
class Outage:
    """A camera that sees no crossing from `start_ms` to `end_ms` (exclusive); a `silent` one sends nothing at all."""

    camera: int
    start_ms: int
    end_ms: int
    silent: bool = True


@dataclass(frozen=True)
class Sighting:
    """Something that stands in a zone in sight of a camera from `start_ms` to `end_ms` (exclusive), whole seconds."""

    object_class: ObjectClass
    camera: int
    zone: int
    start_ms: int
    end_ms: int
    x_m: float
    y_m: float


@dataclass(frozen=True)
class Day:
    """One local day of the estate: `[start_ms, end_ms)` in UTC ms and all that happens in it."""

    date: date
    start_ms: int
    end_ms: int
    crossed: Crossed
    outages: tuple[Outage, ...] = ()
    sightings: tuple[Sighting, ...] = ()

    @property
    def minutes(self) -> int:
        """Minutes of the day (1440 but for a change of the clocks)."""
        return (self.end_ms - self.start_ms) // MINUTE_MS


@dataclass(frozen=True)
class Balance:
    """True occupancy over one day. `key` sorts changes by zone, then time; `level` is the occupancy after each."""

    opening: Ints
    closing: Ints
    day: Day = field(repr=False)
    key: Ints = field(repr=False)
    level: Ints = field(repr=False)

    def at(self, zone: Ints, instant_ms: Ints) -> Ints:
        """Persons in each zone after everything up to and including `instant_ms`."""
        place = np.searchsorted(self.key, zone * self._span + (instant_ms - self.day.start_ms), side="right") - 1
        inside = (place >= 0) & (self.key[place] // self._span == zone) if len(self.key) else np.zeros(len(zone), bool)
        return np.where(inside, self.level[place] if len(self.level) else 0, self.opening[zone])

    @property
    def _span(self) -> int:
        return self.day.end_ms - self.day.start_ms

    def changes(self, zone: int) -> tuple[Ints, Ints]:
        """(UTC ms, persons after it) of every change of one zone."""
        low, high = np.searchsorted(self.key, [zone * self._span, (zone + 1) * self._span])
        return self.key[low:high] - zone * self._span + self.day.start_ms, self.level[low:high]


def balance(day: Day, opening: Ints, layout: Layout) -> Balance:
    """The day's true occupancy from its crossings; `opening` is each zone's occupancy at its start."""
    zone, event, change = effects(day.crossed, layout)
    span = day.end_ms - day.start_ms
    key = zone * span + (day.crossed.event_ms[event] - day.start_ms)
    order = np.argsort(key, kind="stable")
    key, zone, running = key[order], zone[order], np.cumsum(change[order])
    first = np.searchsorted(zone, np.arange(len(opening)))
    before = np.concatenate([[0], running])[first]
    closing = opening + np.bincount(zone, change[order], len(opening)).astype(np.int64)
    return Balance(opening, closing, day, key, running - before[zone] + opening[zone])


def effects(crossings: Crossed, layout: Layout) -> tuple[Ints, Ints, Ints]:
    """(zone, crossing, ±1) for every zone that every crossing changes, crossing after crossing."""
    counts = layout.effect_start[crossings.line + 1] - layout.effect_start[crossings.line]
    event, position = expand(counts)
    slot = layout.effect_start[crossings.line[event]] + position
    return layout.effect_zone[slot], event, layout.effect_sign[slot] * crossings.direction[event]
