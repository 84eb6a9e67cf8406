"""Commands of the warehouse: migrate, status, access, ask; and the office's ledgers."""

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


def register(app: typer.Typer) -> None:
    """Add this room's commands to the root command."""
    app.add_typer(warehouse)
    app.add_typer(ledger)


@warehouse.command()
def migrate(site: SiteOption = None) -> None:
    """Create or update the tables, and give the roles access to the site's estate.

    Example: anfang warehouse migrate
    """
    from warehouse.migrate import migrate as run

    settings, estate = configured(site)
    applied = run(settings, (estate.estate.id,))
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
    kind: Annotated[Literal["funds", "incidents", "survey", "spot_checks"], typer.Argument(help="which ledger")],
    file: Annotated[Path, typer.Argument(help="CSV with a header row, UTF-8 or GBK")],
    site: SiteOption = None,
) -> None:
    """Import a CSV file; entries that changed get their next version, nothing is overwritten.

    Example: anfang ledger import incidents incidents.csv
    """
    from datetime import UTC

    from warehouse.client import connect
    from warehouse.ledger import import_ledger

    settings, estate = configured(site)
    with connect(settings, "office") as client:
        done = import_ledger(client, kind, file, estate, datetime.now(UTC))
    typer.echo(f"{kind}: {done.new} new, {done.changed} changed, {done.unchanged} unchanged")
