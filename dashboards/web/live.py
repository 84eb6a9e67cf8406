"""One estate live: the board, what is shown of it, and the same encoded events for every viewer.

The reader's thread calls `take` and `tick`; they make new values and hand finished bytes to the event loop, where
`Viewers` lays them into each viewer's queue. A viewer whose queue is full is dropped: its browser comes back and gets
what it missed, or the whole.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from dashboards.web.board import EMPTY, Board, Told, applied, newest_ms, pruned
from dashboards.web.facts import Facts, facts
from dashboards.web.render import Fragments, Renderer
from dashboards.web.words import LANGS, Lang
from infra.site import Site

MOST_WAITING: Final = 16
"""Events that may wait for one viewer."""
REMEMBERED: Final = 64
"""Events that a viewer who was away may still get; after more it gets the whole."""
PING_S: Final = 10.0
PING: Final = b"event: ping\ndata: .\n\n"


class Event(Struct, frozen=True):
    """What changed on the page: `swap` is the new HTML by id, `order` the alerts from the top down."""

    swap: Fragments
    order: list[str]
    away: bool


class Shown(Struct, frozen=True):
    """A version of the page in one language: all its fragments."""

    version: int
    fragments: Mapping[str, str]
    order: tuple[str, ...]
    away: bool


class Viewers:
    """Those who look at one estate in one language. Lives in the event loop."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[bytes | None]] = set()
        self._recent: deque[tuple[int, bytes]] = deque(maxlen=REMEMBERED)
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._queues)

    def publish(self, version: int, event: bytes) -> None:
        """Give `event`, which leads to `version`, to everybody; drop who does not keep up."""
        self._recent.append((version, event))
        for queue in list(self._queues):
            try:
                queue.put_nowait(event)
            except asyncio.QueueFull:
                self.dropped += 1
                self._queues.discard(queue)
                _end(queue)

    def missed(self, since: int) -> list[bytes] | None:
        """The events after version `since`; None where they are not remembered."""
        if self._recent and self._recent[0][0] <= since + 1:
            return [event for version, event in self._recent if version > since]
        return None

    async def events(self, first: Callable[[], Iterable[bytes]]) -> AsyncGenerator[bytes, None]:
        """`first()`, then every event from then on, and a sign of life at least each `PING_S`; ends when dropped."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(MOST_WAITING)
        self._queues.add(queue)
        try:
            for event in first():  # asked after joining: nothing is published between the two
                yield event
            while True:
                try:
                    next_event = await asyncio.wait_for(queue.get(), PING_S)
                except TimeoutError:
                    yield PING
                    continue
                if next_event is None:
                    return
                yield next_event
        finally:
            self._queues.discard(queue)

    def close(self) -> None:
        """End everybody's stream."""
        for queue in self._queues:
            _end(queue)
        self._queues.clear()


def _end(queue: asyncio.Queue[bytes | None]) -> None:
    """Empty the queue but for the sign that nothing follows."""
    while not queue.empty():
        queue.get_nowait()
    queue.put_nowait(None)


class Live:
    """One estate: `shown[lang]` is what a page that is opened now shows.

    Versions count from `begun_ms`, when this process began, so that none of an earlier one's is taken for its own.
    """

    def __init__(self, site: Site, *, replay: bool = False, begun_ms: int = 0) -> None:
        self.site, self.replay = site, replay
        self.board: Board = EMPTY
        self.viewers = {lang: Viewers() for lang in LANGS}
        self.renderers = {lang: Renderer(site, lang) for lang in LANGS}
        self.shown = {lang: Shown(begun_ms, {}, (), False) for lang in LANGS}
        self.facts: Facts | None = None
        self._away = False
        self._whole: dict[Lang, tuple[int, bytes]] = {}

    def take(self, messages: Iterable[Told]) -> None:
        """Note what the messages tell; nothing is shown before `tick`."""
        self.board = applied(self.board, messages, self.site)

    def now_ms(self, clock_ms: int) -> int:
        """The page's now: the clock's, or in a replay the newest event time."""
        return newest_ms(self.board) if self.replay else clock_ms

    def tick(self, clock_ms: int, *, away: bool = False) -> dict[Lang, tuple[int, bytes]]:
        """Draw what changed; the events to publish by language, none where nothing did. `away`: Kafka is silent."""
        now_ms = self.now_ms(clock_ms)
        self.board = pruned(self.board, now_ms)
        new, old = facts(self.board, self.site, now_ms), self.facts
        if old == new and away == self._away:
            return {}
        self.facts, self._away = new, away
        return {lang: self._drawn(lang, new, old, away=away) for lang in LANGS}

    def _drawn(self, lang: Lang, new: Facts, old: Facts | None, *, away: bool) -> tuple[int, bytes]:
        before, changed = self.shown[lang], self.renderers[lang].fragments(new, old)
        gone = {f"a-{alert}" for alert in before.order if alert not in new.alerts}
        kept = {name: html for name, html in before.fragments.items() if name not in gone}
        after = Shown(before.version + 1, kept | changed, new.order, away)
        self.shown[lang] = after
        return after.version, encoded(after.version, changed, after)

    def publish(self, events: Mapping[Lang, tuple[int, bytes]]) -> None:
        """Give the events of `tick` to the viewers. To be called in the event loop."""
        for lang, (version, event) in events.items():
            self.viewers[lang].publish(version, event)

    def first(self, lang: Lang, since: int) -> list[bytes]:
        """What a viewer gets first who has version `since`: nothing, what it missed, or the whole."""
        shown = self.shown[lang]
        if since == shown.version:
            return [PING]
        missed = self.viewers[lang].missed(since) if 0 <= since < shown.version else None
        return [self._whole_of(lang, shown)] if missed is None else missed

    def events(self, lang: Lang, since: int) -> AsyncGenerator[bytes, None]:
        """A viewer's stream, who has version `since`."""
        return self.viewers[lang].events(lambda: self.first(lang, since))

    def _whole_of(self, lang: Lang, shown: Shown) -> bytes:
        """The whole as one event; encoded once for all who come back together."""
        version, whole = self._whole.get(lang, (-1, b""))
        if version != shown.version:
            whole = encoded(shown.version, shown.fragments, shown)
            self._whole[lang] = (shown.version, whole)
        return whole


def encoded(version: int, changed: Mapping[str, str], shown: Shown) -> bytes:
    """A server-sent event (HTML standard, 9.2) that leads to `version`."""
    data = msgspec.json.encode(Event(dict(changed), list(shown.order), shown.away))
    return b"id: %d\nevent: board\ndata: %s\n\n" % (version, data)
