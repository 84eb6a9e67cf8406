"""The commands `anfang trends` and `anfang trends page`."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from infra.configured import SiteOption, configured
from infra.errors import UserError

if TYPE_CHECKING:
    from batch.trends.study import Trend
    from infra.settings import Settings
    from infra.site import Site

trends = typer.Typer(name="trends")

FromDay = Annotated[
    datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="first day that the ledger tells of")
]
ToDay = Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="last day that it tells of")]
Kinds = Annotated[list[str] | None, typer.Option("--kind", help="give it again for more; default: all five")]
StepOption = Annotated[Literal["month", "week"], typer.Option(help="of the series")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="write all of it to this file, too")]
PageFile = Annotated[Path, typer.Option("--to", help="the HTML file to write")]


def register(app: typer.Typer) -> None:
    """Add these commands to the root command."""
    app.add_typer(trends)


@dataclass(frozen=True)
class Asked:
    """What `anfang trends` was asked, for itself or for the page."""

    settings: "Settings"
    site: "Site"
    first: date | None
    last: date | None
    kinds: tuple[str, ...]
    step: Literal["month", "week"]

    def answer(self) -> "list[Trend]":
        """The kinds' trends, from the warehouse."""
        from batch.trends.history import KINDS, read_history
        from batch.trends.study import study
        from warehouse.client import connect

        if unknown := set(self.kinds) - set(KINDS):
            raise UserError(f"--kind: no such kind: {', '.join(sorted(unknown))}", f"give some of {', '.join(KINDS)}")
        with connect(self.settings, "analyst") as client:
            history = read_history(client, self.site, self.first, self.last)
        return [
            study(history, kind, self.step, self.site.estate.handover_date)
            for kind in KINDS
            if kind in (self.kinds or KINDS)
        ]


@trends.callback(invoke_without_command=True)
def show(  # noqa: PLR0917 one option each
    context: typer.Context,
    first: FromDay = None,
    last: ToDay = None,
    kinds: Kinds = None,
    step: StepOption = "month",
    site: SiteOption = None,
    json: JsonFile = None,
) -> None:
    """Say what fell or rose: this year against last, and at the hand-over; with intervals and what they do not show.

    Without --from and --to the ledger is taken to tell of the days from its first entry to its last.

    Example: anfang trends --kind theft --json out/trends.json
    """
    settings, estate = configured(site)
    start, end = (day.date() if day else None for day in (first, last))
    asked = Asked(settings, estate, start, end, tuple(kinds or ()), step)
    context.obj = asked
    if context.invoked_subcommand is not None:
        return
    import msgspec
    from rich.console import Console

    from batch.trends.words import show as show_trends

    found = asked.answer()
    show_trends(found, Console())
    if json:
        _write(json, msgspec.json.format(msgspec.json.encode(found)).decode())


@trends.command()
def page(context: typer.Context, file: PageFile = Path("out/trends.html")) -> None:
    """Write the weekly page: one HTML file in Chinese with its charts inside. Options go before the word `page`.

    Example: anfang trends page --to out/trends.html
    """
    from batch.trends.page import render
    from infra.clock import SystemClock, local_day
    from infra.local.parts import fonts_folder

    asked: Asked = context.obj
    site = asked.site
    names = {zone.id: zone.name for zone in site.zones}
    made = local_day(SystemClock().now_ms(), site.tz)
    _write(file, render(asked.answer(), site.estate.name, names, fonts_folder(asked.settings), made))


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    typer.echo(file)
