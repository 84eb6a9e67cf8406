"""Connections to ClickHouse by role, and the named queries in `warehouse/queries/`.

A query is a file that answers one question; its values are ClickHouse's own parameters `{name:Type}`, which the server
fills in, so no value ever becomes part of the SQL text.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Final, Literal

from clickhouse_driver import Client
from clickhouse_driver.errors import Error, NetworkError, ServerException

from infra.errors import UserError
from infra.queries import sql_reader
from infra.settings import Settings

Role = Literal["migrator", "loader", "analyst", "office", "auditor"]
Value = str | int | float | date | datetime
Parameter = Value | Sequence[Value]
Row = tuple[object, ...]

QUERIES: Final = Path(__file__).parent / "queries"
query: Final = sql_reader(QUERIES)
"""The SQL of `warehouse/queries/NAME.sql`."""
IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PLACE: Final = re.compile(r"\{(\w+):Identifier\}")
CONNECT_TIMEOUT_S: Final = 5
ANSWER_TIMEOUT_S: Final = 300
UNKNOWN_DATABASE: Final = 81
AUTHENTICATION_FAILED: Final = 516


@dataclass(frozen=True)
class Access:
    """All that a process elsewhere (a Spark executor) needs in order to connect."""

    host: str
    port: int
    http_port: int
    role: Role
    database: str
    password: str = field(repr=False)


def password(settings: Settings, role: Role) -> str:
    """The role's password, generated on first use."""
    return settings.secret(f"clickhouse_{role}")


def access(settings: Settings, role: Role, database: str | None = None) -> Access:
    """How `role` connects to the configured database (or `database`)."""
    host, port = settings.clickhouse_address()
    _, http_port = settings.clickhouse_http_address()
    where = settings.clickhouse_database if database is None else database
    return Access(host, port, http_port, role, where, password(settings, role))


def connect(settings: Settings, role: Role, *, database: str | None = None) -> Client:
    """An open connection as `role`.

    Raises UserError with the address when ClickHouse does not answer, the role is not known there or the database is
    missing. Close it, or use it in a `with` statement.
    """
    return open_client(access(settings, role, database))


def open_client(to: Access) -> Client:
    """An open connection. Raises UserError as `connect` does."""
    client = Client(
        to.host,
        to.port,
        user=to.role,
        password=to.password,
        database=to.database,
        connect_timeout=CONNECT_TIMEOUT_S,
        send_receive_timeout=ANSWER_TIMEOUT_S,
        settings={"server_side_params": True},
    )
    try:
        client.connection.connect()
    except (Error, EOFError, OSError) as error:
        raise _refused(error, to) from error
    return client


def _refused(error: Exception, to: Access) -> UserError:
    address = f"{to.host}:{to.port}"
    if isinstance(error, ServerException) and not isinstance(error, NetworkError):
        migrate = "run `anfang warehouse migrate` (with the ANFANG_HOME that ClickHouse was started with)"
        remedy = migrate if error.code in (UNKNOWN_DATABASE, AUTHENTICATION_FAILED) else "look at `anfang logs`"
        return UserError(f"ClickHouse at {address} refused {to.role}: {said(error)}", remedy)
    return UserError(
        f"ClickHouse did not answer at {address} ({error or type(error).__name__})",
        "start it with `anfang up`, or set ANFANG_CLICKHOUSE_HOST and _PORT to an address that can be reached",
    )


def said(error: ServerException) -> str:
    """ClickHouse's own words, without its stack trace."""
    return str(error.message).split("Stack trace")[0].strip()


def ask(client: Client, name: str, /, **parameters: Parameter) -> list[Row]:
    """Rows that answer the named query."""
    rows: list[Row] = client.execute(query(name), parameters)
    return rows


def ask_columns(client: Client, name: str, /, **parameters: Parameter) -> dict[str, Sequence[object]]:
    """The answer to the named query as columns by name."""
    columns, types = client.execute(query(name), parameters, with_column_types=True, columnar=True)
    names = [column for column, _ in types]
    return dict(zip(names, columns or [[] for _ in names], strict=True))


def ask_tables(client: Client, name: str, tables: Mapping[str, str], /, **parameters: Parameter) -> list[Row]:
    """As `ask`, for a query that names tables as `{place:Identifier}` where the server would not take a parameter."""
    rows: list[Row] = client.execute(placed(name, tables), parameters)
    return rows


def placed(name: str, tables: Mapping[str, str]) -> str:
    """The SQL of the named query with its `{place:Identifier}` filled in."""
    return PLACE.sub(lambda place: identifier(tables[place[1]]), query(name))


def identifier(name: str) -> str:
    """`name`, if it is a plain table or column name."""
    if not IDENTIFIER.fullmatch(name):
        raise ValueError(f"not a plain name: {name!r}")
    return name
