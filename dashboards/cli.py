"""Commands of the dashboards: report, watch; and Superset's."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import dashboards.superset.cli
from infra.configured import SiteOption, configured
from infra.errors import UserError
from infra.settings import load_settings

if TYPE_CHECKING:
    from dashboards.report import Format

report = typer.Typer(name="report", help="The performance report 项目支出绩效评价报告, with evidence for every number.")


def register(app: typer.Typer) -> None:
    """Add this room's commands to the root command."""
    app.add_typer(report)
    app.command()(watch)
    dashboards.superset.cli.register(app)


@report.callback(invoke_without_command=True)
def issue(  # noqa: PLR0917 one option each
    context: typer.Context,
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="first local day")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="last local day")] = None,
    formats: Annotated[str, typer.Option("--format", help="of pdf, docx, json, with commas")] = "pdf,docx,json",
    out: Annotated[Path, typer.Option(help="folder for the files")] = Path("out/report"),
    site: SiteOption = None,
    indicators: Annotated[Path | None, typer.Option(help="indicator file; default: the estate's own")] = None,
) -> None:
    """Issue the performance report for the days --from to --to, both included.

    Example: anfang report --from 2024-03-01 --to 2024-03-31 --format pdf,docx,json
    """
    if context.invoked_subcommand is not None:
        return
    from dashboards.report import run
    from dashboards.report.indicators import DEFAULT_INDICATORS

    days = _day(first, "--from"), _day(last, "--to")
    settings, estate = configured(site)
    issued = run(settings, estate, *days, _formats(formats), out, indicators=indicators or DEFAULT_INDICATORS)
    for path in issued.paths.values():
        typer.echo(path)
    score = issued.score
    typer.echo(
        f"{issued.figures} figures with evidence; {score.indicators_assessed} of {score.indicators} indicators scored: "
        f"{score.points:.2f} of {score.assessed:g} points; grade {score.grade or 'not given'}"
    )


@report.command()
def verify(file: Annotated[Path, typer.Argument(help="the JSON file of a report")]) -> None:
    """Recompute every figure of a report; exit code 1 when one no longer holds.

    Example: anfang report verify out/report/demo_garden_2024-03-01_2024-03-31.json
    """
    from dashboards.report import verify_file

    verdict = verify_file(load_settings(), file)
    for problem in verdict.problems:
        typer.echo(f"does not hold: {problem}")
    typer.echo(f"{verdict.verified} of {verdict.figures} figures hold")
    if verdict.problems:
        raise typer.Exit(1)


def watch(
    once: Annotated[bool, typer.Option("--once", help="print one frame and exit")] = False,
    svg: Annotated[Path | None, typer.Option(help="also write the frame as SVG; with --once")] = None,
    site: SiteOption = None,
) -> None:
    """Watch occupancy and alerts live in the terminal. Stop with Ctrl-C.

    Example: anfang watch --once --svg out/watch.svg
    """
    from dashboards.watch import show

    show(*configured(site), once=once or svg is not None, svg=svg)


def _day(value: datetime | None, option: str) -> date:
    if value is None:
        raise UserError(f"{option} is missing", "give both days, e.g. --from 2024-03-01 --to 2024-03-31")
    return value.date()


def _formats(text: str) -> "list[Format]":
    from dashboards.report import FORMATS

    asked = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [part for part in asked if part not in FORMATS]
    if unknown or not asked:
        raise UserError(f"--format {text!r} is not known", f"choose of {', '.join(FORMATS)}, with commas")
    return [kind for kind in FORMATS if kind in asked]
