"""Tailgating, gate held, gate forced: somebody came in over a gate's line without a grant of their own.

The terms are those of access control (EN 60839-11-1: portal forced open, portal held open), told by persons instead of
a door contact. Each run of such persons, with at most `gap_s` between them, is exactly one of three:

- **gate_forced**: nobody was let in within `open_s` before the first of them, and the gate's controller reports;
- **gate_held**: they came behind somebody who was let in, and are `held_persons` or more;
- **tailgating**: they came behind somebody who was let in, and are fewer.

A controller that says nothing is no crime: without a passage in the last `reporting_minutes`, or once `silent_persons`
have come since the last one, nothing is told. `streams/admissions.py` says who had no grant.

What is told depends on event times only, not on how far the watermark moves at once: of a long run each person is told
on their own from the one on who makes it one, and all is judged by what happened until `settle_s` after the person
told. It depends on the order of crossings and passages, too, where a crossing comes later than `late_s`.
"""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final, Literal

from infra import limits
from infra.clock import MINUTE_MS, local_clock
from infra.events import Alert, Severity
from infra.site import Site
from streams.admissions import LATE_MS, Gateway, Inward, without_grant
from streams.signs import Cause, Sign, State, close_when_quiet, note

Rule = Literal["tailgating", "gate_held", "gate_forced"]
SEVERITIES: Final[dict[Rule, Severity]] = {"tailgating": "warning", "gate_held": "warning", "gate_forced": "critical"}
WHAT: Final = "persons without a grant"
HOW: Final[dict[Rule, str]] = {
    "tailgating": "came in behind another without a grant",
    "gate_held": "came in one after another on one grant",
    "gate_forced": "came in though the gate let nobody in",
}


def decide(gateway: Gateway, line_id: str, watermark_ms: int, site: Site) -> list[Alert]:
    """Tell what is settled once both sides have passed `watermark_ms`; changes `gateway`. Cheap where nothing is."""
    limit = site.limits.gate
    gateway.watermark_ms = max(gateway.watermark_ms, watermark_ms)
    settled_ms = gateway.watermark_ms - _ms(limit.before_s) - _ms(limit.settle_s) - _ms(limit.late_s)
    published = []
    if any(not one.decided and one.event_ms <= settled_ms for one in gateway.inward):
        for run in _runs(gateway, limit):
            if all(one.decided for one in run) and run[-1].event_ms < gateway.watermark_ms - LATE_MS:
                continue  # nothing is late for it any more, and what it was judged by may be forgotten
            settled = [one for one in run if one.event_ms <= settled_ms]
            for persons in range(limit.held_persons, len(settled) + 1):
                published += _tell(settled[:persons], gateway, line_id, site)
            if run[-1].event_ms + _ms(limit.gap_s) <= settled_ms:
                published += _tell(settled, gateway, line_id, site)
        for one in gateway.inward:
            one.decided |= one.event_ms + _ms(limit.gap_s) <= settled_ms
    undecided_ms = (one.event_ms for one in gateway.inward if not one.decided)
    quiet_ms = min(
        settled_ms, next(undecided_ms, settled_ms)
    )  # who is not decided on may still belong to an open alert
    for state in gateway.alerts.values():
        published += close_when_quiet(state, quiet_ms, limit.quiet_s, WHAT)
    return published


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _runs(gateway: Gateway, limit: limits.Gate) -> Iterator[list[Inward]]:
    """Those without a grant, told or not, split where the gap is longer than `gap_s`."""
    open_cases = [one for one in gateway.inward if not one.told]
    grants = [one.event_ms for one in gateway.passages if one.granted]
    times = [one.event_ms for one in open_cases]
    left = without_grant(times, grants, _ms(limit.before_s), _ms(limit.after_s))
    run: list[Inward] = []
    for one in sorted([*(open_cases[index] for index in left), *(one for one in gateway.inward if one.told)]):
        if run and one.event_ms - run[-1].event_ms > _ms(limit.gap_s):
            yield run
            run = []
        run.append(one)
    if run:
        yield run


def _tell(run: list[Inward], gateway: Gateway, line_id: str, site: Site) -> list[Alert]:
    """Tell those of the run who are not in an alert yet."""
    news = [one for one in run if not one.told]
    rule = _rule(run, gateway, site.limits.gate) if news else None
    if rule is None:
        return []
    for one in news:
        one.told = True
    state, first = gateway.alerts.setdefault(rule, State()), news[0]
    sign = Sign(first.event_ms, len(news), rule, line_id, SEVERITIES[rule])
    cause = Cause(site.estate.id, site.inner_zone(line_id), first.evidence)
    gates = "/".join(gate.name for gate in site.gates_at[line_id])
    how = f"{HOW[rule]}{_refused(run, gateway)}, last at {local_clock(news[-1].event_ms, site.tz)}"
    return [
        *close_when_quiet(state, first.event_ms, site.limits.gate.quiet_s, WHAT),
        *note(state, sign, cause, lambda persons: f"{gates}: {persons} person(s) {how}"),
    ]


def _rule(run: list[Inward], gateway: Gateway, limit: limits.Gate) -> Rule | None:
    """Which of the three a run is; None where the controller is silent."""
    first_ms, low_ms, high_ms = run[0].event_ms, _ms(limit.open_s), _ms(limit.before_s)
    if any(one.granted and first_ms - low_ms <= one.event_ms <= first_ms + high_ms for one in gateway.passages):
        return "tailgating" if len(run) < limit.held_persons else "gate_held"
    known_ms = run[-1].event_ms + _ms(limit.settle_s)
    reported = bisect_right(gateway.reported_ms, known_ms)
    last_ms = gateway.reported_ms[reported - 1] if reported else -1
    since = sum(max(last_ms, known_ms - LATE_MS) < one.event_ms <= known_ms for one in gateway.inward)
    reports = last_ms >= first_ms - limit.reporting_minutes * MINUTE_MS
    return "gate_forced" if reports and since < limit.silent_persons else None


def _refused(run: list[Inward], gateway: Gateway) -> str:
    """Says so where the gate refused somebody in the minute before."""
    first_ms = run[0].event_ms
    refused = any(not one.granted and 0 <= first_ms - one.event_ms <= MINUTE_MS for one in gateway.passages)
    return " after a refusal" if refused else ""
