"""What is done for one subscription, turn by turn: take from the outbox what may be sent now, send it, note the end."""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from msgspec import Struct

from infra import metrics
from infra.clock import DAY_MS, HOUR_MS, MINUTE_MS, Clock
from infra.delivery_state import Lane
from infra.events import Subscription
from streams.delivery import retries, storms
from streams.delivery.message import Message, alert_message
from streams.delivery.outbox import CANARY, Outbox, Waiting, alert_of
from streams.delivery.retries import Outcome

AT_ONCE: Final = 8
AT_ONCE_LIMITED: Final = 3  # few are under way when a flood turns into a digest, which has to wait for them
IDLE_MS: Final = DAY_MS

Send = Callable[[Message, Subscription], Awaitable[Outcome]]
log = structlog.get_logger()


class Way(Struct, frozen=True):
    """How messages are sent and when again: one try by a channel, the clock, the jitter and the schedule."""

    send: Send
    clock: Clock
    chance: Callable[[], float] = random.random
    backoff_s: tuple[float, ...] = retries.BACKOFF_S


class Parcel(Struct, frozen=True):
    """A message and the deliveries that it stands for."""

    message: Message
    waiting: list[Waiting]

    @property
    def ids(self) -> list[int]:
        """The deliveries in the outbox."""
        return [one.id for one in self.waiting]


class Pace:
    """When a subscriber was sent what, of late: for the limit a minute. Not kept over a restart."""

    def __init__(self) -> None:
        self.singles_ms: deque[int] = deque()
        self.digest_ms: int | None = None

    def note_singles(self, number: int, now_ms: int) -> None:
        """So many single messages are sent now; those of more than a minute ago are forgotten."""
        self.singles_ms.extend([now_ms] * number)
        while self.singles_ms and self.singles_ms[0] <= now_ms - MINUTE_MS:
            self.singles_ms.popleft()


class Courier:
    """Serves one subscription; `subscription` may be replaced by a newer state of it between turns."""

    def __init__(self, subscription: Subscription, outbox: Outbox, way: Way) -> None:
        self.subscription = subscription
        self._outbox, self._way, self._pace = outbox, way, Pace()

    async def turn(self) -> int:
        """Send what may be sent now; returns after how many ms there may be more, 0 for at once."""
        name, now_ms = self.subscription.subscription_id, self._way.clock.now_ms()
        lane = self._outbox.lane(name)
        if lane.dead_ms is not None:
            return IDLE_MS
        if now_ms < lane.next_try_ms:
            return lane.next_try_ms - now_ms
        parcels, at_ms = self._parcels(lane, now_ms)
        if not parcels:
            due_ms = self._outbox.next_due_ms(name, now_ms)
            later = [moment for moment in (at_ms, due_ms) if moment is not None]
            return min(later) - now_ms if later else IDLE_MS
        subscription = self.subscription
        outcomes = await asyncio.gather(*(self._way.send(parcel.message, subscription) for parcel in parcels))
        self._note(lane, list(zip(parcels, outcomes, strict=True)), subscription)
        return 0

    def _parcels(self, lane: Lane, now_ms: int) -> tuple[list[Parcel], int | None]:
        """What to send now; or when to look again, if that is not when something falls due."""
        name, pace = self.subscription.subscription_id, self._pace
        found = self._outbox.digest(name, now_ms)
        limit = self.subscription.digest_above
        waiting, oldest_ms = self._outbox.waiting(name, now_ms, limit + 1 if limit else AT_ONCE)
        planned = storms.plan(
            waiting,
            oldest_ms,
            singles_ms=pace.singles_ms,
            digest_ms=pace.digest_ms,
            limit=limit,
            now_ms=now_ms,
        )
        if found is None and planned.digest:
            self._outbox.make_digest(name, now_ms)
            found = self._outbox.digest(name, now_ms)
        if found is not None:
            pace.digest_ms = now_ms
            return [_digest(*found)], None
        most = 1 if lane.failures else AT_ONCE_LIMITED if limit else AT_ONCE
        rows = self._outbox.singles(name, now_ms, most)
        alerts = [row for row in rows if not row.is_canary][: planned.singles]
        pace.note_singles(len(alerts), now_ms)
        return [_single(row) for row in rows if row in alerts or row.is_canary], planned.at_ms

    def _note(self, lane: Lane, tried: list[tuple[Parcel, Outcome]], sent_as: Subscription) -> None:
        """Note what became of a turn. That it failed says nothing of the subscription if that was changed meanwhile."""
        name, now_ms = self.subscription.subscription_id, self._way.clock.now_ms()
        done, postponed = list[int](), list[tuple[int, int]]()
        delivered, failure = 0, None
        for parcel, outcome in tried:
            metrics.DELIVERIES.labels(parcel.message.kind, outcome.kind).inc()
            match outcome.kind:
                case "delivered":
                    delivered += 1
                    done += parcel.ids
                    _measure(parcel, now_ms)
                case "refused":
                    lane.last_error = outcome.problem
                    given_up, later = self._refused(parcel, outcome, now_ms)
                    done += given_up
                    postponed += later
                case _:
                    failure = outcome
        if delivered:
            lane = retries.succeeded(lane, delivered, now_ms)
            metrics.DELIVERY_LAST.labels(name).set(now_ms / 1000)
        if failure is not None and self.subscription.changed_ms == sent_as.changed_ms:
            lane = retries.failed(
                lane,
                failure,
                changed_ms=sent_as.changed_ms,
                now_ms=now_ms,
                chance=self._way.chance(),
                backoff_s=self._way.backoff_s,
            )
        self._outbox.note(lane, done, postponed)
        if lane.dead_ms is not None:
            self._bury(lane)

    def _refused(self, parcel: Parcel, outcome: Outcome, now_ms: int) -> tuple[list[int], list[tuple[int, int]]]:
        """The deliveries that are given up, and those that are tried again with their times."""
        attempts = parcel.waiting[0].attempts + 1
        if attempts >= retries.MOST_TRIES:
            metrics.DELIVERY_GIVEN_UP.labels("refused").inc(len(parcel.ids))
            log.error(
                "a message was refused for three days and is given up",
                subscription=self.subscription.subscription_id,
                message=parcel.message.message_id,
                problem=outcome.problem,
            )
            return parcel.ids, []
        wait_ms = retries.wait_ms(attempts, outcome.retry_after_s, self._way.chance(), self._way.backoff_s)
        return [], [(number, now_ms + wait_ms) for number in parcel.ids]

    def _bury(self, lane: Lane) -> None:
        name = self.subscription.subscription_id
        left = self._outbox.forget(name)
        metrics.DELIVERY_GIVEN_UP.labels("dead").inc(left)
        metrics.DELIVERY_DEAD.inc()
        log.error(
            "a subscription is dead: nothing is sent to it until it is added again",
            subscription=name,
            who=self.subscription.who,
            problem=lane.last_error,
            given_up=left,
            do=f"mend the receiver, then `anfang subscriptions add {name} ...` again",
        )


def _single(row: Waiting) -> Parcel:
    if row.is_canary:
        return Parcel(Message(f"{CANARY}.{row.revision}", "canary", (), row.revision * HOUR_MS), [row])
    return Parcel(alert_message(alert_of(row)), [row])


def _digest(digest_id: str, rows: list[Waiting]) -> Parcel:
    alerts = tuple(map(alert_of, rows))
    return Parcel(Message(digest_id, "digest", alerts, max(alert.updated_ms for alert in alerts)), rows)


def _measure(parcel: Parcel, now_ms: int) -> None:
    for one in parcel.waiting:
        metrics.DELIVERY_SECONDS.observe(max(0, now_ms - max(one.added_ms, one.due_ms)) / 1000)
