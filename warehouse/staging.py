"""Staging tables and the swap: a reader sees a day's old partition or its new one, never half of either."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from clickhouse_driver import Client

from warehouse.client import Row, ask_tables


@dataclass(frozen=True)
class Staging:
    """The staging tables of one run, `TABLE_staging_RUN`; `run` is hexadecimal."""

    client: Client
    run: str
    estate_id: str

    def name(self, table: str) -> str:
        """The staging table that stands before `table`."""
        return f"{table}_staging_{self.run}"

    def create(self, tables: Iterable[str]) -> None:
        """Make an empty staging table for each of `tables`."""
        for table in tables:
            self._ask("create_staging", table)

    def rows(self, table: str) -> dict[date, int]:
        """Rows by local day."""
        return self.by_day("staged_days", table)

    def by_day(self, query: str, table: str) -> dict[date, int]:
        """A named query's number by local day, asked of the staging table."""
        places = {"table": self.name(table)}
        return {_day(row): int(str(row[1])) for row in ask_tables(self.client, query, places, estate=self.estate_id)}

    def crossings_hash(self) -> dict[date, str]:
        """Fingerprint of each day's crossings."""
        rows = ask_tables(self.client, "crossings_hash", {"table": self.name("crossings")}, estate=self.estate_id)
        return {_day(row): str(row[1]) for row in rows}

    def swap(self, table: str, day: date, *, empty: bool) -> None:
        """Put the staged day in the place of the table's; where nothing is staged, clear the table's."""
        query = "drop_partition" if empty else "replace_partition"  # REPLACE refuses an empty source
        self._ask(query, table, estate=self.estate_id, day=day)

    def drop(self, tables: Iterable[str]) -> None:
        """Drop this run's staging tables."""
        for table in tables:
            ask_tables(self.client, "drop_table", {"table": self.name(table)})

    def _ask(self, query: str, table: str, **parameters: str | date) -> list[Row]:
        return ask_tables(self.client, query, {"table": table, "staging": self.name(table)}, **parameters)


def _day(row: Row) -> date:
    day = row[0]
    assert isinstance(day, date)
    return day


def drop_leftovers(client: Client) -> list[str]:
    """Drop the staging tables that a killed run left; returns their names."""
    names = [str(name) for (name,) in ask_tables(client, "staging_tables", {})]
    for name in names:
        ask_tables(client, "drop_table", {"table": name})
    return names
