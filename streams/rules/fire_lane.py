"""Fire lane: a car or truck stands in a zone of kind fire_lane for longer than `grace_minutes`.

A vehicle stands as long as it is detected within `still_m` of where it was first seen, whatever number the tracker
gives it and whichever camera sees it, with no more than `gap_s` between two sightings; one that drives through is
never in one place. One alert a zone (`streams/stays.py`): it opens when the first vehicle has stood too long, is
updated when another one has, and closes when the last of them has gone.
"""

import math
from typing import Final

from infra.events import Alert, Detections, Envelope, envelope_id
from infra.site import Site
from streams.lifecycle import note_witness
from streams.stays import Limit, State, Stay, forget_gone, see, tell_overstayed

RULE: Final = "fire_lane"
VEHICLES: Final = ("car", "truck")
MAX_STANDING: Final = 100


def step(state: State, envelope: Envelope, site: Site) -> list[Alert]:
    """Look at one envelope of the zone, seen for the first time; changes `state`, returns what is to be published."""
    limits = site.limits.fire_lane
    if site.zone[envelope.zone_id].kind != "fire_lane":
        return []
    limit = Limit(RULE, "critical", "vehicles", limits.grace_minutes, limits.gap_s)
    published = forget_gone(state, envelope.start_ms, limit)
    for event_ms, x_m, y_m in _vehicles(envelope.detections):
        if event_ms > state.past_to_ms:
            _see(state, event_ms, (x_m, y_m), limits.still_m, envelope_id(envelope))
    return published + tell_overstayed(state, envelope, limit, site)


def _vehicles(detections: Detections | None) -> list[tuple[int, float, float]]:
    if detections is None:
        return []
    columns = zip(detections.event_ms, detections.object_class, detections.x_m, detections.y_m, strict=True)
    return [(event_ms, x_m, y_m) for event_ms, what, x_m, y_m in columns if what in VEHICLES]


def _see(state: State, event_ms: int, place: tuple[float, float], still_m: float, evidence: str) -> None:
    """Note a vehicle at `place`: the nearest known one, if it is near enough, or a new one."""
    near = min(state.stays, key=lambda known: math.dist(place, (known.x_m, known.y_m)), default=None)
    if near is not None and math.dist(place, (near.x_m, near.y_m)) <= still_m:
        see(near, event_ms)
        note_witness(near.witnesses, evidence)
    elif len(state.stays) < MAX_STANDING:
        state.stays.append(Stay("", *place, event_ms, event_ms, witnesses=[evidence]))
