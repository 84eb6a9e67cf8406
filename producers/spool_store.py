"""The spool on disk: messages in the order in which they were handed over, until Kafka is known to have them.

SQLite keeps it (one file, write-ahead log), so torn writes and transactions are its affair. `synchronous=NORMAL`: what
`add` has returned from survives the death of the process (kill -9), not a power cut. The file is locked for as long as
it is open, and a dead process holds no lock: that is how a spool that nobody empties any more is known.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from infra import metrics
from infra.errors import UserError
from infra.local.files import private_folder
from infra.queries import sql_reader
from producers.sink import Headers
from producers.thinning import Part, Thinned, first_part, give_up, tell_thinned

Tell = Callable[[str], None]

_query: Final = sql_reader(Path(__file__).parent / "spool_queries")
AT_ONCE: Final = 500
MOST_IN_FLIGHT: Final = 10_000
ROOM: Final = 1 / 16
"""Share of the limit that is made free when the spool is full, so that not every message has to make room."""


class Message(Struct, frozen=True):
    """One message as it lies in the spool; `topic` is without the deployment's prefix."""

    id: int
    topic: str
    key: bytes
    value: bytes
    timestamp_ms: int
    headers: Headers | None

    @property
    def size(self) -> int:
        """Bytes that count against the limit."""
        return len(self.key) + len(self.value)


class Store:
    """One spool file, for one process and any of its threads.

    Messages are `add`ed, taken in order with `take`, and forgotten with `acknowledge`. What was taken and not
    acknowledged is in flight: it is not thinned, and `rewind` or a new start takes it again. `held_bytes` of keys and
    values stay within `limit_bytes`; SQLite's own pages come on top. `thinned` are the detections of each camera
    that were given up and not yet told.
    """

    def __init__(self, path: Path, limit_bytes: int, tell: Tell) -> None:
        self.path = path
        self.limit_bytes = limit_bytes
        self.messages = self.held_bytes = 0
        self.thinned: dict[str, int] = {}
        self._tell = tell
        self._lock = threading.RLock()
        self._in_flight: dict[int, int] = {}
        self._in_flight_bytes = self._taken = 0
        self._crossings_gone = False
        self._db = _open(path)
        self._count()

    @property
    def in_flight(self) -> int:
        """How many were taken and are not acknowledged."""
        return len(self._in_flight)

    def add(self, topic: str, key: bytes, value: bytes, timestamp_ms: int, headers: Headers | None) -> None:
        """Put one message behind all others; durable on return. Raises UserError when the disk is full or broken."""
        with self._change():
            size = len(key) + len(value)
            if self.held_bytes + size > self.limit_bytes:
                self._make_room(self.held_bytes + size - round(self.limit_bytes * (1 - ROOM)))
            if self.thinned:
                value = self._with_thinned(topic, value)
            self._db.execute(
                _query("add_message"),
                {
                    "part": first_part(topic),
                    "topic": topic,
                    "key": key,
                    "value": value,
                    "timestamp_ms": timestamp_ms,
                    "headers": msgspec.msgpack.encode(headers) if headers else None,
                },
            )
            self.messages += 1
            self.held_bytes += len(key) + len(value)
            self._measure()

    def take(self, most_bytes: int) -> list[Message]:
        """The next messages, in order, as long as no more than `most_bytes` are in flight (one always may be)."""
        with self._lock:
            asked = {"last_id": self._taken, "most": min(AT_ONCE, MOST_IN_FLIGHT - self.in_flight)}
            taken = []
            with closing(self._db.execute(_query("next_messages"), asked)) as rows:
                for message in map(_message, rows):
                    if self._in_flight and self._in_flight_bytes + message.size > most_bytes:
                        break
                    taken.append(message)
                    self._taken = message.id
                    self._in_flight[message.id] = message.size
                    self._in_flight_bytes += message.size
            return taken

    def acknowledge(self, ids: Iterable[int]) -> None:
        """Forget messages in flight: Kafka has them."""
        with self._change():
            known = [number for number in ids if number in self._in_flight]
            self._db.executemany(_query("delete_message"), [{"id": number} for number in known])
            freed = sum(self._in_flight.pop(number) for number in known)
            self._in_flight_bytes -= freed
            self.messages -= len(known)
            self.held_bytes -= freed
            self._measure()

    def rewind(self) -> None:
        """What is in flight got lost on the way: take it again."""
        with self._lock:
            self._in_flight.clear()
            self._in_flight_bytes = self._taken = 0

    def take_over(self, other: "Store") -> None:
        """Put what `other` holds behind our own, and empty it."""
        with self._change():
            self._db.executemany(_query("add_message"), map(dict, other._db.execute(_query("all_messages"))))
            for camera_id, detections in other.thinned.items():
                self._set_thinned(camera_id, self.thinned.get(camera_id, 0) + detections)
            self._count()
        other._db.executescript(_query("forget_all"))
        other._count()
        other.close()

    def close(self) -> None:
        """Let go of the file; an empty one is made small."""
        with self._lock:
            if not self.messages:
                self._db.execute("VACUUM")
            self._db.close()

    @contextmanager
    def _change(self) -> Iterator[None]:
        """One transaction: all or nothing, in the file and in what is counted here."""
        with self._lock:
            try:
                self._db.execute("BEGIN")
                yield
                self._db.execute("COMMIT")
            except BaseException as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                self._count()
                if isinstance(error, sqlite3.Error):
                    raise UserError(
                        f"the spool {self.path} cannot be written ({error})", "free some disk, and look at its health"
                    ) from error
                raise

    def _count(self) -> None:
        self.messages, self.held_bytes = self._db.execute(_query("held")).fetchone()
        self.thinned = {row["camera_id"]: row["detections"] for row in self._db.execute(_query("thinned"))}
        self._measure()

    def _measure(self) -> None:
        metrics.SPOOL_MESSAGES.set(self.messages)
        metrics.SPOOL_BYTES.set(self.held_bytes)

    def _with_thinned(self, topic: str, value: bytes) -> bytes:
        """The message, its health telling what was given up since the last one."""
        if first_part(topic) is not Part.DETECTIONS:
            return value
        told, camera_id = tell_thinned(value, self.thinned)
        if camera_id is not None:
            self._set_thinned(camera_id, 0)
        return told

    def _set_thinned(self, camera_id: str, detections: int) -> None:
        self.thinned[camera_id] = detections
        self._db.execute(_query("set_thinned"), {"camera_id": camera_id, "detections": detections})

    def _make_room(self, wanted: int) -> None:
        """Thin messages that are not in flight, the oldest first, until `wanted` bytes are free: crossings last."""
        for part in sorted(Part, reverse=True):
            last_id = self._taken
            while wanted > 0 and (rows := self._with_part(part, last_id)):
                for row in rows:
                    if wanted <= 0:
                        break
                    last_id, wanted = row["id"], wanted - self._thin(row, part)

    def _with_part(self, part: Part, last_id: int) -> list[sqlite3.Row]:
        asked = {"part": part, "last_id": last_id, "most": AT_ONCE}
        return self._db.execute(_query("messages_with_part"), asked).fetchall()

    def _thin(self, row: sqlite3.Row, part: Part) -> int:
        """Take one part from one message; returns the bytes that are free now."""
        value = row["message_value"]
        left = give_up(value, part)
        self._account(left, part)
        if left.value is None:
            self._db.execute(_query("delete_message"), {"id": row["id"]})
            self.messages -= 1
            freed = len(row["message_key"]) + len(value)
        else:
            self._db.execute(_query("replace_message"), {"id": row["id"], "value": left.value, "part": left.part})
            freed = len(value) - len(left.value)
        self.held_bytes -= freed
        return freed

    def _account(self, left: Thinned, part: Part) -> None:
        """Count what was given up, where operators and the camera's next health will see it."""
        if left.detections or left.untold:
            before = self.thinned.get(left.camera_id, 0)
            self._set_thinned(left.camera_id, before + left.detections + left.untold)
            metrics.THINNED.inc(left.detections)
        if left.value is None:
            metrics.SPOOL_GIVEN_UP.labels("crossing" if part is Part.CROSSINGS else "message").inc(
                max(1, left.crossings)
            )
        if left.value is None and part is Part.CROSSINGS and not self._crossings_gone:
            self._crossings_gone = True
            self._tell(f"ERROR: the spool {self.path} is full of crossings; the oldest are now being lost")


def _open(path: Path) -> sqlite3.Connection:
    """Open, lock, look through and if need be make the file.

    Raises sqlite3.OperationalError when another process has it, sqlite3.DatabaseError when it is damaged.
    """
    private_folder(path.parent)
    path.touch(mode=0o600)
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0)
    database.row_factory = sqlite3.Row
    try:
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=NORMAL"):
            database.execute(f"PRAGMA {pragma}")
        database.executescript(_query("tables"))
        _look_through(database)
    except sqlite3.Error:
        database.close()
        raise
    return database


def _look_through(database: sqlite3.Connection) -> None:
    """Raise where any page is damaged: what could be sent but not deleted would be sent without end."""
    (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        damage = sqlite3.DatabaseError(found.splitlines()[-1])
        damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise damage


def _message(row: sqlite3.Row) -> Message:
    headers = row["headers"]
    known = None if headers is None else msgspec.msgpack.decode(headers, type=Headers)
    return Message(row["id"], row["topic"], row["message_key"], row["message_value"], row["timestamp_ms"], known)
