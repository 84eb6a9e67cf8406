"""Migrations: numbered SQL files, applied once each, in order, forward only.

A file holds statements that end with `;` at the end of a line and can be run again (`IF NOT EXISTS`), since ClickHouse
has no transaction around them: a run that died half-way is finished by the next. What was applied is kept in the table
`schema_migrations` with the file's checksum; an applied file must not change.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from infra.errors import UserError
from infra.settings import Settings
from warehouse.access import grant_access
from warehouse.client import ask, connect, said

MIGRATIONS: Final = Path(__file__).parent / "migrations"
FILE_NAME: Final = re.compile(r"(\d{3})_([a-z0-9_]+)\.sql")


@dataclass(frozen=True)
class Migration:
    """One numbered file."""

    version: int
    name: str
    path: Path
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file, in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


class Applied(NamedTuple):
    """One row of `schema_migrations`."""

    version: int
    name: str
    checksum: str
    applied_at: datetime


def read_migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """The folder's migrations in order. Raises UserError for a file name or a number that does not fit."""
    migrations = [_read(path) for path in sorted(folder.glob("*.sql"))]
    for expected, migration in enumerate(migrations, start=1):
        if migration.version != expected:
            raise UserError(
                f"{migration.path}: expected number {expected:03}", "number the migrations 001, 002, … without a gap"
            )
    return migrations


def _read(path: Path) -> Migration:
    match = FILE_NAME.fullmatch(path.name)
    if match is None:
        raise UserError(f"{path}: expected a name such as 007_visitors.sql", "rename the file")
    return Migration(int(match[1]), match[2], path, path.read_text(encoding="utf-8"))


def statements(sql: str) -> list[str]:
    """The statements of a file: those that end with `;` at the end of a line, comment lines left out."""
    lines = [line for line in sql.splitlines() if not line.lstrip().startswith("--")]
    parts = re.split(r";[ \t]*$", "\n".join(lines), flags=re.MULTILINE)
    return [part.strip() for part in parts if part.strip()]


def pending(migrations: list[Migration], applied: list[Applied]) -> list[Migration]:
    """What is still to be applied. Raises UserError where an applied file changed or is gone."""
    files = {migration.version: migration for migration in migrations}
    for row in applied:
        file = files.pop(row.version, None)
        if file is None:
            raise UserError(
                f"migration {row.version:03}_{row.name} was applied but its file is gone",
                "run a version of anfang that is at least as new as the database",
            )
        if file.checksum != row.checksum:
            raise UserError(
                f"{file.path} changed after it was applied on {row.applied_at:%Y-%m-%d}",
                "put the file back as it was and write the change as a new migration "
                "(or, where the data may go, drop the database and migrate again)",
            )
    return list(files.values())


def applied_migrations(client: Client) -> list[Applied]:
    """What `schema_migrations` says; nothing where the database is new."""
    return [msgspec.convert(row, Applied) for row in ask(client, "applied_migrations")]


def migrate(settings: Settings, estates: tuple[str, ...]) -> list[Migration]:
    """Create the database, apply what is missing, give the roles access (readers to `estates` only).

    Returns the migrations that were applied. Running it again changes nothing.
    """
    migrations = read_migrations()
    with connect(settings, "migrator", database="") as client:
        ask(client, "create_database", database=settings.clickhouse_database)
    with connect(settings, "migrator") as client:
        ask(client, "create_schema_migrations")
        todo = pending(migrations, applied_migrations(client))
        for migration in todo:
            _apply(client, migration)
        databases = [str(name) for (name,) in ask(client, "databases")]
    grant_access(settings, databases, estates)
    return todo


def _apply(client: Client, migration: Migration) -> None:
    for statement in statements(migration.sql):
        try:
            client.execute(statement)
        except ServerException as error:
            problem = f"{migration.path}: ClickHouse says: {said(error)}"
            raise UserError(problem, "mend the file and migrate again") from error
    ask(
        client,
        "record_migration",
        version=migration.version,
        name=migration.name,
        checksum=migration.checksum,
    )
