"""How deliveries to each subscriber are doing, by the outbox of the worker on this machine, which may run meanwhile."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from infra.queries import sql_reader
from infra.settings import Settings

_query: Final = sql_reader(Path(__file__).parent / "delivery_queries")


class Lane(Struct):
    """How a subscription is doing: `failures` in turn since `failing_since_ms`, no try before `next_try_ms` (UTC ms).

    It died at `dead_ms`, when it had been saved last at `dead_changed_ms`: saved again it is tried again.
    """

    subscription_id: str
    delivered: int = 0
    last_delivered_ms: int | None = None
    failing_since_ms: int | None = None
    failures: int = 0
    next_try_ms: int = 0
    last_error: str = ""
    dead_ms: int | None = None
    dead_changed_ms: int = 0


class LaneShown(Lane):
    """A lane, and how many messages wait in it."""

    waiting: int = 0


def outbox_path(settings: Settings) -> Path:
    """Where the outbox of this home lies."""
    return settings.home / "delivery" / f"{settings.topic_prefix}outbox.sqlite"


def read_lanes(path: Path) -> dict[str, LaneShown]:
    """How the subscriptions are doing, by name, from a worker's outbox, while it runs too; none where there is none."""
    if not path.exists():
        return {}
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as database:
        database.row_factory = sqlite3.Row
        if database.execute(_query("has_lanes")).fetchone() is None:
            return {}
        lanes = [msgspec.convert(dict(row), LaneShown) for row in database.execute(_query("lanes"))]
    return {lane.subscription_id: lane for lane in lanes}
