"""Alerts that single signs raise: open at the first sign, updated at most once a minute, closed when quiet. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import msgspec
from msgspec import Struct

from infra.clock import MINUTE_MS, local_clock
from infra.events import Alert, Envelope, ObjectClass, Severity, camera_of, envelope_id
from infra.site import Line, Site
from streams.lifecycle import closed, note_witness, opened, updated

UPDATE_MS: Final = MINUTE_MS


class State(Struct):
    """The open alert, if any, its last sign, how many there were, how that is told, and what other cameras told since.

    A late sign from between `past_from_ms` and `past_to_ms` belongs to the incident before, which has been told.
    """

    alert: Alert | None = None
    last_sign_ms: int = -1
    signs: int = 0
    explanation: str = ""
    witnesses: list[str] = []
    past_from_ms: int = 0
    past_to_ms: int = -1


@dataclass(frozen=True)
class Cause:
    """Where a sign was noticed, and the id of the message that told it."""

    estate_id: str
    zone_id: str
    evidence: str


@dataclass(frozen=True)
class LineRule:
    """A rule about crossings of single lines: which line and direction it `counts`, and how it is told.

    `explain` is told site, line, direction, the last crossing and how many there were.
    """

    rule: str
    severity: Severity
    what: str
    counts: Callable[[Site, Line, int], bool]
    explain: Callable[[Site, Line, int, str, int], str]


@dataclass(frozen=True)
class Sign:
    """What was noticed: when first, how many at once, and the alert it makes if none is open."""

    event_ms: int
    count: int
    rule: str
    subject_id: str
    severity: Severity


def take(state: State, sign: Sign, envelope: Envelope, explain: Callable[[int], str]) -> list[Alert]:
    """Count a sign noticed in one envelope; see `note`."""
    return note(state, sign, Cause(envelope.estate_id, envelope.zone_id, envelope_id(envelope)), explain)


def note(state: State, sign: Sign, cause: Cause, explain: Callable[[int], str]) -> list[Alert]:
    """Count the sign; changes `state`, returns what is to be published. `explain` is told the signs so far."""
    if state.past_from_ms <= sign.event_ms <= state.past_to_ms:
        return []
    state.signs += sign.count
    state.last_sign_ms = max(state.last_sign_ms, sign.event_ms)
    state.explanation = explanation = explain(state.signs)
    measured, evidence = {"signs": float(state.signs)}, [cause.evidence]
    if state.alert is None:
        state.alert = opened(
            rule=sign.rule,
            estate_id=cause.estate_id,
            zone_id=cause.zone_id,
            subject_id=sign.subject_id,
            severity=sign.severity,
            opened_ms=sign.event_ms,
            updated_ms=sign.event_ms,
            explanation=explanation,
            measured=measured,
            evidence=evidence,
        )
    elif sign.event_ms - state.alert.updated_ms >= UPDATE_MS:
        state.alert = updated(state.alert, sign.event_ms, explanation, measured, [*state.witnesses, *evidence])
        state.witnesses = []
    else:
        if camera_of(cause.evidence) not in map(camera_of, state.alert.evidence):
            note_witness(state.witnesses, cause.evidence)
        return []
    return [state.alert]


def close_when_quiet(state: State, now_ms: int, quiet_s: int, what: str) -> list[Alert]:
    """Close the alert if no sign of `what` came for `quiet_s` before event time `now_ms`; changes `state`."""
    if state.alert is None or now_ms - state.last_sign_ms <= quiet_s * 1000:
        return []
    explanation = state.explanation or state.alert.explanation
    last = msgspec.structs.replace(state.alert, measured={"signs": float(state.signs)}, explanation=explanation)
    ended_ms = state.last_sign_ms + quiet_s * 1000
    over = closed(last, ended_ms, f"no sign of {what} for {quiet_s} s", state.witnesses)
    state.alert, state.last_sign_ms, state.signs, state.explanation, state.witnesses = None, -1, 0, "", []
    state.past_from_ms, state.past_to_ms = over.opened_ms - quiet_s * 1000, ended_ms
    return [over]


def on_lines(states: dict[str, State], envelope: Envelope, site: Site, rule: LineRule, quiet_s: int) -> list[Alert]:
    """One alert a line for the crossings that the rule counts; changes `states`.

    It opens at the first, further ones are updates, and it closes when none came for `quiet_s`. A crossing is told to
    every zone that it changes; it counts in one, the first of `Site.effects`.
    """
    published = [
        alert for state in states.values() for alert in close_when_quiet(state, envelope.start_ms, quiet_s, rule.what)
    ]
    for event_ms, line_id, direction, what in crossed(envelope):
        line = site.line[line_id]
        if not rule.counts(site, line, direction) or next(iter(site.effects[line_id])) != envelope.zone_id:
            continue
        sign = Sign(event_ms, 1, rule.rule, line_id, rule.severity)
        explain = partial(rule.explain, site, line, direction, f"a {what} at {local_clock(event_ms, site.tz)}")
        published += take(states.setdefault(line_id, State()), sign, envelope, explain)
    return published


def way(line: Line, direction: int, site: Site) -> str:
    """From where to where a crossing leads, by the names of the zones: "中心广场 to 居民活动中心"."""
    start, end = (line.from_zone, line.to_zone)[::direction]
    return " to ".join(site.zone[place].name if place in site.zone else place for place in (start, end))


def detected(envelope: Envelope) -> Iterator[tuple[int, ObjectClass]]:
    """(event time, what) of each detection."""
    found = envelope.detections
    return iter(()) if found is None else zip(found.event_ms, found.object_class, strict=True)


def crossed(envelope: Envelope) -> Iterator[tuple[int, str, int, ObjectClass]]:
    """(event time, line, direction, what) of each crossing."""
    told = envelope.crossings
    if told is None:
        return iter(())
    return zip(told.event_ms, told.line_id, told.direction, told.object_class, strict=True)
