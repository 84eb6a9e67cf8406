"""The life of an alert: opened, updated, closed. Pure; each state carries the same id and a higher revision."""

from typing import Final

import msgspec

from infra.events import SCHEMA_VERSION, Alert, Severity, derived_id

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
        evidence=evidence,
    )


def updated(alert: Alert, updated_ms: int, explanation: str, measured: dict[str, float], evidence: list[str]) -> Alert:
    """The alert with news: new numbers, and the first `MAX_EVIDENCE` pieces of evidence."""
    return msgspec.structs.replace(
        alert,
        revision=alert.revision + 1,
        status="updated",
        updated_ms=updated_ms,
        explanation=explanation,
        measured=measured,
        evidence=[*alert.evidence, *evidence][:MAX_EVIDENCE],
    )


def closed(alert: Alert, closed_ms: int, how: str) -> Alert:
    """The alert, over since `closed_ms`; the explanation keeps why it was opened and adds `how` it ended."""
    return msgspec.structs.replace(
        alert,
        revision=alert.revision + 1,
        status="closed",
        updated_ms=closed_ms,
        closed_ms=closed_ms,
        explanation=f"{alert.explanation}; {how}",
    )
