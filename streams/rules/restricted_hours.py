"""Restricted hours: somebody in a zone while it is closed.

Opens at the first person who enters, or is seen in, a zone outside its opening hours; further signs are updates, at
most one a minute; closes when none came for `quiet_s` of event time. Leaving a closed zone is no sign.
"""

from dataclasses import dataclass
from typing import Final

from msgspec import Struct

from infra.clock import MINUTE_MS, iso_ms
from infra.events import Alert, Envelope, envelope_id
from infra.site import Site
from streams.lifecycle import closed, opened, updated

RULE: Final = "restricted_hours"


class State(Struct):
    """The open alert, if any, the last sign of a person in it, and how many signs there were."""

    alert: Alert | None = None
    last_sign_ms: int = -1
    signs: int = 0


@dataclass(frozen=True)
class Sign:
    """A person in a closed zone: when, and how many in this envelope."""

    event_ms: int
    persons: int
    how: str


def step(state: State, envelope: Envelope, site: Site) -> list[Alert]:
    """Look at one envelope of the zone, seen for the first time; changes `state`, returns what is to be published."""
    published = list(_close_when_quiet(state, envelope.start_ms, site))
    sign = _sign(envelope, site)
    if sign is not None:
        published += _take_sign(state, sign, envelope, site)
    return published


def _sign(envelope: Envelope, site: Site) -> Sign | None:
    if site.is_open(envelope.zone_id, envelope.start_ms):
        return None
    entered = _entries(envelope, site)
    if entered:
        return Sign(min(entered), len(entered), "entered")
    seen = [ms for ms, what in _detected(envelope) if what == "person"]
    if seen or envelope.visible:
        return Sign(min(seen, default=envelope.end_ms), envelope.visible or 1, "seen")
    return None


def _entries(envelope: Envelope, site: Site) -> list[int]:
    crossings = envelope.crossings
    if crossings is None:
        return []
    columns = zip(crossings.event_ms, crossings.line_id, crossings.direction, crossings.object_class, strict=True)
    return [
        event_ms
        for event_ms, line_id, direction, what in columns
        if what == "person" and direction * site.effects[line_id].get(envelope.zone_id, 0) > 0
    ]


def _detected(envelope: Envelope) -> list[tuple[int, str]]:
    detections = envelope.detections
    return [] if detections is None else list(zip(detections.event_ms, detections.object_class, strict=True))


def _take_sign(state: State, sign: Sign, envelope: Envelope, site: Site) -> list[Alert]:
    state.signs += sign.persons
    state.last_sign_ms = max(state.last_sign_ms, sign.event_ms)
    name = site.zone[envelope.zone_id].name
    explanation = f"{name} is closed; {state.signs} sign(s) of persons, last {sign.how} at {iso_ms(sign.event_ms)}"
    measured, evidence = {"signs": float(state.signs)}, [envelope_id(envelope)]
    if state.alert is None:
        state.alert = opened(
            rule=RULE,
            estate_id=envelope.estate_id,
            zone_id=envelope.zone_id,
            subject_id=envelope.zone_id,
            severity="critical",
            opened_ms=sign.event_ms,
            updated_ms=sign.event_ms,
            explanation=explanation,
            measured=measured,
            evidence=evidence,
        )
    elif sign.event_ms - state.alert.updated_ms >= MINUTE_MS:
        state.alert = updated(state.alert, sign.event_ms, explanation, measured, evidence)
    else:
        return []
    return [state.alert]


def _close_when_quiet(state: State, now_ms: int, site: Site) -> list[Alert]:
    quiet_s = site.limits.restricted_hours.quiet_s
    if state.alert is None or now_ms - state.last_sign_ms <= quiet_s * 1000:
        return []
    over = closed(state.alert, state.last_sign_ms + quiet_s * 1000, f"no sign of persons for {quiet_s} s")
    state.alert, state.last_sign_ms, state.signs = None, -1, 0
    return [over]
