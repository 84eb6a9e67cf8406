"""Evidence: a question, its parameters, what it read and what it answered; every number of a report lies in one.

The id is made of the query's name, its SQL and its parameters, so the same question about the same days has the same id
in every report. `verify.py` asks again and compares.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from decimal import Decimal
from queue import SimpleQueue
from typing import Final, TypeVar

import msgspec
from clickhouse_driver import Client
from msgspec import Struct, structs

from infra.events import derived_id
from infra.settings import Settings
from warehouse.access import LOAD_TABLES
from warehouse.client import connect, query
from warehouse.roll_ups import ROLL_UPS

Scalar = str | int | float | None
Parameter = str | int | list[str]
Row = dict[str, Scalar]
A = TypeVar("A")
B = TypeVar("B")

CONNECTIONS: Final = 3  # questions asked at once
PARAMETER: Final = re.compile(r"\{(\w+):")
TABLE: Final = re.compile(r"\b(?:FROM|JOIN) (\w+)")
# What each roll-up is made of; tables whose content the nightly hashes; tables in partitions of estate and day.
SOURCES: Final = {one.table: one.source for one in ROLL_UPS}
HASHED: Final = frozenset({"crossings", *(table for table, source in SOURCES.items() if source == "crossings")})
PARTITIONED: Final = frozenset({*LOAD_TABLES, *SOURCES})
OTHERS: Final = frozenset({"nightly_accounting", "funds", "incidents", "surveys", "spot_checks"})


class Answer(Struct, frozen=True):
    """What ClickHouse said: column names, rows of plain values, and how many rows it read for it."""

    columns: list[str]
    rows: list[list[Scalar]]
    rows_read: int


Ask = Callable[[str, Mapping[str, Parameter]], Answer]


class Read(Struct, frozen=True):
    """What was read: tables, and of those in day partitions the days, with a digest of their content hashes.

    `content_digest` is None where the tables have no content hash (all but crossings and what is made of them).
    """

    tables: list[str]
    estate: str
    first_day: str | None
    last_day: str | None
    content_digest: str | None


class Evidence(Struct, frozen=True):
    """One question and its answer. `label` is how the report cites it, e.g. E07; `address` where it stays."""

    id: str
    label: str
    query: str
    sql_sha256: str
    parameters: dict[str, Parameter]
    read: Read
    rows_read: int
    columns: list[str]
    rows: list[list[Scalar]]
    address: str = ""

    def records(self) -> list[Row]:
        """The answer's rows by column name."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def figures(self) -> int:
        """How many numbers it holds."""
        return sum(isinstance(value, int | float) for row in self.rows for value in row)

    @property
    def file(self) -> str:
        """Where its SQL is."""
        return f"warehouse/queries/{self.query}.sql"


def used_parameters(sql: str, offered: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """Those of `offered` that the SQL names, in the order of their names."""
    return {name: offered[name] for name in sorted(set(PARAMETER.findall(sql)))}


def evidence_id(name: str, sql: str, parameters: Mapping[str, Parameter]) -> str:
    """The id of a question: 32 hex digits."""
    return derived_id(name, sql, msgspec.json.encode(parameters, order="sorted").decode())


def gather(
    ask: Ask, names: tuple[str, ...], offered: Mapping[str, Parameter], hashes: Row, first: int = 1
) -> dict[str, Evidence]:
    """Ask each question; labels E01, E02, … follow the order of `names`. `hashes` is {day: content_hash}.

    `first` is the number of the first label.
    """

    def one(labelled: tuple[int, str]) -> Evidence:
        number, name = labelled
        return _gather_one(ask, name, f"E{number:02}", offered, hashes)

    return dict(zip(names, at_once(one, list(enumerate(names, start=first))), strict=True))


def at_once(work: Callable[[A], B], items: Sequence[A]) -> list[B]:
    """`work` of each item, in order, several at a time: what one waits for in ClickHouse, another uses."""
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        return list(threads.map(work, items))


def _gather_one(ask: Ask, name: str, label: str, offered: Mapping[str, Parameter], hashes: Row) -> Evidence:
    sql = query(name)
    parameters = used_parameters(sql, offered)
    answer = ask(sql, parameters)
    return Evidence(
        id=evidence_id(name, sql, parameters),
        label=label,
        query=name,
        sql_sha256=sql_digest(sql),
        parameters=parameters,
        read=what_is_read(sql, parameters, hashes),
        rows_read=answer.rows_read,
        columns=answer.columns,
        rows=answer.rows,
    )


def sql_digest(sql: str) -> str:
    """SHA-256 of the SQL, in hex."""
    return hashlib.sha256(sql.encode()).hexdigest()


def rows_digest(found: Evidence) -> str:
    """SHA-256 of the answer's rows as JSON, in hex."""
    return hashlib.sha256(msgspec.json.encode(found.rows)).hexdigest()


def content_hash(found: Evidence) -> str:
    """SHA-256 in hex of question and answer; not of how a report cites it, nor of its own address."""
    return hashlib.sha256(msgspec.json.encode(structs.replace(found, label="", address=""))).hexdigest()


def permanent_address(found: Evidence, base: str) -> str:
    """The address, below `base` (where people reach `anfang web`; empty: relative to it)."""
    return f"{base.rstrip('/')}/figures/{found.id}/{content_hash(found)}"


def addressed(evidence: Mapping[str, Evidence], base: str) -> dict[str, Evidence]:
    """The same evidence, each with its address."""
    return {name: structs.replace(found, address=permanent_address(found, base)) for name, found in evidence.items()}


def what_is_read(sql: str, parameters: Mapping[str, Parameter], hashes: Row) -> Read:
    """Tables and days that the SQL reads with these parameters."""
    tables = sorted(set(TABLE.findall(sql)) & (PARTITIONED | OTHERS))
    first, last = parameters.get("first"), parameters.get("last_disposition_day", parameters.get("last"))
    digest = derived_id(*(f"{day} {hashes[day]}" for day in sorted(hashes)))
    return Read(
        tables=tables,
        estate=str(parameters.get("estate", "")),
        first_day=str(first) if first and PARTITIONED & set(tables) else None,
        last_day=str(last) if first and PARTITIONED & set(tables) else None,
        content_digest=digest if HASHED & set(tables) else None,
    )


@contextmanager
def office_ask(settings: Settings) -> Iterator[Ask]:
    """A way to ask ClickHouse as the office, from any thread, for as long as the block lasts."""
    with ExitStack() as opened:
        free: SimpleQueue[Client] = SimpleQueue()
        for _ in range(CONNECTIONS):
            free.put(opened.enter_context(connect(settings, "office")))

        def ask(sql: str, parameters: Mapping[str, Parameter]) -> Answer:
            client = free.get()
            try:
                return _answer(client, sql, parameters)
            finally:
                free.put(client)

        yield ask


def _answer(client: Client, sql: str, parameters: Mapping[str, Parameter]) -> Answer:
    rows, columns = client.execute(sql, dict(parameters), with_column_types=True)
    progress = client.last_query.progress
    plain = [[plain_value(value) for value in row] for row in rows]
    return Answer([name for name, _ in columns], plain, int(progress.rows) if progress else 0)


def plain_value(value: object) -> Scalar:
    """A database value as a cell can hold it; NaN and infinities are no value, arrays and maps are JSON."""
    match value:
        case None | str() | int():
            return value
        case float() | Decimal():
            number = float(value)
            return number if number - number == 0 else None
        case datetime() | date():
            return value.isoformat()
        case list() | tuple() | dict():
            return msgspec.json.encode(value).decode()
        case _:
            raise TypeError(f"no plain form of {value!r}")
