"""Ends a worker that has been asleep or has got stuck: whoever supervises it starts it again, from what is durable.

Two things are watched, each from a thread of its own: the event loop itself may be what hangs, and a sleep while Kafka
is asked must not pass for the time that asking takes. A worker that slept (SIGSTOP, a paused machine) for longer than
the session timeout has lost its partitions to another without noticing. A worker that commits nothing for `STUCK_S` in
a partition where there is something to take has silently stopped consuming it (faust-streaming #596, #175,
robinhood/faust #640).
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from infra.lag import Place

LOOK_EVERY_S: Final = 0.25
ASK_EVERY_S: Final = 10.0
STUCK_S: Final = 120.0


def boot_time_s() -> float:
    """A clock that goes on while the process, or the machine, sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Watchdog:
    """Calls `stop` with the reason to end the process.

    `behind` tells at which offset each partition of this worker stands that has more to take.
    """

    def __init__(
        self,
        behind: Callable[[], Mapping[Place, int]],
        stop: Callable[[str], object],
        session_timeout_s: float,
        now_s: Callable[[], float] = boot_time_s,
    ) -> None:
        self._behind, self._stop, self._now_s = behind, stop, now_s
        self._session_timeout_s = session_timeout_s
        self._looked_s = now_s()
        self._since: dict[tuple[Place, int], float] = {}
        self._threads = [
            threading.Thread(target=self._watch_sleep, name="watchdog-sleep", daemon=True),
            threading.Thread(target=self._watch_progress, name="watchdog-progress", daemon=True),
        ]

    def look(self) -> None:
        """Compare the time with that of the last look."""
        now_s = self._now_s()
        slept_s, self._looked_s = now_s - self._looked_s, now_s
        if slept_s > self._session_timeout_s:
            self._stop(f"asleep for {slept_s:.0f} s, longer than the session timeout: others have the partitions now")

    def ask(self) -> None:
        """Ask what there is to take, and note since when each partition stands at its offset."""
        now_s = self._now_s()
        self._since = {standing: self._since.get(standing, now_s) for standing in self._behind().items()}
        for (partition, offset), since_s in self._since.items():
            if now_s - since_s > STUCK_S:
                topic, number = partition
                self._stop(f"behind, and nothing committed for {STUCK_S:.0f} s: {topic}[{number}] stands at {offset}")

    def watch(self) -> None:
        """Look and ask for ever, from threads that end with the process; asked again they go on as they do."""
        for thread in self._threads:
            if not thread.is_alive():
                thread.start()

    def _watch_sleep(self) -> None:
        self._looked_s = self._now_s()
        while True:
            time.sleep(LOOK_EVERY_S)
            self.look()

    def _watch_progress(self) -> None:
        while True:
            time.sleep(ASK_EVERY_S)
            self.ask()
