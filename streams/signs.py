"""Alerts that single signs raise: open at the first sign, updated at most once a minute, closed when quiet. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Struct

from infra.clock import MINUTE_MS
from infra.events import Alert, Envelope, ObjectClass, Severity, envelope_id
from streams.lifecycle import closed, opened, updated

UPDATE_MS: Final = MINUTE_MS


class State(Struct):
    """The open alert, if any, the last sign in it, and how many signs there were."""

    alert: Alert | None = None
    last_sign_ms: int = -1
    signs: int = 0


@dataclass(frozen=True)
class Cause:
    """Where a sign was noticed, and the id of the message that told it."""

    estate_id: str
    zone_id: str
    evidence: str


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
    state.signs += sign.count
    state.last_sign_ms = max(state.last_sign_ms, sign.event_ms)
    explanation = explain(state.signs)
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
        state.alert = updated(state.alert, sign.event_ms, explanation, measured, evidence)
    else:
        return []
    return [state.alert]


def close_when_quiet(state: State, now_ms: int, quiet_s: int, what: str) -> list[Alert]:
    """Close the alert if no sign of `what` came for `quiet_s` before event time `now_ms`; changes `state`."""
    if state.alert is None or now_ms - state.last_sign_ms <= quiet_s * 1000:
        return []
    last = msgspec.structs.replace(state.alert, measured={"signs": float(state.signs)})
    over = closed(last, state.last_sign_ms + quiet_s * 1000, f"no sign of {what} for {quiet_s} s")
    state.alert, state.last_sign_ms, state.signs = None, -1, 0
    return [over]


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
