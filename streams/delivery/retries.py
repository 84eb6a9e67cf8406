"""When to try again, and when to give up. Pure; the jitter is passed in.

What a receiver answers is one of four outcomes. `failed`: nobody is well there (no connection, 5xx, 429 ...): the whole
subscription waits, and only its oldest message is tried, so that order is kept and a dead host is not hammered.
`refused`: this one message is not taken: it alone waits. `gone`: never send here again.
"""

from typing import Final, Literal

import msgspec
from msgspec import Struct

from infra.clock import DAY_MS
from infra.delivery_state import Lane

BACKOFF_S: Final = (5, 30, 120, 600, 1800, 3600, 7200, 14400)
LONGEST_S: Final = BACKOFF_S[-1]
GIVE_UP_MS: Final = 3 * DAY_MS
JITTER: Final = 0.1
MAX_PROBLEM_CHARACTERS: Final = 300


class Outcome(Struct, frozen=True):
    """What became of one try. `problem` says why it was not taken; `retry_after_s` is what the receiver asked for."""

    kind: Literal["delivered", "failed", "refused", "gone"]
    problem: str = ""
    retry_after_s: float | None = None


DELIVERED: Final = Outcome("delivered")


def tries_in(period_ms: int, backoff_s: tuple[float, ...] = BACKOFF_S) -> int:
    """How many tries the schedule has within `period_ms`, the first included."""
    tries, at_s = 1, 0.0
    while True:
        at_s += backoff_s[min(tries, len(backoff_s)) - 1]
        if at_s * 1000 >= period_ms:
            return tries + 1
        tries += 1


MOST_TRIES: Final = tries_in(GIVE_UP_MS)


def wait_ms(failures: int, retry_after_s: float | None, chance: float, backoff_s: tuple[float, ...] = BACKOFF_S) -> int:
    """How long to wait after the `failures`-th failure in turn (1, 2, ...); `chance` in [0, 1) spreads it by 10 %.

    What the receiver asked for counts where it is longer, up to the longest wait of the schedule.
    """
    planned_s = backoff_s[min(failures, len(backoff_s)) - 1] * (1 + JITTER * (2 * chance - 1))
    asked_s = min(retry_after_s or 0.0, max(LONGEST_S, planned_s))
    return round(max(planned_s, asked_s) * 1000)


def succeeded(lane: Lane, messages: int, now_ms: int) -> Lane:
    """The lane after `messages` were taken."""
    return msgspec.structs.replace(
        lane,
        delivered=lane.delivered + messages,
        last_delivered_ms=now_ms,
        failing_since_ms=None,
        failures=0,
        next_try_ms=0,
        last_error="",
    )


def failed(
    lane: Lane,
    outcome: Outcome,
    *,
    changed_ms: int,
    now_ms: int,
    chance: float,
    backoff_s: tuple[float, ...] = BACKOFF_S,
) -> Lane:
    """The lane after a try that failed; dead when it has for three days. `changed_ms`: when it was last saved."""
    failures = lane.failures + 1
    since_ms = now_ms if lane.failing_since_ms is None else lane.failing_since_ms
    over = outcome.kind == "gone" or (failures >= MOST_TRIES and now_ms - since_ms >= GIVE_UP_MS)
    return msgspec.structs.replace(
        lane,
        failing_since_ms=since_ms,
        failures=failures,
        next_try_ms=now_ms + wait_ms(failures, outcome.retry_after_s, chance, backoff_s),
        last_error=outcome.problem[:MAX_PROBLEM_CHARACTERS],
        dead_ms=now_ms if over else None,
        dead_changed_ms=changed_ms if over else 0,
    )


def revived(lane: Lane, changed_ms: int) -> Lane:
    """The lane of a dead subscription that was saved again since; another stays as it is."""
    if lane.dead_ms is None or changed_ms <= lane.dead_changed_ms:
        return lane
    return msgspec.structs.replace(
        lane, failing_since_ms=None, failures=0, next_try_ms=0, last_error="", dead_ms=None, dead_changed_ms=0
    )
