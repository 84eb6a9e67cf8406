"""The lanes of all subscriptions: a courier each, as a task of the event loop that sleeps until there is something."""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress

import msgspec
import structlog

from infra import metrics
from infra.events import Subscription
from streams.delivery.courier import Courier, Way
from streams.delivery.outbox import Outbox
from streams.delivery.retries import GIVE_UP_MS, revived
from streams.durable import stop_process

log = structlog.get_logger()


class Lanes:
    """Make it inside the event loop, tell it who is subscribed, and wake a lane when something was put for it."""

    def __init__(self, outbox: Outbox, way: Way) -> None:
        self._outbox, self._way = outbox, way
        self._couriers: dict[str, Courier] = {}
        self._wake: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def update(self, subscriptions: Mapping[str, Subscription], named: Collection[str] = ()) -> None:
        """Serve these from now on: new ones get a lane, others lose theirs, and if not `named` all that waits for them.

        Those `named` only are not valid now, for their zone has left the site file perhaps, and may be again.
        """
        for name in (self._tasks.keys() | self._outbox.subscribers()) - subscriptions.keys():
            if name in self._tasks:
                await self._stop(name)
            if name not in named:
                log.info("subscription removed", subscription=name, left=self._outbox.forget(name))
        for name, subscription in subscriptions.items():
            lane, courier = self._outbox.lane(name), self._couriers.get(name)
            again = revived(lane, subscription.changed_ms)
            if courier is not None and courier.subscription.changed_ms != subscription.changed_ms:
                again = msgspec.structs.replace(again, next_try_ms=0)
            if again is not lane:
                self._outbox.note(again)
            if courier is not None:
                courier.subscription = subscription
                self._wake[name].set()
            else:
                self._start(name, subscription)
        dead = [name for name in subscriptions if self._outbox.lane(name).dead_ms is not None]
        metrics.DELIVERY_DEAD.set(len(dead))

    def give_up(self, now_ms: int) -> None:
        """Give up what has been due for three days to those who are not served: it waits no longer than for others."""
        for name in self._outbox.subscribers() - self._tasks.keys():
            if given_up := self._outbox.forget(name, now_ms - GIVE_UP_MS):
                metrics.DELIVERY_GIVEN_UP.labels("not_valid").inc(given_up)
                log.error("a subscription was not valid for too long", subscription=name, given_up=given_up)

    def wake(self, name: str) -> None:
        """Something new waits in that lane."""
        if name in self._wake:
            self._wake[name].set()

    async def close(self) -> None:
        """Stop all lanes; what waits stays in the outbox."""
        for name in list(self._tasks):
            await self._stop(name)

    def _start(self, name: str, subscription: Subscription) -> None:
        self._wake[name] = asyncio.Event()
        self._couriers[name] = Courier(subscription, self._outbox, self._way)
        self._tasks[name] = asyncio.create_task(self._run(name), name=f"lane-{name}")

    async def _stop(self, name: str) -> None:
        task = self._tasks.pop(name)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        del self._wake[name], self._couriers[name]
        with suppress(KeyError):
            metrics.DELIVERY_LAST.remove(name)

    async def _run(self, name: str) -> None:
        wake, courier = self._wake[name], self._couriers[name]
        while True:
            wake.clear()
            try:
                pause_ms = await courier.turn()
            except Exception as error:  # a lane that ends unnoticed would deliver nothing for ever
                stop_process(f"the lane of {name} cannot go on: {error!r}")
            if pause_ms > 0:
                with suppress(TimeoutError):  # wait_for of Python 3.11 can swallow that the lane is stopped
                    async with asyncio.timeout(pause_ms / 1000):
                        await wake.wait()
