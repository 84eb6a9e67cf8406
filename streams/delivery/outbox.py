"""The outbox on disk: what is to be delivered to whom, until the receiver has it.

SQLite keeps it (one file, write-ahead log). What `put` has returned from is on the disk (`synchronous=FULL`), so an
alert may then be acknowledged to Kafka; that something was delivered survives the death of the process, and a power cut
may send it twice. One worker has the file at a time (a lock beside it, which a dead process does not hold); others may
read it (`infra/delivery_state.py`).
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from infra.clock import DAY_MS
from infra.delivery_state import Lane
from infra.errors import UserError
from infra.events import LATEST_MS, Alert, Severity, derived_id
from infra.local.files import private_folder
from infra.queries import sql_reader
from streams.delivery.matching import Told

_query: Final = sql_reader(Path(__file__).parent / "outbox_queries")
CANARY: Final = "canary"
KEEP_CLOSED_MS: Final = 4 * DAY_MS
KEEP_OPEN_MS: Final = 90 * DAY_MS


class Queued(Struct, frozen=True):
    """One alert state for one subscriber, not to be sent before `due_ms`. `content` is the alert as it came."""

    subscription_id: str
    alert_id: str
    revision: int
    severity: Severity
    is_closed: bool
    content: bytes
    due_ms: int


class Waiting(Struct, frozen=True):
    """One delivery as it lies in the outbox; it came at `added_ms` and was refused `attempts` times. UTC ms."""

    id: int
    alert_id: str
    revision: int
    is_canary: bool
    added_ms: int
    due_ms: int
    attempts: int
    content: bytes


class Outbox:
    """One outbox file, for one process and one thread. Raises UserError when another worker has it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        private_folder(path.parent)
        self._lock = _locked(path)
        path.touch(mode=0o600)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.executescript(_query("tables"))
        self._lanes: dict[str, Lane] = {}

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()
        os.close(self._lock)

    def told(self, subscription_id: str, alert_id: str) -> Told | None:
        """What the subscriber was last told of the alert, or will be by what lies here."""
        row = self._one("told", subscription_id=subscription_id, alert_id=alert_id)
        return None if row is None else Told(row["revision"], row["severity"])

    def put(self, queued: Sequence[Queued], now_ms: int) -> None:
        """Add these, all or none, on the disk on return. An earlier state that waits for a later time goes along."""
        rows = [{**msgspec.structs.asdict(one), "is_canary": 0, "added_ms": now_ms, "at_ms": now_ms} for one in queued]
        states = {(one.alert_id, one.revision): row for one, row in zip(queued, rows, strict=True)}
        later = [row for one, row in zip(queued, rows, strict=True) if one.revision > 1]
        with self._change(durable=True):
            for query, of in (("add_state", states.values()), ("add_delivery", rows), ("hurry", later)):
                self._db.executemany(_query(query), of)
            self._db.executemany(_query("note_told"), rows)

    def put_canary(self, subscription_id: str, hour: int, now_ms: int) -> bool:
        """Add the canary of the hour, counted since 1970; False when it has been, or an earlier one still waits."""
        told = self.told(subscription_id, CANARY)
        row = self._one("canary_waits", subscription_id=subscription_id)
        if (told is not None and told.revision >= hour) or (row is not None and row["waiting"]):
            return False
        with self._change(durable=False):
            self._run("add_state", alert_id=CANARY, revision=hour, content=b"")
            of = {"subscription_id": subscription_id, "alert_id": CANARY, "revision": hour}
            self._run("add_delivery", **of, is_canary=1, added_ms=now_ms, due_ms=now_ms)
            self._run("note_told", **of, severity="info", is_closed=False, at_ms=now_ms)
        return True

    def waiting(self, subscription_id: str, now_ms: int, most: int) -> tuple[int, int]:
        """How many alert states may be sent to the subscriber now, counted up to `most`; since when the first (UTC)."""
        row = self._one("waiting", subscription_id=subscription_id, now_ms=now_ms, most=most)
        return (0, now_ms) if row is None or not row["waiting"] else (row["waiting"], row["oldest_due_ms"])

    def singles(self, subscription_id: str, now_ms: int, most: int) -> list[Waiting]:
        """What may be sent now, each alone, in order: of each alert the first that waits."""
        return [
            _waiting(row) for row in self._all("due_singles", subscription_id=subscription_id, now_ms=now_ms, most=most)
        ]

    def digest(self, subscription_id: str, now_ms: int) -> tuple[str, list[Waiting]] | None:
        """The digest that is to be sent now, its id and all that is in it; None where there is none."""
        rows = self._all("due_digest", subscription_id=subscription_id, now_ms=now_ms)
        return (rows[0]["digest_id"], [_waiting(row) for row in rows]) if rows else None

    def make_digest(self, subscription_id: str, now_ms: int) -> None:
        """Make one message, once and for all, of the alert states that may be sent now; named after the first."""
        first = self._one("digest_first", subscription_id=subscription_id, now_ms=now_ms)
        if first is not None:
            digest_id = derived_id("digest", subscription_id, first["alert_id"], first["revision"])
            with self._change(durable=True):
                self._run("make_digest", subscription_id=subscription_id, now_ms=now_ms, digest_id=digest_id)

    def next_due_ms(self, subscription_id: str, now_ms: int) -> int | None:
        """When the next message falls due after `now_ms`, UTC ms."""
        row = self._one("next_due", subscription_id=subscription_id, now_ms=now_ms)
        return None if row is None else row["due_ms"]

    def lane(self, subscription_id: str) -> Lane:
        """How the subscription is doing; change it by `note` only."""
        if subscription_id not in self._lanes:
            row = self._one("lane", subscription_id=subscription_id)
            found = Lane(subscription_id) if row is None else msgspec.convert(dict(row), Lane)
            self._lanes[subscription_id] = found
        return self._lanes[subscription_id]

    def note(self, lane: Lane, done: Iterable[int] = (), postponed: Iterable[tuple[int, int]] = ()) -> None:
        """The lane as it is now; `done` deliveries are forgotten, `postponed` are (id, due_ms)."""
        with self._change(durable=False):
            self._db.executemany(_query("forget_delivery"), [{"id": number} for number in done])
            self._db.executemany(_query("postpone"), [{"id": number, "due_ms": due_ms} for number, due_ms in postponed])
            self._run("note_lane", **msgspec.structs.asdict(lane))
        self._lanes[lane.subscription_id] = lane

    def forget(self, subscription_id: str, before_ms: int = LATEST_MS) -> int:
        """Give up what waits for a subscription and fell due before then; returns how many."""
        with self._change(durable=False):
            return self._run("forget_of", subscription_id=subscription_id, before_ms=before_ms)

    def subscribers(self) -> set[str]:
        """Those for whom something waits."""
        return {row["subscription_id"] for row in self._all("subscribers")}

    def held(self) -> int:
        """How many messages wait in all."""
        row = self._one("held")
        return 0 if row is None else row["waiting"]

    def prune(self, now_ms: int) -> None:
        """Forget what nobody needs any more."""
        with self._change(durable=False):
            self._run("forget_states")
            self._run("forget_told", open_before_ms=now_ms - KEEP_OPEN_MS, closed_before_ms=now_ms - KEEP_CLOSED_MS)

    def _one(self, query: str, **values: object) -> sqlite3.Row | None:
        with closing(self._db.execute(_query(query), values)) as rows:
            found: sqlite3.Row | None = rows.fetchone()
        return found

    def _all(self, query: str, **values: object) -> list[sqlite3.Row]:
        return self._db.execute(_query(query), values).fetchall()

    def _run(self, query: str, **values: object) -> int:
        return self._db.execute(_query(query), values).rowcount

    @contextmanager
    def _change(self, *, durable: bool) -> Iterator[None]:
        """One transaction; where it is `durable`, it is on the disk on return, with all before it."""
        self._db.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise UserError(
                    f"the outbox {self.path} cannot be written ({error})", "free some disk, and look at its health"
                ) from error
            raise


def alert_of(waiting: Waiting) -> Alert:
    """The alert state that is to be delivered."""
    return _decoded(waiting.content)


@lru_cache(maxsize=256)
def _decoded(content: bytes) -> Alert:
    """The alert in `content`: the same for all who are told of it."""
    return msgspec.json.decode(content, type=Alert)


def _waiting(row: sqlite3.Row) -> Waiting:
    return Waiting(
        row["id"],
        row["alert_id"],
        row["revision"],
        bool(row["is_canary"]),
        row["added_ms"],
        row["due_ms"],
        row["attempts"],
        row["content"],
    )


def _locked(path: Path) -> int:
    """A file descriptor that holds the lock beside `path`."""
    lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise UserError(
            f"another `anfang deliver` has the outbox {path}", "stop it, or give this one an ANFANG_HOME of its own"
        ) from error
    return lock
