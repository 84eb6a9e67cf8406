"""The life of an alert: opened, updated, closed. Pure; each state carries the same id and a higher revision."""

from collections.abc import Sequence
from typing import Final

import msgspec

from infra.events import SCHEMA_VERSION, Alert, Severity, camera_of, derived_id

MAX_EVIDENCE: Final = 20


def opened(
    *,
    rule: str,
    estate_id: str,
    zone_id: str,
    subject_id: str,
    severity: Severity,
    opened_ms: int,
    updated_ms: int,
    explanation: str,
    measured: dict[str, float],
    evidence: list[str],
    names: dict[str, str] | None = None,
) -> Alert:
    """A new alert. Its id is made of rule, subject and the event time it began."""
    return Alert(
        schema_version=SCHEMA_VERSION,
        alert_id=derived_id("alert", estate_id, rule, subject_id, opened_ms),
        revision=1,
        estate_id=estate_id,
        zone_id=zone_id,
        subject_id=subject_id,
        rule=rule,
        severity=severity,
        status="opened",
        opened_ms=opened_ms,
        updated_ms=updated_ms,
        closed_ms=None,
        explanation=explanation,
        measured=measured,
        evidence=_first(evidence),
        names=names or {},
    )


def updated(alert: Alert, updated_ms: int, explanation: str, measured: dict[str, float], evidence: list[str]) -> Alert:
    """The alert with news: new numbers, and the first `MAX_EVIDENCE` pieces of evidence. It never goes back in time."""
    return msgspec.structs.replace(
        alert,
        revision=alert.revision + 1,
        status="updated",
        updated_ms=max(alert.updated_ms, updated_ms),
        explanation=explanation,
        measured=measured,
        evidence=_first([*alert.evidence, *evidence]),
    )


def closed(alert: Alert, closed_ms: int, how: str, evidence: Sequence[str] = ()) -> Alert:
    """The alert, over since `closed_ms`; the explanation keeps why it was opened and adds `how` it ended.

    What is told late may say that it ended before its last state: then it ends with that.
    """
    ended_ms = max(alert.updated_ms, closed_ms)
    return msgspec.structs.replace(
        alert,
        revision=alert.revision + 1,
        status="closed",
        updated_ms=ended_ms,
        closed_ms=ended_ms,
        explanation=f"{alert.explanation}; {how}",
        evidence=_first([*alert.evidence, *evidence]),
    )


def note_witness(evidence: list[str], envelope: str) -> None:
    """Add an envelope's id if it is the first of its camera."""
    if camera_of(envelope) not in map(camera_of, evidence):
        evidence.append(envelope)


def _first(evidence: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(evidence))[:MAX_EVIDENCE]
