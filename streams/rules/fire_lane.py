"""Fire lane: a car or truck stands in a zone of kind fire_lane for longer than `grace_minutes`.

A vehicle stands as long as it is detected within `still_m` of where it was first seen, whatever number the tracker
gives it and whichever camera sees it, with no more than `gap_s` between two sightings; one that drives through is
never in one place. One alert a zone: it opens when the first vehicle has stood too long, is updated when another one
has, and closes when the last of them has gone.
"""

import math
from typing import Final

from msgspec import Struct

from infra.clock import MINUTE_MS, local_clock
from infra.events import Alert, Detections, Envelope, envelope_id
from infra.limits import FireLane
from infra.site import Site
from streams.lifecycle import closed, opened, updated

RULE: Final = "fire_lane"
VEHICLES: Final = ("car", "truck")
MAX_STANDING: Final = 100


class Standing(Struct):
    """A vehicle in one place: where (metres), since when, when last seen, and whether it has stood too long."""

    x_m: float
    y_m: float
    since_ms: int
    last_ms: int
    too_long: bool = False


class State(Struct):
    """Vehicles in the zone and the open alert, if any; `gone_ms` is when the last offender was seen last."""

    vehicles: list[Standing] = []
    alert: Alert | None = None
    gone_ms: int = -1


def step(state: State, envelope: Envelope, site: Site) -> list[Alert]:
    """Look at one envelope of the zone, seen for the first time; changes `state`, returns what is to be published."""
    zone, limits = site.zone[envelope.zone_id], site.limits.fire_lane
    if zone.kind != "fire_lane":
        return []
    published = _forget_gone(state, envelope.start_ms, limits)
    for event_ms, x_m, y_m in _vehicles(envelope.detections):
        _see(state, event_ms, (x_m, y_m), limits)
    for vehicle in state.vehicles:
        if not vehicle.too_long and vehicle.last_ms - vehicle.since_ms > limits.grace_minutes * MINUTE_MS:
            vehicle.too_long = True
            published.append(_tell(state, vehicle, envelope, site))
    return published


def _vehicles(detections: Detections | None) -> list[tuple[int, float, float]]:
    if detections is None:
        return []
    columns = zip(detections.event_ms, detections.object_class, detections.x_m, detections.y_m, strict=True)
    return [(event_ms, x_m, y_m) for event_ms, what, x_m, y_m in columns if what in VEHICLES]


def _see(state: State, event_ms: int, place: tuple[float, float], limits: FireLane) -> None:
    """Note a vehicle at `place`: the nearest known one, if it is near enough, or a new one."""
    near = min(state.vehicles, key=lambda known: math.dist(place, (known.x_m, known.y_m)), default=None)
    if near is not None and math.dist(place, (near.x_m, near.y_m)) <= limits.still_m:
        near.since_ms, near.last_ms = min(near.since_ms, event_ms), max(near.last_ms, event_ms)
    elif len(state.vehicles) < MAX_STANDING:
        state.vehicles.append(Standing(*place, event_ms, event_ms))


def _forget_gone(state: State, now_ms: int, limits: FireLane) -> list[Alert]:
    """Drop vehicles not seen for `gap_s`; close the alert when no offender is left."""
    here = [vehicle for vehicle in state.vehicles if now_ms - vehicle.last_ms <= limits.gap_s * 1000]
    gone = [vehicle.last_ms for vehicle in state.vehicles if vehicle.too_long and vehicle not in here]
    state.vehicles, state.gone_ms = here, max([state.gone_ms, *gone])
    if state.alert is None or any(vehicle.too_long for vehicle in here):
        return []
    minutes = (state.gone_ms - state.alert.opened_ms) / MINUTE_MS + limits.grace_minutes
    over = closed(state.alert, state.gone_ms, f"free again after {minutes:.0f} min")
    state.alert, state.gone_ms = None, -1
    return [over]


def _tell(state: State, vehicle: Standing, envelope: Envelope, site: Site) -> Alert:
    grace_minutes, zone = site.limits.fire_lane.grace_minutes, site.zone[envelope.zone_id]
    offenders = sum(known.too_long for known in state.vehicles)
    explanation = (
        f"{zone.name}: {offenders} vehicle(s) standing for more than {grace_minutes} min, "
        f"last at ({vehicle.x_m:.0f} m, {vehicle.y_m:.0f} m) since {local_clock(vehicle.since_ms, site.tz)}"
    )
    measured = {"vehicles": float(offenders), "grace_minutes": float(grace_minutes)}
    measured |= {"x_m": vehicle.x_m, "y_m": vehicle.y_m, "since_ms": float(vehicle.since_ms)}
    evidence = [envelope_id(envelope)]
    if state.alert is not None:
        state.alert = updated(state.alert, vehicle.last_ms, explanation, measured, evidence)
        return state.alert
    state.alert = opened(
        rule=RULE,
        estate_id=envelope.estate_id,
        zone_id=envelope.zone_id,
        subject_id=envelope.zone_id,
        severity="critical",
        opened_ms=vehicle.since_ms + grace_minutes * MINUTE_MS,
        updated_ms=vehicle.last_ms,
        explanation=explanation,
        measured=measured,
        evidence=evidence,
    )
    return state.alert
