"""What incidents are made from: their kinds, the estate's day as it would be without them, and helpers to people it."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np

from producers.day import CODE, Crossed, Day, Outage, Sighting, merged
from producers.layout import Ints, Layout
from producers.simulate.life import Life, OpenHours, Ways, walk
from producers.simulate.routes import Routes
from producers.simulate.truth import Incident, Rule

Kind = Literal[
    "blind_camera",
    "intruder",
    "crowd",
    "silent_camera",
    "tailgater",
    "held_gate",
    "forced_gate",
    "fire_lane_car",
    "e_bike",
    "loiterer",
    "climber",
    "rush",
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
RULES: Final[dict[Kind, Rule]] = {
    "intruder": "restricted_hours",
    "crowd": "over_capacity",
    "silent_camera": "camera_silent",
    "tailgater": "tailgating",
    "held_gate": "gate_held",
    "forced_gate": "gate_forced",
    "fire_lane_car": "fire_lane",
    "e_bike": "e_bike",
    "loiterer": "loitering",
    "climber": "perimeter_crossing",
    "rush": "unusual_flow",
    "blind_camera": "unusual_absence",
}


@dataclass(frozen=True)
class Scene:
    """All that an incident is made from: the estate, the day as it would be without it, and the randomness."""

    layout: Layout
    routes: Routes
    life: Life
    day: Day
    opening: Ints
    random: np.random.Generator

    @property
    def hours(self) -> OpenHours:
        """When zones are open on this day."""
        return OpenHours(self.layout, self.day.start_ms, self.day.end_ms)


@dataclass(frozen=True)
class Injected:
    """One incident's record and what it adds to the day."""

    record: Incident
    crossed: Crossed | None = None
    outage: Outage | None = None
    sighting: Sighting | None = None


def record(name: str, zone_id: str, subject_id: str, start_ms: int, end_ms: int) -> Incident:
    """The truth's record of the incident `name`, which begins with its kind."""
    kind = next(kind for kind in KINDS if name.startswith(f"{kind}-"))
    return Incident(
        incident_id=name,
        kind=kind,
        rule=RULES[kind],
        zone_id=zone_id,
        subject_id=subject_id,
        start_ms=start_ms,
        end_ms=end_ms,
    )


def any_of(choices: Ints | list[int], random: np.random.Generator) -> int | None:
    """One of the choices, or None where there is none."""
    return int(random.choice(np.asarray(choices))) if len(choices) else None


def visit(
    people: Ints, zone: int, leave_ms: Ints, scene: Scene, *, stay_ms: int, until_ms: Ints | int = 0
) -> tuple[Ints, Ints, Crossed]:
    """Additional people walk in and out by portals of their own: (arrivals, departures, crossings).

    They stay for `stay_ms`, and in any case until `until_ms`.
    """
    portals = [p for p in scene.routes.portals.tolist() if scene.routes.walk_ms(p, zone) is not None]
    origin, there = scene.random.choice(portals, len(people)), np.full(len(people), zone)
    pace, method = scene.random.uniform(0.9, 1.1, len(people)), np.full(len(people), CODE)
    arrive_ms, out = walk(Ways(people, origin, there, pace, method, leave_ms), scene.routes)
    back_ms = np.maximum(until_ms, arrive_ms + stay_ms)
    _, back = walk(Ways(people, there, origin, pace, method, back_ms), scene.routes)
    return arrive_ms, back_ms, merged([out, back])
