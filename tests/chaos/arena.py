"""The workers of one seed, and what is done to them: started, killed, put to sleep, counted on a running stream."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import psutil

from infra.lag import Place, end_offsets, lag, uncommitted
from infra.local.files import log_file
from infra.local.process import Process, alive, last_lines, wait_until
from infra.local.registry import read_process, start_process, stop_process
from infra.local.stack import up
from infra.settings import Settings
from infra.topics import DETECTIONS, GATE_PASSAGES, Topic, topic_name
from streams import alerts
from streams.worker import group
from tests.kafka_helpers import produce
from tests.producers.helpers import Sent

INPUTS: Final[dict[str, tuple[Topic, ...]]] = {
    "occupancy": (DETECTIONS,),
    "alerts": alerts.INPUTS,
    "plain": (DETECTIONS,),
}
OURS: Final = ("occupancy", "alerts")
SESSION_TIMEOUT_S: Final = 6.0
PLAIN_MOMENT_S: Final = 5.0
PLAIN_PATIENCE_S: Final = 30.0
PLAIN_STARTS: Final = 3
PATIENCE_S: Final = 240.0  # twice as long as a worker may be stuck before it ends itself


@dataclass
class Arena:
    """One seed's workers, each with a name of its own in its group, and what has been done to them so far."""

    settings: Settings
    workers: set[tuple[str, int]] = field(default_factory=set)
    kills: int = 0
    broker_restarts: int = 0
    _recovered: dict[tuple[str, int], int] = field(default_factory=dict)

    def start(self, app: str, number: int) -> None:
        """Start a worker, or start it again."""
        settings = self.settings.model_copy(update={"worker": f"{app}-{number}"})
        module = ["tests.chaos.plain_faust"] if app == "plain" else ["anfang", "stream", app]
        stop_process(settings, self._name(app, number))
        self._recovered[app, number] = self._recoveries(app, number)
        start_process(settings, self._name(app, number), [sys.executable, "-m", *module], settings.as_environment())
        self.workers.add((app, number))

    def tend(self) -> None:
        """Start again what ended by itself, as whoever supervises workers does."""
        for app, number in sorted(self.workers):
            if not alive(self._process(app, number)):
                self.start(app, number)

    def stop(self, app: str, number: int, how: signal.Signals) -> None:
        """Stop a worker for good."""
        os.kill(self._process(app, number).pid, how)
        psutil.wait_procs([psutil.Process(self._process(app, number).pid)], timeout=PATIENCE_S)
        stop_process(self.settings, self._name(app, number))  # else the stack's status goes on to tell of it
        self.workers.remove((app, number))

    def feed(self, messages: Sequence[Sent]) -> None:
        """Send what comes next, and wait until the broker has it."""
        for topic in (DETECTIONS, GATE_PASSAGES):
            sent = [(one.key, one.value, one.timestamp_ms) for one in messages if one.topic == topic.name]
            produce(self.settings, topic, sent)

    def kill(self, victims: Sequence[tuple[str, int]], messages: Sequence[Sent]) -> None:
        """Kill these workers in the middle of these messages, and start them again.

        It counts when the stream runs: the app has written since they came, and has not committed all of them. Plain
        Faust is killed too, at work if it works within a moment.
        """
        before = {app: self._written(app) for app in (*OURS, "plain")}
        self.feed(messages)
        for app, number in victims:
            self._await_progress(app, before[app])
            os.kill(self._process(app, number).pid, signal.SIGKILL)
            self.kills += lag(self.settings, group(app, self.settings), INPUTS[app]) > 0
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: self._written("plain") > before["plain"], PLAIN_MOMENT_S, "plain goes on")
        os.kill(self._process("plain", 1).pid, signal.SIGKILL)
        for app, number in [*victims, ("plain", 1)]:
            self.start(app, number)

    def restart_broker(self, messages: Sequence[Sent]) -> None:
        """Kill the broker while messages are taken, start it again, and wait until the stream goes on."""
        self.feed(messages)
        broker = read_process(self.settings, "kafka")
        assert broker is not None
        os.kill(broker.pid, signal.SIGKILL)
        psutil.wait_procs([psutil.Process(broker.pid)], timeout=PATIENCE_S)
        up(self.settings)
        self.broker_restarts += 1
        self.settle(("occupancy",))

    def put_to_sleep(self, app: str, number: int, messages: Sequence[Sent]) -> None:
        """Stop a worker past its session timeout, let another take over, and wake it: it must end by itself."""
        process = self._process(app, number)
        self.feed(messages[: len(messages) // 2])
        self._wait(lambda: self._recoveries(app, number) > self._recovered[app, number], f"{app} {number} is at work")
        os.kill(process.pid, signal.SIGSTOP)
        lost_at = time.monotonic() + 1.5 * SESSION_TIMEOUT_S
        self.feed(messages[len(messages) // 2 :])
        try:
            wait_until(lambda: time.monotonic() > lost_at, PATIENCE_S, "the session is over")
            self.settle((app,))
        finally:
            os.kill(process.pid, signal.SIGCONT)
        wait_until(lambda: not alive(process), PATIENCE_S, f"{app} {number} ended when it woke")
        self.start(app, number)

    def settle(self, apps: Sequence[str] = OURS) -> None:
        """Wait until these apps have taken all there is; start again who ended meanwhile."""
        for app in apps:
            self._wait(partial(self._done, app), f"{app} caught up")

    def begin_plain(self) -> None:
        """Start plain Faust until it works: a first message breaks it where its producer has no topic yet."""
        for _ in range(PLAIN_STARTS):
            self.start("plain", 1)
            if self.settle_plain():
                return
        self.settle(("plain",))

    def settle_plain(self) -> bool:
        """Give plain Faust half a minute: after a kill it sometimes never goes on, which is then its result."""
        with contextlib.suppress(TimeoutError):
            wait_until(partial(self._done, "plain"), PLAIN_PATIENCE_S, "plain caught up")
            return True
        return False

    def _wait(self, predicate: Callable[[], bool], what: str) -> None:
        """Wait until it holds. Raises AssertionError with the ends of the workers' logs."""
        try:
            wait_until(predicate, PATIENCE_S, what)
        except TimeoutError as error:
            logs = [self._process(app, number).log for app, number in sorted(self.workers)]
            said = [f"{log}:\n" + "\n".join(last_lines(Path(log))) for log in logs]
            raise AssertionError("\n".join([str(error), *said, f"left: {self._left()}"])) from error

    def _left(self) -> dict[str, dict[Place, tuple[int, int]]]:
        """What each app has not committed."""
        own, numbers = self.settings, range(self.settings.partitions)
        places = {app: [(topic_name(topic, own), p) for topic in INPUTS[app] for p in numbers] for app in INPUTS}
        return {app: uncommitted(own, group(app, own), places[app]) for app in INPUTS}

    def _done(self, app: str) -> bool:
        self.tend()
        return lag(self.settings, group(app, self.settings), INPUTS[app]) == 0

    def _await_progress(self, app: str, before: int) -> None:
        def moved() -> bool:
            self.tend()
            return self._written(app) > before

        self._wait(moved, f"{app} goes on")

    def _written(self, app: str) -> int:
        """How many records the app has written to its changelog."""
        table = "counts" if app == "plain" else "zones"
        name = f"{group(app, self.settings)}-{table}-changelog".removeprefix(self.settings.topic_prefix)
        return sum(end_offsets(self.settings, Topic(name, None, "changelog")))

    def close(self) -> None:
        """Stop all workers."""
        for app, number in sorted(self.workers):
            stop_process(self.settings, self._name(app, number))

    def _recoveries(self, app: str, number: int) -> int:
        """How often a worker of this name has got its state back, by its log."""
        log = log_file(self.settings, self._name(app, number))
        return log.read_text(encoding="utf-8", errors="replace").count("recovered") if log.exists() else 0

    def _name(self, app: str, number: int) -> str:
        return f"{self.settings.topic_prefix}{app}-{number}"

    def _process(self, app: str, number: int) -> Process:
        process = read_process(self.settings, self._name(app, number))
        assert process is not None
        return process
