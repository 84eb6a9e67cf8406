"""The commands `anfang retention …`."""

import typer

from infra.configured import SiteOption, configured
from infra.errors import UserError

retention = typer.Typer(
    name="retention", help="How long what is kept: delete what is due, and prove it.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add these commands to the root command."""
    app.add_typer(retention)


@retention.command()
def run(site: SiteOption = None) -> None:
    """Delete what is older than allowed, and bring the read log up to date.

    Example: anfang retention run
    """
    from batch import retention as room
    from infra.clock import SystemClock

    settings, estate = configured(site)
    for line in room.run(settings, estate, SystemClock()) or ["nothing was due"]:
        typer.echo(line)


@retention.command()
def prove(site: SiteOption = None) -> None:
    """Show what is oldest in each store, write it down, and end with 1 where something is older than allowed.

    Example: anfang retention prove
    """
    from rich.console import Console
    from rich.table import Table

    from batch import retention as room
    from infra.clock import SystemClock

    settings, estate = configured(site)
    found, today = room.prove(settings, estate, SystemClock())
    table = Table(title=f"what is oldest, {today}", pad_edge=False)
    for title in ("store", "oldest", "may be days old", "kept to"):
        table.add_column(title)
    for store in found:
        kept = "yes" if store.kept_to(today) else "NO"
        table.add_row(store.name, str(store.oldest or "empty"), str(store.allowed_days), kept)
    Console().print(table)
    if wrong := room.broken(found, today):
        raise UserError(
            f"older than allowed: {', '.join(store.name for store in wrong)}",
            "run `anfang retention run`; Kafka deletes some minutes later (with keep_all_history it never does)",
        )
