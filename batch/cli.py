"""The commands of this room: `anfang nightly`, `archive`, `retention`, `schedule`, `trends`."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import batch.archive_cli
import batch.retention_cli
import batch.schedule_cli
import batch.trends.cli
from infra.configured import SiteOption, configured
from infra.errors import UserError

if TYPE_CHECKING:
    from batch.accounting import DayAccount
    from batch.nightly import Fewer
    from batch.passes import DayPlan, Pass
    from batch.source import SourceName
    from infra.settings import Settings
    from infra.site import Site

DAY_FORMAT = ["%Y-%m-%d"]
FAR_DAY = date(2100, 1, 1)
Date = Annotated[
    datetime | None, typer.Option("--date", formats=DAY_FORMAT, help="first local day; default: yesterday")
]
Days = Annotated[int, typer.Option(min=1, max=400, help="how many days from --date on")]
Backfill = Annotated[
    tuple[datetime, datetime] | None,
    typer.Option("--backfill", metavar="FROM TO", formats=DAY_FORMAT, help="all local days from one to the other"),
]
Again = Annotated[int, typer.Option("--again", min=0, max=400, help="the last N days, where anything changed")]
From = Annotated[Literal["auto", "kafka", "archive"], typer.Option("--from", help="auto: Kafka while it holds the day")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="only say what would be loaded")]
Archive = Annotated[bool, typer.Option("--archive/--no-archive", help="archive what Kafka held of the days")]
FewerRecords = Annotated[
    bool, typer.Option("--fewer", help="load days, too, that have fewer records than they stand on")
]
Master = Annotated[str, typer.Option(help="Spark master")]


def register(app: typer.Typer) -> None:
    """Add this room's commands to the root command."""
    app.command()(nightly)
    batch.archive_cli.register(app)
    batch.retention_cli.register(app)
    app.command()(batch.schedule_cli.schedule)
    batch.trends.cli.register(app)


def nightly(  # noqa: PLR0917 one option each
    first: Date = None,
    days: Days = 1,
    backfill: Backfill = None,
    again: Again = 0,
    wanted: From = "auto",
    dry_run: DryRun = False,
    archive: Archive = True,
    fewer: FewerRecords = False,
    site: SiteOption = None,
    master: Master = "local[2]",
) -> None:
    """Load whole days into ClickHouse: judged, de-duplicated, accounted for. Repeatable.

    Then it says which cameras lost envelopes, by the gaps in their numbers, and publishes what is usual on each line
    (topic `baselines`), once two weeks are loaded.

    Example: anfang nightly --date 2026-03-01 --days 7
    """
    from batch.passes import archive_missing, passes, plan, sourced
    from infra.clock import SystemClock

    settings, estate = configured(site)
    asked = _days(first, days, backfill, again, estate)
    found, lacking = sourced(settings, estate, asked, wanted, SystemClock())
    for problem in lacking:
        typer.echo(problem, err=True)
    if lacking and not again:
        raise UserError(f"{len(lacking)} of {len(asked)} days are not there", "nothing was changed; leave them out")
    chosen = _changed(settings, estate, asked[0], found, wanted, master) if again else found
    # Those from Kafka first: they are archived then, and what they tell of older days with them.
    todo = sorted(passes(chosen), key=lambda one: one.source != "kafka")
    if dry_run:
        _print_plan(plan(settings, estate, todo, master=master))
        return
    if not todo:
        typer.echo("nothing to load: all days are loaded as they are")
    rule: Fewer = "load" if fewer else "leave" if again else "refuse"
    loaded = _load(settings, estate, todo, master, archive, rule)
    if again and archive and settings.archive_days:
        for day in archive_missing(
            settings, estate, [day for day, source in found if source == "kafka"], master=master
        ):
            typer.echo(f"{day}: archived")
    _tell(settings, estate, sorted({*asked, *loaded}), loaded)


def _changed(  # noqa: PLR0917
    settings: "Settings",
    site: "Site",
    before: date,
    found: "list[tuple[date, SourceName]]",
    wanted: From,
    master: str,
) -> "list[tuple[date, SourceName]]":
    """Of the days those that are to be loaded again, and older ones of which more was told since; says why."""
    from batch.passes import changed_days, passes, sourced, told_later
    from infra.clock import SystemClock

    why = changed_days(settings, site, passes(found), master=master)
    older = [] if wanted == "archive" else told_later(settings, site, before, master=master)
    old, _ = sourced(settings, site, older, wanted, SystemClock())  # what is gone stays as it is
    why |= {day: "more was told of its alerts" for day, _ in old}
    for day, reason in sorted(why.items()):
        typer.echo(f"{day}: {reason}")
    return [(day, source) for day, source in (*old, *found) if day in why]


def _days(
    first: datetime | None, days: int, backfill: tuple[datetime, datetime] | None, again: int, site: "Site"
) -> list[date]:
    """The days that the options ask for. Raises UserError where they ask for two things."""
    from datetime import timedelta

    from batch.passes import days_between, last_days
    from infra.clock import SystemClock

    if sum((first is not None, backfill is not None, again > 0)) > 1:
        raise UserError("--date, --backfill and --again ask for different days", "give one of them")
    if backfill:
        return days_between(backfill[0].date(), backfill[1].date())
    if again or first is None:
        return last_days(again or days, SystemClock(), site)
    return [first.date() + timedelta(days=n) for n in range(days)]


def _load(  # noqa: PLR0917
    settings: "Settings", site: "Site", todo: "list[Pass]", master: str, archive: bool, fewer: "Fewer"
) -> list[date]:
    """Load the passes and print what became of their records; returns the days that were loaded."""
    from batch.nightly import run
    from batch.progress import shown

    accounts = []
    with shown(len(todo)) as progress:
        for number, one in enumerate(todo):
            accounts += run(
                settings,
                site,
                one.first,
                one.days,
                wanted=one.source,
                archive=archive,
                fewer=fewer,
                master=master,
                progress=progress(number),
            )
    if accounts:
        _print(sorted(accounts, key=lambda account: account.day))
    return [account.day for account in accounts]


def _tell(settings: "Settings", site: "Site", days: list[date], loaded: list[date]) -> None:
    """Tell of the days what is not told yet, and publish what is usual: also what an earlier run could not."""
    from msgspec import convert

    from batch.publish_baselines import publish_baselines
    from batch.reconcile import tell
    from infra.clock import SystemClock
    from warehouse.client import ask, connect

    with connect(settings, "loader") as client:
        for state in tell(settings, site, client, days, SystemClock()):
            typer.echo(f"alert {state.status}: {state.explanation}")
    estate = site.estate.id
    with connect(settings, "analyst") as client:
        for day, camera, envelopes, expected in ask(
            client, "lost_by_camera", estate=estate, first=days[0], last=days[-1]
        ):
            if day in loaded:
                typer.echo(f"{day}: {camera} lost {envelopes} of {expected} envelopes")
        known = ask(client, "days_loaded", estate=estate, first=days[0], last=FAR_DAY)
        published = publish_baselines(settings, site, client, convert(known[-1][0], date)) if known else 0
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


def _print_plan(planned: "list[DayPlan]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="what would be loaded; nothing was written", pad_edge=False)
    table.add_column("day", no_wrap=True)
    for title in ("from", "stands there"):
        table.add_column(title)
    for title in ("raw", "valid", "dupl.", "dead", "late", "rows"):
        table.add_column(title, justify="right")
    for one in planned:
        counts = (one.raw, one.valid, one.duplicates, one.dead_letters, one.late, sum(one.rows.values()))
        stands = "replaced" if one.loaded else "nothing yet"
        table.add_row(str(one.day), one.source, stands, *(f"{count:,}" for count in counts))
    Console().print(table)
