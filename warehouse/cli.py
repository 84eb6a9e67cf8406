"""Commands of the warehouse: migrate, status, access, ask, read-log, backup, restore; and the office's ledgers."""

import csv
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from infra.configured import SiteOption, configured
from infra.settings import load_settings

warehouse = typer.Typer(name="warehouse", help="ClickHouse: tables and access.", no_args_is_help=True)
ledger = typer.Typer(name="ledger", help="The office's ledgers: funds, incidents, surveys, spot checks.")

KindArgument = Annotated[Literal["funds", "incidents", "survey", "spot_checks"], typer.Argument(help="which ledger")]
EntryOption = Annotated[str, typer.Option("--entry", help="the id of one entry")]
WhyOption = Annotated[str, typer.Option("--why", help="the reason, kept in the history; needed for corrections")]
ByOption = Annotated[str, typer.Option("--by", help="who says so; default: the name of the system's user")]


def register(app: typer.Typer) -> None:
    """Add this room's commands to the root command."""
    app.add_typer(warehouse)
    app.add_typer(ledger)


@warehouse.command()
def migrate(site: SiteOption = None) -> None:
    """Create or update the tables, give the roles access to the site's estate, and note the site file's names.

    Example: anfang warehouse migrate
    """
    from datetime import UTC

    from warehouse.client import connect
    from warehouse.estate import record_site
    from warehouse.migrate import migrate as run
    from warehouse.roll_ups import roll_up_missing

    settings, estate = configured(site)
    applied = run(settings, (estate.estate.id,))
    with connect(settings, "loader") as client:
        record_site(client, estate, datetime.now(UTC))
        roll_up_missing(client, estate.estate.id, estate.estate.timezone)
    names = ", ".join(f"{migration.version:03}_{migration.name}" for migration in applied)
    typer.echo(f"applied to {settings.clickhouse_database}: {names or 'nothing, all was there'}")


@warehouse.command()
def status() -> None:
    """Show which migrations were applied and which are still to be.

    Example: anfang warehouse status
    """
    from warehouse.client import connect
    from warehouse.migrate import applied_migrations, pending, read_migrations

    with connect(load_settings(), "migrator") as client:
        applied = applied_migrations(client)
    for row in applied:
        typer.echo(f"{row.version:03}_{row.name}  applied {row.applied_at:%Y-%m-%d %H:%M:%S} UTC")
    for migration in pending(read_migrations(), applied):
        typer.echo(f"{migration.version:03}_{migration.name}  pending")


@warehouse.command()
def access(site: SiteOption = None) -> None:
    """Print the users file with our roles, for `users.d/` of an ordinary ClickHouse server.

    Example: anfang warehouse access > /etc/clickhouse-server/users.d/anfang_roles.xml
    """
    from warehouse.access import render

    settings, estate = configured(site)
    typer.echo(render(settings, {settings.clickhouse_database: (estate.estate.id,)}), nl=False)


@warehouse.command()
def backup(name: Annotated[str, typer.Argument(help="of the backup, not taken yet")]) -> None:
    """Back the whole database up, and read it back once to be sure.

    Example: anfang warehouse backup 2026-03-01
    """
    from warehouse.backup import backup as run

    made = run(load_settings(), name)
    rows = sum(table.rows for table in made.tables.values())
    typer.echo(f"{name}: {rows} rows of {len(made.tables)} tables, restored once and compared")


@warehouse.command()
def restore(
    name: Annotated[str, typer.Argument(help="of the backup")],
    database: Annotated[str, typer.Option("--as", help="a database that does not exist, anfang…")],
) -> None:
    """Bring a backup back as a database of its own, and compare each table's content with what was backed up.

    Example: anfang warehouse restore 2026-03-01 --as anfang_restored
    """
    from warehouse.backup import restore as run

    found = run(load_settings(), name, database)
    rows = sum(table.rows for table in found.values())
    typer.echo(f"{database}: {rows} rows of {len(found)} tables, equal to what was backed up")


@warehouse.command(name="read-log")
def read_log(rows: Annotated[int, typer.Option(min=1, max=100_000, help="how many, newest first")] = 20) -> None:
    """Show who read person-related tables, or was refused, as the auditor sees it.

    Example: anfang warehouse read-log --rows 100
    """
    from warehouse.read_log import collect_reads, latest_reads

    settings = load_settings()
    collect_reads(settings)
    for read in latest_reads(settings, rows):
        what = "REFUSED" if read.refused else f"{', '.join(read.tables)} ({read.read_rows} rows)"
        sql = " ".join(read.query.split())[:100]
        typer.echo(f"{read.event_time:%Y-%m-%d %H:%M:%S} UTC  {read.user} at {read.address}  {what}  {sql}")


@warehouse.command()
def ask(
    query: Annotated[Literal["dwell", "flow_matrix", "peak_turnover", "unique_visitors"], typer.Argument(help="which")],
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="first local day")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="last local day")],
    site: SiteOption = None,
) -> None:
    """Answer a question about the site's zones as CSV; docs/warehouse.md says what each answer means.

    Example: anfang warehouse ask flow_matrix --from 2026-03-01 --to 2026-03-07
    """
    from warehouse.client import ask_columns, connect
    from warehouse.estate import estate_parameters

    settings, estate = configured(site)
    with connect(settings, "analyst") as client:
        columns = ask_columns(client, query, **estate_parameters(estate), first=first.date(), last=last.date())
    writer = csv.writer(sys.stdout)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))


@ledger.callback()
def _ledgers() -> None:
    """The office's ledgers: funds, incidents, surveys, spot checks."""


@ledger.command(name="import")
def import_file(
    kind: KindArgument,
    file: Annotated[Path, typer.Argument(help="CSV (UTF-8 or GBK) or XLSX with a header row")],
    why: WhyOption = "",
    by: ByOption = "",
    site: SiteOption = None,
) -> None:
    """Import a CSV or XLSX file; entries that changed get their next version, nothing is overwritten.

    Example: anfang ledger import incidents incidents.csv
    """
    from datetime import UTC
    from getpass import getuser

    from warehouse.client import connect
    from warehouse.ledger import import_ledger

    settings, estate = configured(site)
    with connect(settings, "office") as client:
        done = import_ledger(client, kind, file, estate, datetime.now(UTC), by=by or getuser(), why=why)
    typer.echo(f"{kind}: {done.new} new, {done.changed} changed, {done.unchanged} unchanged")


@ledger.command()
def history(kind: KindArgument, entry: EntryOption = "", site: SiteOption = None) -> None:
    """Show what was imported into a ledger, by whom, when and why; or every version of one entry.

    Example: anfang ledger history funds
    """
    from msgspec.structs import astuple
    from rich.console import Console
    from rich.table import Table

    from warehouse.client import connect
    from warehouse.ledger import entry_history, history

    settings, estate = configured(site)
    with connect(settings, "office") as client:
        if entry:
            columns, rows = entry_history(client, kind, estate.estate.id, entry)
            shown = [tuple(map(str, row)) for row in rows]
        else:
            columns = ["import", "at (UTC)", "by", "why", "new", "changed", "taken out"]
            shown = [tuple(map(_brief, astuple(found))) for found in history(client, kind, estate.estate.id)]
    table = Table(*columns)
    for row in shown:
        table.add_row(*row)
    Console().print(table if shown else f"{kind}: nothing was imported")


@ledger.command()
def undo(
    kind: KindArgument,
    import_id: Annotated[str, typer.Option("--import", help="which one, as `history` shows; default: the last")] = "",
    why: WhyOption = "",
    by: ByOption = "",
    site: SiteOption = None,
) -> None:
    """Take back an import: what it changed is as before, what it added is taken out; the history keeps both.

    Example: anfang ledger undo funds
    """
    from datetime import UTC
    from getpass import getuser

    from warehouse.client import connect
    from warehouse.ledger import Note, undo

    settings, estate = configured(site)
    with connect(settings, "office") as client:
        done = undo(client, kind, estate, Note(datetime.now(UTC), by or getuser(), why), import_id)
    typer.echo(f"{kind}: {done.new} taken out, {done.changed} as before")


def _brief(value: object) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else str(value)
