"""Ends a worker that has been asleep or has got stuck: whoever supervises it starts it again, from what is durable.

Two things are watched from a thread of their own, for the event loop itself may be what hangs. A worker that slept
(SIGSTOP, a paused machine) for longer than the session timeout has lost its partitions to another without noticing.
A worker that is behind and has finished no batch and no recovery for `STUCK_S` has stopped consuming (faust-streaming
#596, #175, robinhood/faust #640).
"""

import threading
import time
from collections.abc import Callable
from typing import Final

LOOK_EVERY_S: Final = 0.25
STUCK_S: Final = 180.0


def boot_time_s() -> float:
    """A clock that goes on while the process, or the machine, sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Watchdog:
    """Tell it of every step forward with `progress`; it calls `stop` with the reason to end the process.

    `behind` says whether anything waits to be taken; it is asked only when nothing was finished for `STUCK_S`.
    """

    def __init__(
        self,
        behind: Callable[[], bool],
        stop: Callable[[str], object],
        session_timeout_s: float,
        now_s: Callable[[], float] = boot_time_s,
    ) -> None:
        self._behind, self._stop, self._now_s = behind, stop, now_s
        self._session_timeout_s = session_timeout_s
        self._looked_s = self._progress_s = now_s()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def progress(self) -> None:
        """Something was finished."""
        self._progress_s = self._now_s()

    def look(self) -> None:
        """Compare with the last look."""
        now_s = self._now_s()
        slept_s, self._looked_s = now_s - self._looked_s, now_s
        if slept_s > self._session_timeout_s:
            self._stop(f"asleep for {slept_s:.0f} s, longer than the session timeout: others have the partitions now")
        elif now_s - self._progress_s > STUCK_S:
            if self._behind():
                self._stop(f"behind, and nothing finished for {STUCK_S:.0f} s")
            self.progress()

    def watch(self) -> None:
        """Look for ever, from a thread that ends with the process; asked again it goes on as it does."""
        if not self._thread.is_alive():
            self._thread.start()

    def _watch(self) -> None:
        self._looked_s = self._now_s()
        self.progress()
        while True:
            time.sleep(LOOK_EVERY_S)
            self.look()
            self._looked_s = self._now_s()  # what the look itself took is no sleep
