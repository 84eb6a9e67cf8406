"""Storms: more messages for a subscriber than they want in a minute become one with counts. Pure.

Within any minute a subscriber gets at most `limit` single messages and one digest. What does not fit waits, and goes
together in a digest: at once when more than `limit` wait, else when the first has waited for `GATHER_MS`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from infra.clock import MINUTE_MS
from infra.events import Alert

GATHER_MS: Final = 5_000


@dataclass(frozen=True)
class Plan:
    """What to send now: so many single messages, or all that waits in one digest; else look again at `at_ms`."""

    singles: int = 0
    digest: bool = False
    at_ms: int | None = None


def plan(
    waiting: int, oldest_due_ms: int, *, singles_ms: Sequence[int], digest_ms: int | None, limit: int, now_ms: int
) -> Plan:
    """What a subscriber gets now.

    `waiting` messages are due, the first since `oldest_due_ms`; `singles_ms` are the times of the single messages sent
    before, ascending, `digest_ms` that of the last digest; a `limit` of 0 is none.
    """
    if waiting == 0:
        return Plan()
    if limit == 0:
        return Plan(singles=waiting)
    recent = [at_ms for at_ms in singles_ms if at_ms > now_ms - MINUTE_MS]
    room = limit - len(recent)
    if waiting <= room:
        return Plan(singles=waiting)
    digest_at_ms = now_ms if waiting > limit else oldest_due_ms + GATHER_MS
    if digest_ms is not None:
        digest_at_ms = max(digest_at_ms, digest_ms + MINUTE_MS)
    if digest_at_ms <= now_ms:
        return Plan(digest=True)
    if room > 0 and waiting <= limit:
        return Plan(singles=room)
    return Plan(at_ms=digest_at_ms if room > 0 else min(digest_at_ms, recent[-limit] + MINUTE_MS))


@dataclass(frozen=True)
class Tally:
    """What a digest tells: how many alert states, of how many alerts, by (rule, zone) with the most first."""

    states: int
    alerts: int
    critical: int
    by_rule_and_zone: tuple[tuple[str, str, int], ...]
    first_ms: int
    last_ms: int


def tally(states: Iterable[Alert]) -> Tally:
    """Count alerts (not their states) per rule and zone; the times are those of the states, UTC ms. At least one."""
    every = list(states)
    last = {state.alert_id: state for state in every}
    counts = Counter((alert.rule, alert.zone_id) for alert in last.values())
    ranked = sorted(((rule, zone, number) for (rule, zone), number in counts.items()), key=lambda row: (-row[2], row))
    return Tally(
        states=len(every),
        alerts=len(last),
        critical=sum(alert.severity == "critical" for alert in last.values()),
        by_rule_and_zone=tuple(ranked),
        first_ms=min(state.updated_ms for state in every),
        last_ms=max(state.updated_ms for state in every),
    )
