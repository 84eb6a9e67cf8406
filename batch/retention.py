"""Retention: what each store may keep for how long, deleting what is due, and the proof that nothing older is left.

Stores are Kafka's topics, the archive, and the warehouse's person-related tables. Kafka and ClickHouse delete by
themselves, Kafka a whole segment at a time (a day's, `infra/topics.py`), ClickHouse when it merges: so `run` also sets
the topics' limits where they differ, and drops what ClickHouse has not dropped yet.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

import msgspec
from clickhouse_driver import Client
from msgspec import Struct

from batch.archive import archived_days, drop_day
from batch.kafka import kept
from infra.clock import Clock, local_day
from infra.settings import Settings
from infra.site import Site
from infra.topics import TOPICS, set_retention
from warehouse.client import ask, ask_tables, connect, query
from warehouse.read_log import collect_reads

SEGMENT_DAYS: Final = 1
"""Kafka deletes a segment when its last record is too old: its first is up to so much older."""
TABLE_DAYS: Final = {"visitors": 30, "dispositions": 5 * 366, "read_log": 400}


class Store(Struct, frozen=True, kw_only=True):
    """One store: the local day of its oldest record (None: it is empty), and how many days old that may be."""

    name: str
    oldest: date | None
    allowed_days: int

    def kept_to(self, today: date) -> bool:
        """Whether it holds nothing older than it may."""
        return self.oldest is None or (today - self.oldest).days <= self.allowed_days


def stores(settings: Settings, site: Site, client: Client) -> list[Store]:
    """Every store with what is oldest in it. `client` is the loader's."""
    archived = archived_days(settings, site)
    archive = Store(name="archive", oldest=min(archived, default=None), allowed_days=settings.archive_days)
    return [*_topics(settings, site), archive, *_tables(client)]


def _topics(settings: Settings, site: Site) -> list[Store]:
    found = []
    for topic in TOPICS:
        if topic.retention_days is not None:
            oldest_ms = [one.oldest_ms for one in kept(settings, topic) if one.oldest_ms is not None]
            oldest = local_day(min(oldest_ms), site.tz) if oldest_ms else None
            allowed = topic.retention_days + SEGMENT_DAYS
            found.append(Store(name=f"topic {topic.name}", oldest=oldest, allowed_days=allowed))
    return found


def _tables(client: Client) -> list[Store]:
    return [
        Store(name=f"table {table}", oldest=_oldest(client, table), allowed_days=days)
        for table, days in TABLE_DAYS.items()
    ]


def _oldest(client: Client, table: str) -> date | None:
    ((oldest,),) = ask_tables(client, "oldest_row", {"table": table})
    return msgspec.convert(oldest, date | None)


def due(days: Iterable[date], allowed_days: int, today: date) -> list[date]:
    """Those of `days` that are older than allowed."""
    return [day for day in days if (today - day).days > allowed_days]


def run(settings: Settings, site: Site, clock: Clock) -> list[str]:
    """Delete what is due and bring the read log up to date; returns what was deleted, in words."""
    today = local_day(clock.now_ms(), site.tz)
    collect_reads(settings)
    changed = [] if settings.keep_all_history else set_retention(settings)
    deleted = [f"topic {name}: limits set" for name in changed]
    for day in due(archived_days(settings, site), settings.archive_days, today):
        drop_day(settings, site, day)
        deleted.append(f"archive: {day}")
    with connect(settings, "loader") as client:
        for table in ("visitors", "dispositions"):
            deleted += _drop_loads(client, table, site.estate.id, today - timedelta(days=TABLE_DAYS[table]))
        before = today - timedelta(days=TABLE_DAYS["read_log"])
        rows = ask(client, "read_log_days_older", before=before)
        for (day,) in msgspec.convert(rows, list[tuple[date]]):
            ask(client, "drop_read_log_day", day=day)
            deleted.append(f"table read_log: {day}")
    return deleted


def _drop_loads(client: Client, table: str, estate: str, before: date) -> list[str]:
    rows = ask_tables(client, "days_older", {"table": table}, estate=estate, before=before)
    for day, load in msgspec.convert(rows, list[tuple[date, int]]):
        ask_tables(client, "drop_partition", {"table": table}, estate=estate, day=day, load=load)
    return [f"table {table}: {day}" for day in sorted({str(day) for day, _ in rows})]


def prove(settings: Settings, site: Site, clock: Clock) -> tuple[list[Store], date]:
    """What is oldest in each store today; it is also written to `retention_proofs`."""
    today = local_day(clock.now_ms(), site.tz)
    with connect(settings, "loader") as client:
        found = stores(settings, site, client)
        client.execute(query("record_proof"), [_proof(site, store, today) for store in found])
    return found, today


def _proof(site: Site, store: Store, today: date) -> dict[str, object]:
    return {
        "estate_id": site.estate.id,
        "proved_at": datetime.now(UTC),
        "day": today,
        "store": store.name,
        "oldest": store.oldest,
        "allowed_days": store.allowed_days,
        "kept_to": int(store.kept_to(today)),
    }


def broken(found: Sequence[Store], today: date) -> list[Store]:
    """The stores that hold what is older than allowed."""
    return [store for store in found if not store.kept_to(today)]
