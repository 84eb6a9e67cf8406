"""Many cameras in one process: a thread reads each, and one loop works on the frames that are due of all of them.

The detector sees them in one batch; then each camera's own tracker and teller go on. A recording gives every frame,
and its thread waits for the loop; a live camera gives its latest, and what nobody took is dropped and counted. A camera
that hangs, breaks off or cannot be read holds up nobody: it alone ends, or is tried again on its thread.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Condition, Event, Thread
from typing import Final

from infra.errors import UserError
from producers.feed import Progress, no_progress
from producers.video.detect import Floats
from producers.video.source import Fault, Frame, Image
from producers.video.watch import Watch, Watched

DEPTH: Final = 4
"""Frames that a recording's thread may be ahead."""
LEAVE_S: Final = 2.0
"""How long threads are waited for at the end; one that hangs in a driver is left."""

Find = Callable[[Sequence[Image]], list[Floats]]
"""What the detector finds in each of some pictures (`Detector.find`)."""
Items = Callable[[Event], Iterator[Frame | Fault]]
"""Opens a source; the event is set when it should end."""
Warn = Callable[[str], None]


@dataclass(frozen=True)
class Member:
    """One camera of the fleet: its source, and the watch that works on what the source gives."""

    camera_id: str
    items: Items
    watch: Watch
    live: bool


@dataclass(frozen=True)
class End:
    """A source has ended; `error` says why it could not go on."""

    error: Exception | None = None


class Inbox:
    """What the cameras have given and nobody has taken yet."""

    def __init__(self, cameras: int) -> None:
        self._changed = Condition()
        self._waiting: list[deque[Frame | Fault | End]] = [deque() for _ in range(cameras)]
        self.closed = Event()

    def put(self, camera: int, item: Frame | Fault | End) -> None:
        """Add one item, waiting while `DEPTH` of this camera have not been taken."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting[camera]) < DEPTH or self.closed.is_set())
            self._waiting[camera].append(item)
            self._changed.notify_all()

    def renew(self, camera: int, item: Frame | Fault) -> None:
        """Add one item at once; a frame that still waits gives way to a newer one."""
        with self._changed:
            waiting = self._waiting[camera]
            if isinstance(item, Frame) and waiting and isinstance(older := waiting[-1], Frame):
                waiting.pop()
                item = replace(item, dropped=older.dropped + 1 + item.dropped)
            waiting.append(item)
            self._changed.notify_all()

    def take(self) -> list[tuple[int, Frame | Fault | End]]:
        """The next item of each camera that has one, as soon as there is one."""
        with self._changed:
            self._changed.wait_for(lambda: any(self._waiting))
            due = [(camera, waiting.popleft()) for camera, waiting in enumerate(self._waiting) if waiting]
            self._changed.notify_all()
            return due

    def close(self) -> None:
        """Let all threads end."""
        with self._changed:
            self.closed.set()
            self._changed.notify_all()


class Fleet:
    """Watches its members to their ends.

    One member alone that cannot be read is a UserError; of several it is told as failed, and the others go on.
    """

    def __init__(self, members: Sequence[Member], find: Find, warn: Warn, progress: Progress = no_progress) -> None:
        self._members, self._find, self._warn, self._progress = members, find, warn, progress
        self._inbox = Inbox(len(members))
        self._done = dict.fromkeys((number for number, member in enumerate(members) if not member.live), 0.0)
        self._totals: dict[int, Watched] = {}

    def run(self) -> dict[str, Watched]:
        """The totals by camera. Ctrl-C ends live cameras in good order; a recording is broken off by it."""
        threads = [Thread(target=self._read, args=(number,), daemon=True) for number in range(len(self._members))]
        try:
            for thread in threads:
                thread.start()
            while len(self._totals) < len(self._members):
                self._work(self._inbox.take())
        except KeyboardInterrupt:
            self._leave()
        finally:
            self._inbox.close()
            _join(threads)
        return {member.camera_id: self._totals[number] for number, member in enumerate(self._members)}

    def _read(self, number: int) -> None:
        """On a thread of its own: hand over what one source gives, and how it ended."""
        member, inbox = self._members[number], self._inbox
        give = inbox.renew if member.live else inbox.put
        try:
            for item in warned(member.items(inbox.closed), self._warner(member)):
                if inbox.closed.is_set():
                    return
                give(number, item)
            inbox.put(number, End())
        except Exception as error:  # the loop tells it, or raises it where it is a defect
            inbox.put(number, End(error))

    def _work(self, due: Sequence[tuple[int, Frame | Fault | End]]) -> None:
        """One round: at most one item of each camera, and the detector once."""
        looks: list[tuple[Watch, Frame]] = []
        for number, item in due:
            watch = self._members[number].watch
            if isinstance(item, End):
                self._end(number, item.error)
            elif (frame := watch.take(item)) is not None:
                looks.append((watch, frame))
            if isinstance(item, Frame) and number in self._done:
                self._done[number] = item.done
        if looks:
            found = self._find([frame.image for _, frame in looks])
            for (watch, frame), boxes in zip(looks, found, strict=True):
                watch.look(frame, boxes)
        if self._done:
            self._progress(sum(self._done.values()) / len(self._done))

    def _end(self, number: int, error: Exception | None) -> None:
        member = self._members[number]
        if error is not None:
            if len(self._members) == 1 or not isinstance(error, UserError):
                raise error
            self._warner(member)(str(error))
            member.watch.fail(error.problem)
        self._totals[number] = member.watch.finish()
        if number in self._done:
            self._done[number] = 1.0

    def _leave(self) -> None:
        """End live cameras; a recording that is not through is not told as if it were."""
        left = [number for number in range(len(self._members)) if number not in self._totals]
        for number in left:
            if self._members[number].live:
                self._totals[number] = self._members[number].watch.finish()
        if not all(self._members[number].live for number in left):
            raise KeyboardInterrupt

    def _warner(self, member: Member) -> Warn:
        if len(self._members) == 1:
            return self._warn
        return lambda text: self._warn(f"{member.camera_id}: {text}")


def warned(items: Iterator[Frame | Fault], warn: Warn) -> Iterator[Frame | Fault]:
    """The items, each fault told; one that goes on is told once."""
    told = ""
    for item in items:
        reason = ""
        if isinstance(item, Fault):
            reason = f"{item.reason}; trying again" if item.offline else item.reason
        if reason not in ("", told):
            warn(reason)
        told = reason
        yield item


def _join(threads: Sequence[Thread]) -> None:
    until = time.monotonic() + LEAVE_S
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
