"""Loads: each row says which load it came with, and readers see the loads that the accounts of the days name.

So one insert into `nightly_accounting` switches days from their old load to the new one, in all tables at once, and a
load that was killed half-way is never seen. Within one query ClickHouse reads one snapshot of the accounts, however
many tables the query joins (setting `enable_shared_storage_snapshot_in_query`, on by default).

What is left to see to is a query that has a snapshot of one side only when the switch comes: `await_readers` lets the
queries that run come to an end, before the switch (they may not know the new rows yet) and before old rows go.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from clickhouse_driver import Client

from infra.local.process import wait_until
from infra.topics import DETECTIONS
from warehouse.access import LOAD_TABLES, READERS, RECORD_TABLES
from warehouse.client import Row, ask, ask_tables, query
from warehouse.load import INSERT_SETTINGS

READERS_WAIT_S: Final = 60.0
"""A query that runs for longer has had its snapshots for long."""

Account = dict[str, object]  # a row of `nightly_accounting`


@dataclass(frozen=True)
class Load:
    """What one run loads of some days of an estate; `run` is a random number below 2 ** 62."""

    client: Client
    run: int
    estate_id: str
    days: Sequence[date]

    def id(self, day: date) -> int:
        """The load id of the day's rows."""
        return self.run + (day - self.days[0]).days

    @property
    def ids(self) -> list[int]:
        """The load ids of all its days, in order."""
        return [self.id(day) for day in self.days]

    def rows(self, table: str) -> dict[date, int]:
        """Rows of this load by local day."""
        return {_day(row): int(str(row[1])) for row in self._ask("loaded_rows", table)}

    def differing_zone_minutes(self) -> dict[date, int]:
        """Zone-minutes in which stream and batch counted differently, by day."""
        return {_day(row): int(str(row[1])) for row in self._ask("differing_zone_minutes")}

    def crossings_hash(self) -> dict[date, str]:
        """Fingerprint of each day's crossings."""
        return {_day(row): str(row[1]) for row in self._ask("crossings_hash")}

    def messages(self) -> list[Row]:
        """Of how many records of each topic but the detections it is made: `day, topic, records`."""
        return self._messages(self.ids)

    def standing(self) -> list[Row]:
        """The same of what readers see of its days now, and of how many valid detections."""
        first, last = self.days[0], self.days[-1]
        accounts = ask(self.client, "standing_accounts", estate=self.estate_id, first=first, last=last)
        valid: list[Row] = [(day, DETECTIONS.name, number) for day, _, number in accounts]
        return valid + self._messages([int(str(load)) for _, load, _ in accounts])

    def _messages(self, loads: Sequence[int]) -> list[Row]:
        return ask(self.client, "messages_of_loads", estate=self.estate_id, loads=loads)

    def switch(self, accounts: Sequence[Account]) -> None:
        """Make this load what readers see of its days: one block, one insert."""
        await_readers(self.client)
        self.client.execute(query("record_accounts"), list(accounts), settings=INSERT_SETTINGS)

    def _ask(self, name: str, table: str = "") -> list[Row]:
        return ask_tables(self.client, name, {"table": table}, estate=self.estate_id, loads=self.ids)


def _day(row: Row) -> date:
    day = row[0]
    assert isinstance(day, date)
    return day


def drop_stale(client: Client, estate_id: str) -> int:
    """Drop what no account names, of loads that were replaced or killed; returns how many loads, a table each."""
    asked = {table: ask_tables(client, "stale_loads", {"table": table}, estate=estate_id) for table in LOAD_TABLES}
    stale = {table: [(_day(row), int(str(row[1]))) for row in rows] for table, rows in asked.items() if rows}
    if stale:
        await_readers(client)
    for table, loads in stale.items():
        if table in RECORD_TABLES:
            for day, load in loads:
                ask_tables(client, "drop_partition", {"table": table}, estate=estate_id, day=day, load=load)
        else:
            ids = [load for _, load in loads]
            ask_tables(client, "delete_loads", {"table": table}, estate=estate_id, loads=ids)
    return sum(map(len, stale.values()))


def await_readers(client: Client, longest_s: float = READERS_WAIT_S) -> None:
    """Return when the readers' queries that run now have ended, at the latest after `longest_s`."""
    at_work = _readers(client)
    deadline_s = time.monotonic() + longest_s
    wait_until(lambda: time.monotonic() > deadline_s or not at_work & _readers(client), 2 * longest_s, "readers' end")


def _readers(client: Client) -> set[Row]:
    return set(ask(client, "readers_at_work", users=list(READERS)))
