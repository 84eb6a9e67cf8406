"""The commands `anfang archive …`."""

from datetime import date, datetime
from typing import Annotated

import typer

from infra.configured import SiteOption, configured
from infra.errors import UserError

archive = typer.Typer(
    name="archive", help="The raw records of each day, as evidence and for re-runs.", no_args_is_help=True
)

Date = Annotated[datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="first local day")]
Days = Annotated[int, typer.Option(min=1, max=400, help="how many days")]
OneDay = Annotated[datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="one day; default: all")]
Master = Annotated[str, typer.Option(help="Spark master")]


def register(app: typer.Typer) -> None:
    """Add these commands to the root command."""
    app.add_typer(archive)


@archive.command()
def write(first: Date, days: Days = 1, site: SiteOption = None, master: Master = "local[2]") -> None:
    """Archive what Kafka holds of some days, by the time it came; the nightly does so by itself.

    Example: anfang archive write --date 2026-03-01 --days 7
    """
    from datetime import timedelta

    from batch.passes import archive_alone

    settings, estate = configured(site)
    asked = [first.date() + timedelta(days=n) for n in range(days)]
    written = archive_alone(settings, estate, asked, master=master)
    for manifest in written:
        typer.echo(f"{manifest.day}: {manifest.records} records in {len(manifest.files)} files, {manifest.sha256}")
    if left := sorted(set(asked) - {manifest.day for manifest in written}):
        raise UserError(
            f"not archived: {', '.join(map(str, left))}: not over yet, or Kafka has dropped a part", "leave them out"
        )


@archive.command(name="list")
def list_days(site: SiteOption = None) -> None:
    """Show which days are archived, in how many files and bytes, and their hashes.

    Example: anfang archive list
    """
    from batch.archive import archived_days, day_folder, read_manifest

    settings, estate = configured(site)
    for day in archived_days(settings, estate):
        manifest = read_manifest(day_folder(settings, estate, day))
        size_mb = sum(file.bytes for file in manifest.files) / 1e6
        typer.echo(
            f"{day}  {manifest.records} records  {len(manifest.files)} files  {size_mb:.1f} MB  {manifest.sha256}"
        )


@archive.command()
def verify(day: OneDay = None, site: SiteOption = None) -> None:
    """Compare every archived file with the hash that was written down; exit code 1 where one differs, naming it.

    Example: anfang archive verify
    """
    from batch.archive import archived_days, verify_day

    settings, estate = configured(site)
    days: list[date] = [day.date()] if day else archived_days(settings, estate)
    problems = [problem for one in days for problem in verify_day(settings, estate, one)]
    for problem in problems:
        typer.echo(problem, err=True)
    if problems:
        raise UserError(f"{len(problems)} problems in the archive", "bring these files back from a backup of it")
    typer.echo(f"{len(days)} days are as they were written")
