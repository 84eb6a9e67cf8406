"""Who lives on the estate: residents with homes and habits, and the places that people go to."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from infra.clock import HOUR_MS, MINUTE_MS
from infra.errors import UserError
from producers.day import CARD, FACE
from producers.dice import dice
from producers.layout import Bools, Floats, Ints, Layout
from producers.simulate.routes import Routes

WORKER, STUDENT, ELDER, OTHER, NIGHT_WORKER = range(5)
ROLE_SHARES: Final = (0.42, 0.17, 0.22, 0.16, 0.03)
AWAY_SHARE: Final = 0.08
CARD_SHARE: Final = 0.2


@dataclass(frozen=True)
class Residents:
    """n residents by columns: home and favourite leisure place, portal, pace, role, habitual times (ms of the day)."""

    home: Ints
    portal: Ints
    leisure: Ints
    pace: Floats
    role: Ints
    method: Ints
    leave_ms: Ints
    return_ms: Ints
    away: Bools

    def __len__(self) -> int:
        return len(self.home)


def homes_of(layout: Layout, routes: Routes) -> Ints:
    """Zones that people live in: reachable buildings or floors that contain no other zone and never close."""
    parents = {zone.parent for zone in layout.site.zones}
    homes = [
        index
        for index, zone in enumerate(layout.site.zones)
        if zone.kind in {"building", "floor"} and zone.id not in parents and zone.opening_hours is None
    ]
    return _reachable(homes, routes)


def leisure_of(layout: Layout, routes: Routes) -> Ints:
    """Zones to spend free time in: courtyards, and buildings with opening hours."""
    zones = enumerate(layout.site.zones)
    places = [i for i, zone in zones if zone.kind == "courtyard" or (zone.kind == "building" and zone.opening_hours)]
    return _reachable([i for i in places if layout.site.zones[i].capacity > 0], routes)


def technical_of(layout: Layout, routes: Routes) -> Ints:
    """Zones that only technicians enter."""
    return _reachable([i for i, zone in enumerate(layout.site.zones) if zone.kind == "technical"], routes)


def _reachable(zones: list[int], routes: Routes) -> Ints:
    portals = routes.portals.tolist()
    return np.array([zone for zone in zones if any(routes.walk_ms(p, zone) is not None for p in portals)], np.int64)


def _nearness(start: Ints, end: Ints, routes: Routes) -> Floats:
    """Shape (start, end): 1 for neighbours, falling with the minutes of walk; 0 where there is no way."""
    walks = [[routes.walk_ms(a, b) for b in end.tolist()] for a in start.tolist()]
    return np.array([[0.0 if ms is None else 1 / (1 + ms / MINUTE_MS) for ms in row] for row in walks])


def _pick(weights: Floats, random: np.random.Generator) -> Ints:
    """For each row of weights a column, with probability in proportion."""
    edges = np.cumsum(weights, axis=1)
    below = random.random((len(weights), 1)) * edges[:, -1:] >= edges
    chosen: Ints = np.minimum(below.sum(axis=1), weights.shape[1] - 1)
    return chosen


def _spread(total: int, weights: Floats) -> Ints:
    """`total` items over the columns in proportion to the weights, exactly."""
    edges = np.round(total * np.cumsum(weights) / weights.sum()).astype(np.int64)
    return np.repeat(np.arange(len(weights)), np.diff(edges, prepend=0))


def settle(layout: Layout, routes: Routes, seed: int) -> Residents:
    """The residents of a site, from the seed. Raises UserError where nobody can live or come in."""
    homes, leisure, random = homes_of(layout, routes), leisure_of(layout, routes), dice(seed, "residents")
    if not len(homes):
        raise UserError(
            "the site has no home that can be reached from outside",
            "give it zones of kind building or floor, and lines that lead there from outside",
        )
    count = layout.site.estate.residents
    capacity = np.array([max(1, zone.capacity) for zone in layout.site.zones], np.float64)
    at = _spread(count, capacity[homes])
    to_portal = _nearness(homes, routes.portals, routes)
    to_leisure = _nearness(homes, leisure, routes) * capacity[leisure]
    idle = not len(leisure)
    return Residents(
        home=homes[at],
        portal=routes.portals[_pick(to_portal[at], random)],
        leisure=homes[at] if idle else leisure[_pick(to_leisure[at], random)],
        pace=random.uniform(0.8, 1.4, count),
        role=random.choice(5, count, p=ROLE_SHARES),
        method=np.where(random.random(count) < CARD_SHARE, CARD, FACE),
        leave_ms=around(7.9, 0.7, count, random),
        return_ms=around(18.2, 0.9, count, random),
        away=random.random(count) < AWAY_SHARE,
    )


def around(hour: float, hours: float, count: int, random: np.random.Generator) -> Ints:
    """`count` times of the day in ms, normally distributed about `hour`, at most two and a half deviations off."""
    return ((hour + hours * np.clip(random.standard_normal(count), -2.5, 2.5)) * HOUR_MS).astype(np.int64)
