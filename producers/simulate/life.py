"""How the estate lives, a day at a time: outings of residents, visitors, deliveries and technicians become crossings.

An outing is a walk there, a stay, and a walk back along the same way; one that would begin before the last has ended
does not happen, so nobody is in two places. Zones with opening hours are entered and left within them. The run's first
hour is the "moving-in hour": it brings home those who spend the night on the estate, so that crossings explain the
occupancy from zero.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date
from typing import Final, Self

import numpy as np

from infra.calendar import is_workday
from infra.clock import HOUR_MS, MINUTE_MS, day_bounds_ms
from producers.day import CARD, CODE, REMOTE, Crossed, crossed, merged, nothing
from producers.dice import dice
from producers.layout import Bools, Floats, Ints, Layout
from producers.simulate.people import (
    ELDER,
    NIGHT_WORKER,
    STUDENT,
    WORKER,
    Residents,
    around,
    homes_of,
    leisure_of,
    settle,
    technical_of,
)
from producers.simulate.routes import Routes

LEAST_STAY_MS: Final = 60_000
CLOSING_MARGIN_MS: Final = 5 * MINUTE_MS
MOVING_IN_MS: Final = 40 * MINUTE_MS
LEISURE_LOAD: Final = 0.4
LEISURE_PEAK: Final = 0.1
VISITORS_A_RESIDENT: Final = 0.03
DELIVERIES_A_RESIDENT: Final = 0.15
NEVER: Final = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Outings:
    """Candidate outings, one row each: who, from where, where to, pace, how gates open, when one leaves and returns."""

    person: Ints
    origin: Ints
    target: Ints
    pace: Floats
    method: Ints
    out_ms: Ints
    back_ms: Ints

    def take(self, which: Bools) -> Self:
        """The rows that a mask picks."""
        return type(self)(*(getattr(self, column.name)[which] for column in fields(self)))


class Life:
    """Lives the estate's days in order; `day` gives the true crossings of each."""

    def __init__(self, layout: Layout, routes: Routes, seed: int) -> None:
        self._layout, self._routes, self._seed = layout, routes, seed
        self.residents = settle(layout, routes, seed)
        self._homes, self._technical = homes_of(layout, routes), technical_of(layout, routes)
        self._calm = _calm(layout, routes, self.residents)
        self._busy_ms: Ints = np.where(self.residents.away, NEVER, 0)
        self._next_guest = len(self.residents)
        self._pending = nothing()
        self._moved_in = False

    def new_people(self, count: int) -> Ints:
        """Numbers of people who were not here before."""
        self._next_guest += count
        return np.arange(self._next_guest - count, self._next_guest)

    def day(self, day: date) -> Crossed:
        """The crossings of one local day; days must come in order."""
        start_ms, end_ms = day_bounds_ms(day, self._layout.site.tz)
        random, hours = dice(self._seed, "life", day), OpenHours(self._layout, start_ms, end_ms)
        parts = [self._pending, self._move_in(start_ms, random)]
        for outings in resident_outings(self.residents, is_workday(day), self._calm, start_ms, random):
            parts.append(self._go(outings.take(self._busy_ms[outings.person] <= outings.out_ms), hours, stays=True))
        parts.append(self._go(self._guests(is_workday(day), start_ms, random), hours, stays=False))
        whole = merged(parts)
        self._pending = whole.take(whole.event_ms >= end_ms)
        return whole.take(whole.event_ms < end_ms)

    def _move_in(self, start_ms: int, random: np.random.Generator) -> Crossed:
        """The moving-in hour of the first day: the night's people come home."""
        if self._moved_in:
            return nothing()
        self._moved_in = True
        people, who = self.residents, np.flatnonzero(~self.residents.away)
        leave_ms = start_ms + random.integers(0, MOVING_IN_MS, len(who))
        ways = Ways(who, people.portal[who], people.home[who], people.pace[who], people.method[who], leave_ms)
        arrive_ms, walked = walk(ways, self._routes)
        self._busy_ms[who] = arrive_ms + LEAST_STAY_MS
        return walked

    def _go(self, outings: Outings, hours: "OpenHours", stays: bool) -> Crossed:
        """Walk there and back, leaving out what would meet closed doors; `stays`: these are residents."""
        there = Ways(outings.person, outings.origin, outings.target, outings.pace, outings.method, outings.out_ms)
        arrive_ms, out = walk(there, self._routes)
        back_ms = np.maximum(outings.back_ms, arrive_ms + LEAST_STAY_MS)
        back = Ways(outings.person, outings.target, outings.origin, outings.pace, outings.method, back_ms)
        home_ms, home = walk(back, self._routes)
        zone = np.where(outings.target < len(self._layout.site.zones), outings.target, -1)
        fine = hours.open_through(zone, arrive_ms, back_ms + CLOSING_MARGIN_MS)
        if stays:
            self._busy_ms[outings.person[fine]] = home_ms[fine] + LEAST_STAY_MS
        welcome = outings.person[fine]
        return merged([out.take(np.isin(out.person, welcome)), home.take(np.isin(home.person, welcome))])

    def _guests(self, workday: bool, start_ms: int, random: np.random.Generator) -> Outings:
        """Visitors and couriers to homes, technicians to technical rooms: each a person of its own, from outside."""
        residents = len(self.residents)
        visits = int(residents * VISITORS_A_RESIDENT * (1 if workday else 2))
        parcels = int(residents * DELIVERIES_A_RESIDENT)
        repairs = self._technical if workday else self._technical[:0]
        target = np.concatenate([random.choice(self._homes, visits + parcels), repairs])
        count = len(target)
        sizes = (visits, parcels, len(repairs))
        arrivals, stays = ((9, 20), (8, 21), (9, 16)), ((30, 150), (3, 9), (15, 40))
        out_ms = start_ms + np.concatenate(
            [hours_between(*span, size, random) for span, size in zip(arrivals, sizes, strict=True)]
        )
        stay_ms = np.concatenate(
            [minutes_between(*span, size, random) for span, size in zip(stays, sizes, strict=True)]
        )
        origin = random.choice(self._routes.portals, count)
        return Outings(
            person=self.new_people(count),
            origin=origin,
            target=target,
            pace=random.uniform(0.8, 1.2, count),
            method=np.repeat([CODE, REMOTE, CARD], sizes),
            out_ms=out_ms,
            back_ms=out_ms + stay_ms,
        )


def _calm(layout: Layout, routes: Routes, residents: Residents) -> float:
    """The share of free-time wishes that come true, so that leisure places stay well below their capacity."""
    capacity: int = sum(layout.site.zones[zone].capacity for zone in leisure_of(layout, routes).tolist())
    share: float = min(1.0, LEISURE_LOAD * capacity / (LEISURE_PEAK * max(1, len(residents))))
    return share


def hours_between(first: float, last: float, count: int, random: np.random.Generator) -> Ints:
    """`count` times of the day in ms, uniform between two hours."""
    return random.integers(int(first * HOUR_MS), int(last * HOUR_MS), count)


def minutes_between(first: int, last: int, count: int, random: np.random.Generator) -> Ints:
    """`count` spans in ms, uniform between two numbers of minutes."""
    return random.integers(first * MINUTE_MS, last * MINUTE_MS, count)


def resident_outings(
    people: Residents, workday: bool, calm: float, start_ms: int, random: np.random.Generator
) -> Iterator[Outings]:
    """What residents would do on a day, in the order of the day: exercise, the day's errand, evening, night shift."""
    count, role = len(people), people.role
    luck = random.random((4, count))
    wishes = (
        (luck[0] < np.where(role == ELDER, 0.35, 0.04) * calm, people.leisure, *_exercise(count, random)),
        (luck[1] < _errand_chance(role, workday), people.portal, *_errand(people, workday, random)),
        (luck[2] < 0.16 * calm, people.leisure, *_stroll(count, random)),
        ((luck[2] > 0.9) & (role != NIGHT_WORKER), people.portal, *_evening_out(count, random)),
        ((role == NIGHT_WORKER) & (luck[3] < 0.7), people.portal, *_night_shift(count, random)),
    )
    for wish, target, out_ms, back_ms in wishes:
        who = wish & ~people.away & (target != people.home)
        every = Outings(
            person=np.arange(count),
            origin=people.home,
            target=target,
            pace=people.pace,
            method=people.method,
            out_ms=start_ms + out_ms,
            back_ms=start_ms + back_ms,
        )
        yield every.take(who)


Span = tuple[Ints, Ints]


def _exercise(count: int, random: np.random.Generator) -> Span:
    out = around(6.4, 0.35, count, random)
    return out, out + minutes_between(25, 60, count, random)


def _errand_chance(role: Ints, workday: bool) -> Floats:
    if not workday:
        return np.where(role == NIGHT_WORKER, 0.3, 0.62)
    return np.select(
        [role == WORKER, role == STUDENT, role == ELDER, role == NIGHT_WORKER], [0.93, 0.96, 0.55, 0.0], 0.6
    )


def _errand(people: Residents, workday: bool, random: np.random.Generator) -> Span:
    """Work, school, or shopping and the like."""
    count = len(people)
    out = hours_between(8.5, 16.5, count, random)
    back = out + minutes_between(30, 180, count, random)
    if not workday:
        return out, back
    works, learns = people.role == WORKER, people.role == STUDENT
    to_work = people.leave_ms + around(0, 0.15, count, random)
    from_work = people.return_ms + around(0, 0.4, count, random)
    to_school, from_school = around(7.4, 0.15, count, random), around(16.8, 0.3, count, random)
    return np.select([works, learns], [to_work, to_school], out), np.select(
        [works, learns], [from_work, from_school], back
    )


def _stroll(count: int, random: np.random.Generator) -> Span:
    out = hours_between(18.3, 20.8, count, random)
    return out, out + minutes_between(20, 55, count, random)


def _evening_out(count: int, random: np.random.Generator) -> Span:
    out = hours_between(18.3, 21.0, count, random)
    return out, out + minutes_between(40, 270, count, random)


def _night_shift(count: int, random: np.random.Generator) -> Span:
    out = hours_between(21.0, 22.5, count, random)
    return out, 24 * HOUR_MS + hours_between(6.2, 7.5, count, random)


@dataclass(frozen=True)
class Ways:
    """Walks to make, one row each; `leave_ms` is when the first line is crossed."""

    person: Ints
    start: Ints
    end: Ints
    pace: Floats
    method: Ints
    leave_ms: Ints


def walk(ways: Ways, routes: Routes) -> tuple[Ints, Crossed]:
    """(when each reaches its end, all crossings on the way); a way that does not exist has no crossings."""
    duration, steps = routes.walks(ways.start, ways.end, ways.person)
    row = steps.walk
    made = crossed(
        event_ms=ways.leave_ms[row] + (steps.after_ms * ways.pace[row]).astype(np.int64),
        line=steps.line,
        direction=steps.direction,
        person=ways.person[row],
        method=ways.method[row],
    )
    return ways.leave_ms + (duration * ways.pace).astype(np.int64), made


class OpenHours:
    """When the zones with opening hours are open, by the minute of one day."""

    def __init__(self, layout: Layout, start_ms: int, end_ms: int) -> None:
        self._start_ms = start_ms
        minutes = range(start_ms, end_ms, MINUTE_MS)
        self._closed_before = {
            index: np.cumsum([0] + [not layout.site.is_open(zone.id, minute) for minute in minutes])
            for index, zone in enumerate(layout.site.zones)
            if zone.opening_hours is not None
        }

    def open_through(self, zone: Ints, from_ms: Ints, to_ms: Ints) -> Bools:
        """Whether each zone is open from the one instant to the other (both of this day); -1 always is."""
        first, last = (from_ms - self._start_ms) // MINUTE_MS, (to_ms - self._start_ms) // MINUTE_MS + 1
        result = np.ones(len(zone), np.bool_)
        for index, closed in self._closed_before.items():
            mine = zone == index
            inside = (first[mine] >= 0) & (last[mine] < len(closed))
            low, high = (np.clip(edge[mine], 0, len(closed) - 1) for edge in (first, last))
            result[mine] = inside & (closed[high] == closed[low])
        return result
