"""One lane a subscription: takes from the outbox what may be sent now, sends it, and notes what became of it."""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

import structlog
from msgspec import Struct

from infra import metrics
from infra.clock import DAY_MS, HOUR_MS, MINUTE_MS, Clock
from infra.events import Subscription
from streams.delivery import retries, storms
from streams.delivery.message import Message, alert_message
from streams.delivery.outbox import CANARY, Lane, Outbox, Waiting, alert_of
from streams.delivery.retries import Outcome

AT_ONCE: Final = 8
IDLE_MS: Final = DAY_MS

Send = Callable[[Message, Subscription], Awaitable[Outcome]]
log = structlog.get_logger()


class Parcel(Struct, frozen=True):
    """A message and the deliveries that it stands for."""

    message: Message
    waiting: list[Waiting]


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


class Lanes:
    """The lanes of all subscriptions, each a task of the event loop."""

    def __init__(
        self,
        outbox: Outbox,
        send: Send,
        clock: Clock,
        *,
        chance: Callable[[], float] = random.random,
        backoff_s: tuple[float, ...] = retries.BACKOFF_S,
    ) -> None:
        self._outbox, self._send, self._clock = outbox, send, clock
        self._chance, self._backoff_s = chance, backoff_s
        self._subscriptions: dict[str, Subscription] = {}
        self._paces: dict[str, Pace] = {}
        self._wake: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def update(self, subscriptions: Mapping[str, Subscription]) -> None:
        """Serve these from now on: new ones get a lane, removed ones lose theirs with all that waits in it."""
        for name in self._subscriptions.keys() - subscriptions.keys():
            await self._stop(name)
            del self._subscriptions[name]
            left = self._outbox.forget(name)
            with suppress(KeyError):
                metrics.DELIVERY_LAST.remove(name)
            log.info("subscription removed", subscription=name, left=left)
        for name, subscription in subscriptions.items():
            changed = self._subscriptions.get(name) != subscription
            self._subscriptions[name] = subscription
            lane = self._outbox.lane(name)
            again = retries.revived(lane, subscription.changed_ms)
            if again is not lane:
                self._outbox.note(again)
            if name not in self._tasks:
                self._wake[name] = asyncio.Event()
                self._paces[name] = Pace()
                self._tasks[name] = asyncio.create_task(self._run(name), name=f"lane-{name}")
            elif changed:
                self._wake[name].set()
        self._count_dead()

    def wake(self, name: str) -> None:
        """Something new waits in that lane."""
        if name in self._wake:
            self._wake[name].set()

    def is_dead(self, name: str) -> bool:
        """Whether nothing is sent to that subscription any more."""
        return self._outbox.lane(name).dead_ms is not None

    async def close(self) -> None:
        """Stop all lanes; what waits stays in the outbox."""
        for name in list(self._tasks):
            await self._stop(name)

    async def _stop(self, name: str) -> None:
        task = self._tasks.pop(name)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        del self._wake[name], self._paces[name]

    async def _run(self, name: str) -> None:
        wake = self._wake[name]
        while True:
            wake.clear()
            pause_ms = await self.turn(name)
            if pause_ms > 0:
                with suppress(TimeoutError):
                    await asyncio.wait_for(wake.wait(), pause_ms / 1000)

    async def turn(self, name: str) -> int:
        """Send what may be sent now; returns after how many ms there may be more, 0 for at once."""
        subscription, lane, now_ms = self._subscriptions[name], self._outbox.lane(name), self._clock.now_ms()
        if lane.dead_ms is not None:
            return IDLE_MS
        if now_ms < lane.next_try_ms:
            return lane.next_try_ms - now_ms
        parcels, at_ms = self._parcels(subscription, lane, now_ms)
        if not parcels:
            due_ms = self._outbox.next_due_ms(name, now_ms)
            later = [moment for moment in (at_ms, due_ms) if moment is not None]
            return min(later) - now_ms if later else IDLE_MS
        outcomes = await asyncio.gather(*(self._send(parcel.message, subscription) for parcel in parcels))
        self._note(subscription, lane, list(zip(parcels, outcomes, strict=True)))
        return 0

    def _parcels(self, subscription: Subscription, lane: Lane, now_ms: int) -> tuple[list[Parcel], int | None]:
        """What to send now; or when to look again, if that is not when something falls due."""
        name, pace = subscription.subscription_id, self._paces[subscription.subscription_id]
        waiting, oldest_ms = self._outbox.waiting(name, now_ms)
        found = self._outbox.digest(name, now_ms)
        planned = storms.plan(
            waiting,
            oldest_ms,
            singles_ms=pace.singles_ms,
            digest_ms=pace.digest_ms,
            limit=subscription.digest_above,
            now_ms=now_ms,
        )
        if found is None and planned.digest:
            self._outbox.make_digest(name, now_ms)
            found = self._outbox.digest(name, now_ms)
        if found is not None:
            pace.digest_ms = now_ms
            return [_digest(*found)], None
        most = 1 if lane.failures else AT_ONCE
        rows = self._outbox.singles(name, now_ms, most)
        canaries = [row for row in rows if row.is_canary]
        alerts = [row for row in rows if not row.is_canary][: planned.singles]
        pace.note_singles(len(alerts), now_ms)
        return [_single(row) for row in [*alerts, *canaries]], planned.at_ms

    def _note(self, subscription: Subscription, lane: Lane, tried: list[tuple[Parcel, Outcome]]) -> None:
        now_ms, done, postponed = self._clock.now_ms(), list[int](), list[tuple[int, int]]()
        delivered, failure = 0, None
        for parcel, outcome in tried:
            metrics.DELIVERIES.labels(parcel.message.kind, outcome.kind).inc()
            if outcome.kind == "delivered":
                delivered += 1
                done += [one.id for one in parcel.waiting]
                _measure(parcel, now_ms)
            elif outcome.kind == "refused":
                lane.last_error = outcome.problem
                given_up, later = self._refused(subscription, parcel, outcome, now_ms)
                done += given_up
                postponed += later
            else:
                failure = outcome
        if delivered:
            lane = retries.succeeded(lane, delivered, now_ms)
            metrics.DELIVERY_LAST.labels(subscription.subscription_id).set(now_ms / 1000)
        if failure is not None:
            lane = retries.failed(
                lane,
                failure,
                changed_ms=subscription.changed_ms,
                now_ms=now_ms,
                chance=self._chance(),
                backoff_s=self._backoff_s,
            )
        self._outbox.note(lane, done, postponed)
        if lane.dead_ms is not None:
            self._bury(subscription, lane)

    def _refused(
        self, subscription: Subscription, parcel: Parcel, outcome: Outcome, now_ms: int
    ) -> tuple[list[int], list[tuple[int, int]]]:
        """The deliveries that are given up, and those that are tried again with their times."""
        attempts = parcel.waiting[0].attempts + 1
        ids = [one.id for one in parcel.waiting]
        if attempts >= retries.MOST_TRIES:
            metrics.DELIVERY_GIVEN_UP.labels("refused").inc(len(ids))
            log.error(
                "a message was refused for three days and is given up",
                subscription=subscription.subscription_id,
                message=parcel.message.message_id,
                problem=outcome.problem,
            )
            return ids, []
        wait_ms = retries.wait_ms(attempts, outcome.retry_after_s, self._chance(), self._backoff_s)
        return [], [(number, now_ms + wait_ms) for number in ids]

    def _bury(self, subscription: Subscription, lane: Lane) -> None:
        left = self._outbox.forget(subscription.subscription_id)
        metrics.DELIVERY_GIVEN_UP.labels("dead").inc(left)
        self._count_dead()
        log.error(
            "a subscription is dead: nothing is sent to it until it is added again",
            subscription=subscription.subscription_id,
            who=subscription.who,
            problem=lane.last_error,
            given_up=left,
            do=f"mend the receiver, then `anfang subscriptions add {subscription.subscription_id} ...` again",
        )

    def _count_dead(self) -> None:
        metrics.DELIVERY_DEAD.set(sum(self.is_dead(name) for name in self._subscriptions))


def _single(row: Waiting) -> Parcel:
    if row.is_canary:
        hour_ms = row.revision * HOUR_MS
        return Parcel(Message(f"{CANARY}.{row.revision}", "canary", (), hour_ms), [row])
    return Parcel(alert_message(alert_of(row)), [row])


def _digest(digest_id: str, rows: list[Waiting]) -> Parcel:
    alerts = tuple(map(alert_of, rows))
    return Parcel(Message(digest_id, "digest", alerts, max(alert.updated_ms for alert in alerts)), rows)


def _measure(parcel: Parcel, now_ms: int) -> None:
    for one in parcel.waiting:
        metrics.DELIVERY_SECONDS.observe(max(0, now_ms - max(one.added_ms, one.due_ms)) / 1000)
