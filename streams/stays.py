"""Alerts on what stays somewhere for too long: one a zone, from the first that overstays to when the last has gone.

A rule says what is the same thing still (by place, by track); here is what it means to stay, to overstay, to be gone.
"""

from dataclasses import dataclass

from msgspec import Struct

from infra.clock import MINUTE_MS, local_clock
from infra.events import Alert, Envelope, Severity, envelope_id
from infra.site import Site
from streams.lifecycle import MAX_EVIDENCE, closed, opened, updated


class Stay(Struct):
    """One thing that stays: what it is known by, if anything, where it was first seen (metres), since when, last when,
    whether that is too long, and the first envelope of each camera that saw it where several can.
    """

    who: str
    x_m: float
    y_m: float
    since_ms: int
    last_ms: int
    too_long: bool = False
    witnesses: list[str] = []


class State(Struct):
    """What stays in the zone, and the open alert, if any; when the last offender was seen last, and who saw any go.

    What was seen up to `past_to_ms` belongs to an alert that has been told to its end.
    """

    stays: list[Stay] = []
    alert: Alert | None = None
    gone_ms: int = -1
    witnesses: list[str] = []
    past_to_ms: int = -1


@dataclass(frozen=True)
class Limit:
    """How long what (`unit`, "vehicles") may stay; it has gone when it was not seen for `gap_s`."""

    rule: str
    severity: Severity
    unit: str
    minutes: int
    gap_s: int


def see(stay: Stay, event_ms: int) -> None:
    """Note that what stays was seen."""
    stay.since_ms, stay.last_ms = min(stay.since_ms, event_ms), max(stay.last_ms, event_ms)


def forget_gone(state: State, now_ms: int, limit: Limit) -> list[Alert]:
    """Drop what was not seen for `gap_s`; close the alert when no offender is left."""
    here = [stay for stay in state.stays if now_ms - stay.last_ms <= limit.gap_s * 1000]
    gone = [stay for stay in state.stays if stay.too_long and stay not in here]
    state.stays, state.gone_ms = here, max([state.gone_ms, *(stay.last_ms for stay in gone)])
    state.witnesses = [*state.witnesses, *(one for stay in gone for one in stay.witnesses)][:MAX_EVIDENCE]
    if state.alert is None or any(stay.too_long for stay in here):
        return []
    minutes = (state.gone_ms - state.alert.opened_ms) / MINUTE_MS + state.alert.measured["limit_minutes"]
    over = closed(state.alert, state.gone_ms, f"free again after {minutes:.0f} min", state.witnesses)
    state.past_to_ms = max(state.past_to_ms, state.gone_ms)
    state.alert, state.gone_ms, state.witnesses = None, -1, []
    return [over]


def tell_overstayed(state: State, envelope: Envelope, limit: Limit, site: Site) -> list[Alert]:
    """Open or update the alert for each that has now stayed too long."""
    published = []
    for stay in state.stays:
        if not stay.too_long and stay.last_ms - stay.since_ms > limit.minutes * MINUTE_MS:
            stay.too_long = True
            published.append(_tell(state, stay, envelope, limit, site))
    return published


def _tell(state: State, stay: Stay, envelope: Envelope, limit: Limit, site: Site) -> Alert:
    zone, offenders = site.zone[envelope.zone_id], sum(known.too_long for known in state.stays)
    explanation = (
        f"{zone.name}: {offenders} {limit.unit} for more than {limit.minutes} min, "
        f"last at ({stay.x_m:.0f} m, {stay.y_m:.0f} m) since {local_clock(stay.since_ms, site.tz)}"
    )
    measured = {limit.unit: float(offenders), "limit_minutes": float(limit.minutes)}
    measured |= {"x_m": stay.x_m, "y_m": stay.y_m, "since_ms": float(stay.since_ms)}
    evidence = [*stay.witnesses, envelope_id(envelope)]
    if state.alert is not None:
        state.alert = updated(state.alert, stay.last_ms, explanation, measured, evidence)
        return state.alert
    state.alert = opened(
        rule=limit.rule,
        estate_id=envelope.estate_id,
        zone_id=envelope.zone_id,
        subject_id=envelope.zone_id,
        severity=limit.severity,
        opened_ms=stay.since_ms + limit.minutes * MINUTE_MS,
        updated_ms=stay.last_ms,
        explanation=explanation,
        measured=measured,
        evidence=evidence,
    )
    return state.alert
