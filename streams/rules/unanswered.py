"""Unanswered: an alert has been open for too long, and nobody has said a word of it.

It is an alert of its own, a step more severe than the one it is about, so that it can wake somebody else. It opens when
an alert has been of a severity for as many minutes as `limits.unanswered` has for it (0, the default: never), and ends
with the first disposition, of either of the two, or with the alert itself.

Alerts and dispositions come by topics that are read independently of each other. So it is told once all of them are
known past the moment by more than `SETTLE_MS`, by times of sending; what was sent later than that counts from when it
was sent less `SETTLE_MS`. What is told thus depends on what happened and when it was sent, not on what was read first.
"""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from infra.clock import MINUTE_MS
from infra.events import Alert, AlertStatus, Disposition, Severity
from infra.site import Site
from streams.lifecycle import closed, opened

RULE: Final = "unanswered"
SETTLE_MS: Final = 2 * MINUTE_MS
STEP_UP: Final[dict[Severity, Severity]] = {"info": "warning", "warning": "critical", "critical": "critical"}


class End(Struct, frozen=True, order=True):
    """What ends the wait for an answer: from when on it counts, when it happened, and how."""

    counts_ms: int
    event_ms: int
    how: str


class Case(Struct):
    """What is known of one alert: its last status, None where only answers have come so far, and the first end.

    `about` is the state that is to be answered by `due_ms`, the earliest of all; None while no state wants an answer.
    """

    status: AlertStatus | None = None
    about: Alert | None = None
    due_ms: int = 0
    end: End | None = None
    escalation: Alert | None = None


Known = Callable[[str | None], int]
"""Up to which time of sending all is known that bears on alerts of a rule; of None, on alerts of any rule."""


def note_alert(cases: dict[str, Case], alert: Alert, sent_ms: int, site: Site) -> None:
    """Take an alert's new state, as published; `sent_ms`: of the message that told it, 0 where the clock alone did."""
    limit = site.limits.unanswered
    if alert.rule == RULE or not limit.wanted:
        return
    case = cases.setdefault(alert.alert_id, Case())
    case.status = alert.status
    if alert.closed_ms is not None:
        _note_end(case, alert.closed_ms, sent_ms, "the alert closed")
        return
    minutes = limit.minutes(alert.severity)
    due_ms = _counts_ms(alert.updated_ms, sent_ms) + minutes * MINUTE_MS
    if minutes and not alert.suppressed and (case.about is None or due_ms < case.due_ms) and case.escalation is None:
        case.about, case.due_ms = alert, due_ms


def note_disposition(cases: dict[str, Case], disposition: Disposition, sent_ms: int) -> None:
    """Take what somebody said of an alert, or of its escalation, known or not."""
    of_escalation = (
        case for case in cases.values() if case.escalation and case.escalation.alert_id == disposition.alert_id
    )
    case = next(of_escalation, None) or cases.setdefault(disposition.alert_id, Case())
    _note_end(case, disposition.event_ms, sent_ms, f"answered: {disposition.verdict}")


def _note_end(case: Case, event_ms: int, sent_ms: int, how: str) -> None:
    end = End(_counts_ms(event_ms, sent_ms), event_ms, how)
    case.end = end if case.end is None else min(case.end, end)


def _counts_ms(event_ms: int, sent_ms: int) -> int:
    return max(event_ms, sent_ms - SETTLE_MS)


def decide(cases: dict[str, Case], known: Known, site: Site) -> list[Alert]:
    """Tell what is settled by what is `known`, and forget what is over; changes `cases`."""
    wanted = [case for case in cases.values() if case.about is not None]
    published = [alert for case in wanted for alert in _tell(case, cases, known, site)]
    for alert_id in [alert_id for alert_id, case in cases.items() if _over(case, known(None) - SETTLE_MS)]:
        del cases[alert_id]
    return published


def _tell(case: Case, cases: dict[str, Case], known: Known, site: Site) -> list[Alert]:
    assert case.about is not None
    published, settled_ms = [], known(case.about.rule) - SETTLE_MS
    if case.escalation is None and case.due_ms < settled_ms and not _in_time(case):
        case.escalation = _escalation(case, site)
        published.append(case.escalation)
        early = cases.pop(case.escalation.alert_id, Case())
        case.end = min((end for end in (case.end, early.end) if end is not None), default=None)
    ends = case.end is not None and case.end.counts_ms < settled_ms
    if case.end is not None and ends and case.escalation is not None and case.escalation.status != "closed":
        case.escalation = closed(case.escalation, case.end.event_ms, case.end.how)
        published.append(case.escalation)
    return published


def _in_time(case: Case) -> bool:
    return case.end is not None and case.end.counts_ms <= case.due_ms


def _over(case: Case, settled_ms: int) -> bool:
    """Whether nothing that is still to come can make the case tell anything."""
    if case.status is None:
        return case.end is None or case.end.counts_ms < settled_ms
    told = case.escalation is not None and case.escalation.status == "closed"
    return case.status == "closed" and (case.about is None or told or (case.escalation is None and _in_time(case)))


def _escalation(case: Case, site: Site) -> Alert:
    assert case.about is not None
    alert, open_minutes = case.about, (case.due_ms - case.about.opened_ms) / MINUTE_MS
    zone = site.zone[alert.zone_id].name
    return opened(
        rule=RULE,
        estate_id=alert.estate_id,
        zone_id=alert.zone_id,
        subject_id=alert.alert_id,
        severity=STEP_UP[alert.severity],
        opened_ms=case.due_ms,
        updated_ms=case.due_ms,
        explanation=f"{zone}: {alert.rule} open for {open_minutes:.0f} min and unanswered: {alert.explanation}",
        measured={"open_minutes": open_minutes},
        evidence=[alert.alert_id],
        names={"rule": alert.rule},
    )
