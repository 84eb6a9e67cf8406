"""Gathering: at least `gathering_persons` of a zone in view of one camera for `hold_s`, though not over capacity.

Only zones that have `gathering_persons` in the site file are watched: thirty people are an evening's dance on one
square and trouble on another. Each count of at least that many prolongs the gathering; it is over when none came for
`gap_s`. Once the alert is open a count of `close_ratio` of the number is enough (hysteresis). A higher peak is an
update, at most one every `UPDATE_MS`.
"""

from typing import Final

from msgspec import Struct

from infra.clock import MINUTE_MS
from infra.events import Alert, Envelope, envelope_id
from infra.site import Site
from streams.lifecycle import closed, note_witness, opened, updated
from streams.signs import detected

RULE: Final = "gathering"
UPDATE_MS: Final = 5 * MINUTE_MS


class State(Struct):
    """Since when and until when many were seen, the highest count, the highest told, and the open alert, if any.

    `witnesses` holds the first envelope of each camera that saw many. What was seen up to `past_to_ms` belongs to an
    alert that has been told to its end.
    """

    since_ms: int = -1
    last_ms: int = -1
    peak: int = 0
    told: int = 0
    alert: Alert | None = None
    witnesses: list[str] = []
    past_to_ms: int = -1


def step(state: State, envelope: Envelope, site: Site) -> list[Alert]:
    """Look at one envelope of the zone, seen for the first time; changes `state`, returns what is to be published."""
    many, limits = site.zone[envelope.zone_id].gathering_persons, site.limits.gathering
    published = _dissolve(state, envelope.start_ms, limits.gap_s)
    if many is None:  # also since the site file was changed in the midst of one
        return published
    persons = _persons(envelope)
    if envelope.end_ms <= state.past_to_ms or persons < (many if state.alert is None else many * limits.close_ratio):
        return published
    state.since_ms = envelope.end_ms if state.since_ms < 0 else min(state.since_ms, envelope.end_ms)
    state.last_ms, state.peak = max(state.last_ms, envelope.end_ms), max(state.peak, persons)
    note_witness(state.witnesses, envelope_id(envelope))
    held = state.last_ms - state.since_ms >= limits.hold_s * 1000
    if state.alert is None and held:
        published.append(_open(state, envelope, site))
    elif state.alert is not None and state.peak > state.told and state.last_ms - state.alert.updated_ms >= UPDATE_MS:
        published.append(_update(state, envelope, site))
    return published


def _persons(envelope: Envelope) -> int:
    """Persons in view: the camera's own count, or its different tracks of persons; 0 where it tells neither."""
    if envelope.visible is not None:
        return envelope.visible
    if envelope.detections is None:
        return 0
    what = (name for _, name in detected(envelope))
    return len({track for track, name in zip(envelope.detections.track_id, what, strict=True) if name == "person"})


def _dissolve(state: State, now_ms: int, gap_s: int) -> list[Alert]:
    """Forget a gathering that no count has prolonged for `gap_s`, and close its alert."""
    if state.since_ms < 0 or now_ms - state.last_ms <= gap_s * 1000:
        return []
    over = []
    if state.alert is not None:
        over.append(closed(state.alert, state.last_ms, f"most seen {state.peak}", state.witnesses))
        state.past_to_ms = max(state.past_to_ms, state.last_ms)
    state.since_ms, state.last_ms, state.peak, state.told, state.alert = -1, -1, 0, 0, None
    state.witnesses = []
    return over


def _open(state: State, envelope: Envelope, site: Site) -> Alert:
    state.told = state.peak
    state.alert = opened(
        rule=RULE,
        estate_id=envelope.estate_id,
        zone_id=envelope.zone_id,
        subject_id=envelope.zone_id,
        severity="warning",
        opened_ms=state.last_ms,
        updated_ms=state.last_ms,
        explanation=_explain(state, envelope, site),
        measured=_measured(state, envelope, site),
        evidence=[*state.witnesses, envelope_id(envelope)],
    )
    return state.alert


def _update(state: State, envelope: Envelope, site: Site) -> Alert:
    assert state.alert is not None
    state.told = state.peak
    explanation, measured = _explain(state, envelope, site), _measured(state, envelope, site)
    evidence = [*state.witnesses, envelope_id(envelope)]
    state.alert = updated(state.alert, state.last_ms, explanation, measured, evidence)
    return state.alert


def _explain(state: State, envelope: Envelope, site: Site) -> str:
    zone, seconds = site.zone[envelope.zone_id], (state.last_ms - state.since_ms) // 1000
    return f"{zone.name}: up to {state.peak} persons in view for {seconds} s, limit {zone.gathering_persons}"


def _measured(state: State, envelope: Envelope, site: Site) -> dict[str, float]:
    limit = site.zone[envelope.zone_id].gathering_persons or 0
    return {"peak": float(state.peak), "limit": float(limit), "held_s": (state.last_ms - state.since_ms) / 1000}
