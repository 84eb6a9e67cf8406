"""Group commit: pushes that come together share one transaction, and each is answered when it is durable."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from producers.gateway.readings import RefusedError
from producers.gateway.store import Store

Job = Callable[[Store], RefusedError | None]
Answer = asyncio.Future[RefusedError | None]
MOST_TOGETHER: Final = 200
MOST_WAITING: Final = 2_000

log = structlog.get_logger()


class Committer:
    """Runs jobs in the order in which they were submitted, in a thread, one group at a time."""

    def __init__(self, store: Store, committed: Callable[[], None]) -> None:
        self.on_disk = store.waiting()
        """Messages that wait for Kafka, as it was at the last commit or look."""
        self._store, self._committed = store, committed
        self._jobs: asyncio.Queue[tuple[Job, Answer]] = asyncio.Queue(MOST_WAITING)

    async def submit(self, job: Job) -> RefusedError | None:
        """What the job returns, once it is durable. Raises what it raised: then nothing of it was kept."""
        answer: Answer = asyncio.get_running_loop().create_future()
        await self._jobs.put((job, answer))
        return await answer

    async def look(self) -> int:
        """How many messages wait for Kafka now; the sender may have emptied the outbox since the last commit."""
        self.on_disk = await asyncio.to_thread(self._store.waiting)
        return self.on_disk

    async def run(self) -> None:
        """Commit what is submitted, until cancelled."""
        while True:
            group = [await self._jobs.get()]
            while not self._jobs.empty() and len(group) < MOST_TOGETHER:
                group.append(self._jobs.get_nowait())
            for (_, answer), outcome in zip(group, await asyncio.to_thread(self._commit, group), strict=True):
                if answer.cancelled():
                    continue
                if isinstance(outcome, RefusedError) or outcome is None:
                    answer.set_result(outcome)
                else:
                    answer.set_exception(outcome)
            self._committed()

    def _commit(self, group: list[tuple[Job, Answer]]) -> list[RefusedError | Exception | None]:
        """All together; where one fails, each alone, so that it fails alone."""
        try:
            with self._store.transaction():
                outcomes = [job(self._store) for job, _ in group]
                self.on_disk = self._store.waiting()
            return list(outcomes)
        except Exception as error:
            if len(group) > 1:
                return [outcome for one in group for outcome in self._commit([one])]
            log.exception("a push could not be taken")
            return [error]
