"""Backup and restore of the warehouse with ClickHouse's own BACKUP and RESTORE, proved by comparing contents.

A backup is one folder of ClickHouse's format. Beside it lies `NAME.json` with rows and content hash of each table as
the backup itself has them: it is restored once into a scratch database and read from there, so a backup that cannot be
restored is told when it is made, and one that was damaged since is told when it is restored.
The local stack's backups lie in `clickhouse/backups/` of the home; a configured server needs `backups.allowed_path`.
"""

import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException
from msgspec import Struct

from infra.errors import UserError
from infra.local.clickhouse import backups_folder
from infra.local.files import write_private
from infra.settings import Settings
from warehouse.client import ask, ask_tables, connect, identifier, said

NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}")


class Content(Struct, frozen=True):
    """What a table holds: rows, and a hash over them whatever their order."""

    rows: int
    content_hash: str


Contents = dict[str, Content]


class Backup(Struct, frozen=True, kw_only=True):
    """What was backed up, and what is in it."""

    name: str
    database: str
    made_at: datetime
    tables: Contents


def contents(client: Client, database: str) -> Contents:
    """Every table of a database with what it holds."""
    tables = [str(name) for (name,) in ask(client, "tables_of", database=database)]
    return {table: _content(client, database, table) for table in tables}


def _content(client: Client, database: str, table: str) -> Content:
    ((rows, content_hash),) = ask_tables(client, "content_of_table", {"database": database, "table": table})
    return Content(int(str(rows)), str(content_hash))


def backup(settings: Settings, name: str) -> Backup:
    """Back the database up under a name that is not taken, and read it back once."""
    path = _place(settings, name)
    if path.exists() or _note(path).exists():
        raise UserError(f"there is a backup {name} already", "give another name, or delete that one")
    with connect(settings, "migrator") as client:
        _run(client, "backup_database", settings.clickhouse_database, path)
        scratch = f"anfang_scratch_{secrets.token_hex(4)}"
        try:
            _run(client, "restore_database", settings.clickhouse_database, path, scratch)
            found = contents(client, scratch)
        finally:
            ask_tables(client, "drop_database", {"database": scratch})
    made = Backup(name=name, database=settings.clickhouse_database, made_at=datetime.now(UTC), tables=found)
    write_private(_note(path), msgspec.json.format(msgspec.json.encode(made), indent=2))
    return made


def restore(settings: Settings, name: str, database: str) -> Contents:
    """Bring a backup back as `database`, which must not exist; raises UserError where it is not what was backed up.

    What came back other than it was stays there, for looking at.
    """
    path = _place(settings, name)
    if not _note(path).exists():
        raise UserError(f"no backup {name} ({_note(path)})", f"there are: {', '.join(names(settings)) or 'none'}")
    made = msgspec.json.decode(_note(path).read_bytes(), type=Backup)
    if not identifier(database).startswith("anfang"):
        raise UserError(f"--as {database}: expected a name that begins with anfang", "give another name")
    with connect(settings, "migrator", database="") as client:
        if (database,) in ask(client, "databases"):
            raise UserError(
                f"the database {database} exists",
                "restore under another name, then name that in ANFANG_CLICKHOUSE_DATABASE",
            )
        _run(client, "restore_database", made.database, path, database)
        found = contents(client, database)
    if wrong := sorted(table for table in {*made.tables, *found} if made.tables.get(table) != found.get(table)):
        raise UserError(f"restored, but other than backed up: {', '.join(wrong)}", "do not use it; take another backup")
    return found


def names(settings: Settings) -> list[str]:
    """The backups that there are."""
    return sorted(path.stem for path in backups_folder(settings).glob("*.json"))


def _place(settings: Settings, name: str) -> Path:
    if not NAME.fullmatch(name):
        raise UserError(f"{name!r} is no name for a backup", "use letters, digits, '.', '_' and '-'")
    return backups_folder(settings) / name


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _run(client: Client, query_name: str, database: str, path: Path, restored: str = "") -> None:
    places = {"database": database, "restored": restored or database}
    try:
        ask_tables(client, query_name, places, path=str(path))
    except ServerException as error:
        raise UserError(
            f"ClickHouse says: {said(error)}", "look at the disk and at `anfang logs clickhouse`"
        ) from error
