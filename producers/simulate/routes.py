"""Ways through an estate: which lines one crosses from any place to any other, and how long one walks.

Places are the zones, by index, and behind them the portals (`Layout.portals`), each a piece of the outside behind one
line. Ways lead neither through the outside nor through a zone with opening hours; those are only ends of a way.
"""

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from math import dist
from typing import Final

import numpy as np

from infra.limits import OUTSIDE
from producers.layout import Ints, Layout, expand

WALK_M_PER_S: Final = 1.2
SHORTEST_STEP_MS: Final = 3_000
HABITS: Final = 12


@dataclass(frozen=True)
class Step:
    """Crossing one line: its index, the direction, and where one then is."""

    line: int
    direction: int
    to: int


@dataclass(frozen=True)
class Walks:
    """Crossings of many walks, flat: the walk, ms since its first line, line, direction of each."""

    walk: Ints
    after_ms: Ints
    line: Ints
    direction: Ints


class Routes:
    """Finds ways and remembers them."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._zones = len(layout.site.zones)
        self.portals: Ints = self._zones + np.arange(len(layout.portals))
        self._steps = self._graph()
        self._parallel = self._doors()
        self._trees: dict[int, dict[int, tuple[int, Step]]] = {}
        self._known: dict[tuple[int, int, int], tuple[Ints, Ints, Ints] | None] = {}

    def _graph(self) -> dict[int, list[Step]]:
        steps: dict[int, list[Step]] = {}
        portal_of = dict(zip(self._layout.portals, self.portals.tolist(), strict=True))
        for index, line in enumerate(self._layout.site.lines):
            if OUTSIDE in (line.from_zone, line.to_zone) and index not in portal_of:
                continue  # a perimeter is no way
            places = self._layout.zone_at | {OUTSIDE: portal_of.get(index, 0)}
            ends = [places[line.from_zone], places[line.to_zone]]
            steps.setdefault(ends[0], []).append(Step(index, 1, ends[1]))
            steps.setdefault(ends[1], []).append(Step(index, -1, ends[0]))
        return steps

    def _doors(self) -> dict[tuple[int, int], list[Step]]:
        """All steps between two places: several doors or gates may lead the same way."""
        doors: dict[tuple[int, int], list[Step]] = {}
        for place, steps in self._steps.items():
            for step in steps:
                doors.setdefault((place, step.to), []).append(step)
        return doors

    def _is_end_only(self, place: int) -> bool:
        return place >= self._zones or self._layout.site.zones[place].opening_hours is not None

    def _tree(self, start: int) -> dict[int, tuple[int, Step]]:
        """For every place that can be reached from `start`: the place before it and the step from there."""
        if start not in self._trees:
            came: dict[int, tuple[int, Step]] = {}
            queue = deque([start])
            while queue:
                place = queue.popleft()
                if place != start and self._is_end_only(place):
                    continue
                for step in self._steps.get(place, []):
                    if step.to not in came and step.to != start:
                        came[step.to] = (place, step)
                        queue.append(step.to)
            self._trees[start] = came
        return self._trees[start]

    def _path(self, start: int, end: int, habit: int) -> list[Step] | None:
        came, path, place = self._tree(start), [], end
        if end not in came:
            return None
        while place != start:
            reached = place
            place, _ = came[place]
            doors = self._parallel[place, reached]
            path.append(doors[habit % len(doors)])
        return path[::-1]

    def _route(self, start: int, end: int, habit: int = 0) -> tuple[Ints, Ints, Ints] | None:
        """(line, direction, ms since the first line) of each step, or None if there is no way."""
        if (start, end, habit) not in self._known:
            path = self._path(start, end, habit)
            self._known[start, end, habit] = None if path is None else self._columns(path)
        return self._known[start, end, habit]

    def _columns(self, path: list[Step]) -> tuple[Ints, Ints, Ints]:
        middles = [self._layout.midpoint(step.line) for step in path]
        walks = [max(SHORTEST_STEP_MS, round(dist(a, b) / WALK_M_PER_S * 1000)) for a, b in pairwise(middles)]
        lines = np.array([step.line for step in path], np.int64)
        return lines, np.array([step.direction for step in path], np.int64), np.cumsum([0, *walks])

    def walk_ms(self, start: int, end: int) -> int | None:
        """How long one walks from the first line to the last, or None if there is no way."""
        route = self._route(start, end)
        return None if route is None else int(route[2][-1])

    def walks(self, start: Ints, end: Ints, person: Ints) -> tuple[Ints, Walks]:
        """(Duration of each walk in ms, all their crossings); of several doors that lead the same way, people differ.

        A person keeps to the same doors; a walk where there is no way has no crossings.
        """
        places, habit = self._zones + len(self.portals), person % HABITS
        code = (start * places + end) * HABITS + habit
        _, where, inverse = np.unique(code, return_index=True, return_inverse=True)
        routes = [self._route(int(start[n]), int(end[n]), int(habit[n])) or _NOWHERE for n in where]
        sizes = np.array([len(route[0]) for route in routes], np.int64)
        line, direction, after_ms = (np.concatenate([_NONE, *(route[k] for route in routes)]) for k in range(3))
        offset = np.cumsum(sizes) - sizes
        walk, position = expand(sizes[inverse])
        at = offset[inverse[walk]] + position
        duration = np.array([max(route[2], default=0) for route in routes], np.int64)[inverse]
        return duration, Walks(walk, after_ms[at], line[at], direction[at])


_NONE: Ints = np.empty(0, np.int64)
_NOWHERE = (_NONE, _NONE, _NONE)
