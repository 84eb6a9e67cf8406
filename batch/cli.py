"""The commands of this room: `anfang nightly`; and `anfang trends`."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

import batch.trends.cli
from infra.configured import SiteOption, configured

if TYPE_CHECKING:
    from batch.accounting import DayAccount

Date = Annotated[datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="first local day of the estate to load")]
Days = Annotated[int, typer.Option(min=1, max=400, help="how many days, in one pass")]
Master = Annotated[str, typer.Option(help="Spark master")]


def register(app: typer.Typer) -> None:
    """Add this room's commands to the root command."""
    app.command()(nightly)
    batch.trends.cli.register(app)


def nightly(first: Date, days: Days = 1, site: SiteOption = None, master: Master = "local[2]") -> None:
    """Load whole days from Kafka into ClickHouse: judged, de-duplicated, accounted for. Repeatable.

    Then it says which cameras lost envelopes, by the gaps in their numbers, and publishes what is usual on each line
    (topic `baselines`), once two weeks are loaded.

    Example: anfang nightly --date 2026-03-01 --days 7
    """
    from rich.console import Console
    from rich.progress import Progress

    from batch.nightly import run
    from batch.publish_baselines import publish_baselines
    from warehouse.client import ask, connect

    settings, estate = configured(site)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("nightly", total=None)
        accounts = run(
            settings,
            estate,
            first.date(),
            days,
            master=master,
            progress=lambda step, number, steps: bar.update(task, description=step, completed=number, total=steps),
        )
    _print(accounts)
    with connect(settings, "analyst") as client:
        first_day, last_day = accounts[0].day, accounts[-1].day
        lost = ask(client, "lost_by_camera", estate=estate.estate.id, first=first_day, last=last_day)
        published = publish_baselines(settings, estate, client, last_day)
    for day, camera, envelopes, expected in lost:
        typer.echo(f"{day}: {camera} lost {envelopes} of {expected} envelopes")
    typer.echo(f"{published} baselines published")


def _print(accounts: "list[DayAccount]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="raw = valid + duplicates + dead letters", pad_edge=False)
    table.add_column("day", no_wrap=True)
    for title in ("raw", "valid", "dupl.", "dead", "late", "crossings", "alerts", "s"):
        table.add_column(title, justify="right")
    for a in accounts:
        counts = (a.raw, a.valid, a.duplicates, a.dead_letters, a.late, a.crossings, a.alerts)
        table.add_row(str(a.day), *(f"{count:,}" for count in counts), f"{a.seconds:.1f}")
    Console().print(table)
