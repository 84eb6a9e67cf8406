"""What the gateway must not forget, in one small SQLite file: counters, what was seen, and messages not yet in Kafka.

A push is applied in one transaction: the counters move, its events are noted as seen, and its messages lie in the
outbox; then it is answered. So a gateway that is killed at any moment has taken a push wholly or not at all, and what
lies in the outbox goes to Kafka after the restart under the ids it has (`sender.py`). Events seen are kept for
`SEEN_MS`, longer than an event may be late.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from infra.clock import HOUR_MS
from infra.errors import UserError
from infra.queries import sql_reader

SEEN_MS: Final = 49 * HOUR_MS
BUSY_TIMEOUT_S: Final = 30.0
_sql: Final = sql_reader(Path(__file__).parent / "sql")
Kept = TypeVar("Kept")


class Outgoing(Struct, frozen=True, kw_only=True):
    """A message on its way to Kafka; `timestamp_ms` (our clock) is when its push was taken."""

    topic: str
    key: bytes
    value: bytes
    timestamp_ms: int
    headers: dict[str, str] = {}


class Store:
    """One connection to the file; each thread has its own."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
            self._connection = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_S, isolation_level="IMMEDIATE", check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(_sql("create_tables"))
        except (OSError, sqlite3.Error) as error:
            raise UserError(f"cannot use {path}: {error}", "make room or give a home that can be written") from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is done inside is durable together at its end, or, after an error, undone."""
        with self._connection:
            yield

    def recall(self, name: str, kind: type[Kept]) -> Kept | None:
        """What was remembered under `name`."""
        found = self._connection.execute(_sql("recall"), {"name": name}).fetchone()
        return msgspec.json.decode(found[0], type=kind) if found else None

    def remember(self, name: str, value: object) -> None:
        """Keep `value` under `name`; None forgets it."""
        if value is None:
            self._connection.execute(_sql("forget"), {"name": name})
        else:
            self._connection.execute(_sql("remember"), {"name": name, "value": msgspec.json.encode(value)})

    def first_time(self, event_id: str, now_ms: int) -> bool:
        """Note the event; False when it was noted before."""
        return self._connection.execute(_sql("note_seen"), {"id": event_id, "seen_ms": now_ms}).rowcount == 1

    def forget_seen(self, now_ms: int) -> None:
        """Drop what was seen so long ago that it cannot come again."""
        self._connection.execute(_sql("forget_seen"), {"before_ms": now_ms - SEEN_MS})

    def put(self, message: Outgoing) -> None:
        """Lay a message into the outbox."""
        self._connection.execute(_sql("put_in_outbox"), {"message": msgspec.msgpack.encode(message)})

    def oldest(self, most: int) -> list[tuple[int, Outgoing]]:
        """(place, message) of the first `most` in the outbox, in order."""
        rows = self._connection.execute(_sql("oldest_in_outbox"), {"most": most})
        return [(place, msgspec.msgpack.decode(message, type=Outgoing)) for place, message in rows]

    def set_aside(self, place: int) -> None:
        """Keep the message at `place` for good: it can never be sent, and is not to be lost."""
        with self._connection:
            self._connection.execute(_sql("set_aside"), {"place": place})

    def delete_sent(self, place: int) -> None:
        """Drop what lies in the outbox up to `place`: Kafka has it."""
        with self._connection:
            self._connection.execute(_sql("delete_sent"), {"place": place})

    def waiting(self) -> int:
        """How many messages lie in the outbox."""
        with closing(self._connection.execute(_sql("outbox_size"))) as rows:
            size: int = rows.fetchone()[0]
        return size

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
