"""Commands of the dashboards: report, watch; the live page's and Superset's."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

import dashboards.api.cli
import dashboards.superset.cli
import dashboards.web.cli
from infra.alert_words import Language
from infra.configured import SiteOption, configured, load_sites
from infra.errors import UserError
from infra.settings import load_settings

if TYPE_CHECKING:
    from dashboards.report.issue import Format
    from infra.period import Period

ALL_FORMATS: Final = "pdf,docx,xlsx,json"
report = typer.Typer(name="report", help="The performance report 项目支出绩效评价报告, with evidence for every number.")


def register(app: typer.Typer) -> None:
    """Add this room's commands to the root command."""
    app.add_typer(report)
    app.command()(watch)
    dashboards.web.cli.register(app)
    dashboards.api.cli.register(app)
    dashboards.superset.cli.register(app)


FirstDay = Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="first local day")]
LastDay = Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="last local day")]
PeriodName = Annotated[str, typer.Option("--period", help="instead of both: 2024, 2024H1, 2024Q3 or 2024-02")]
IndicatorFile = Annotated[
    str,
    typer.Option("--indicators", help="indicator file, or 2017 or 2020 for that procedure's; default: the estate's"),
]


@report.callback(invoke_without_command=True)
def issue(  # noqa: PLR0917 one option each
    context: typer.Context,
    first: FirstDay = None,
    last: LastDay = None,
    period: PeriodName = "",
    formats: Annotated[str, typer.Option("--format", help="of pdf, docx, xlsx, json, with commas")] = ALL_FORMATS,
    out: Annotated[Path, typer.Option(help="folder for the files")] = Path("out/report"),
    site: Annotated[
        list[Path] | None,
        typer.Option("--site", help="site file; several for a district's report; default: ANFANG_SITE"),
    ] = None,
    district: Annotated[str, typer.Option(help="the district's name on the report, with several --site")] = "",
    indicators: IndicatorFile = "",
    issued: Annotated[
        datetime | None, typer.Option("--issued", formats=["%Y-%m-%d"], help="date on the report; default: today")
    ] = None,
    language: Annotated[Language, typer.Option(help="language of the text and the charts")] = "zh",
) -> None:
    """Issue the performance report for the days --from to --to, both included, and sign it.

    Example: anfang report --from 2024-03-01 --to 2024-03-31 --format pdf,docx,xlsx,json
    """
    if context.invoked_subcommand is not None:
        return
    from dashboards.report.indicators import indicator_file
    from dashboards.report.issue import run, run_district

    settings = load_settings()
    days = _days(first, last, period)
    asked = (days.first, days.last, _formats(formats), out)
    tree, dated = indicator_file(indicators), issued.date() if issued else None
    sites = load_sites(site or [settings.site])
    if len(sites) == 1:
        done = run(settings, sites[0], *asked, indicators=tree, issued=dated, language=language)
    elif not district:
        raise UserError("a district's report needs the district's name", "give it, e.g. --district 雨花街道")
    else:
        done = run_district(settings, sites, *asked, name=district, indicators=tree, issued=dated, language=language)
    for path in (*done.paths.values(), done.manifest, done.bundle):
        typer.echo(path)
    score = done.score
    typer.echo(
        f"{done.figures} figures with evidence; {score.indicators_assessed} of {score.indicators} indicators scored: "
        f"{score.points:.2f} of {score.assessed:g} points; grade {score.grade or 'not given'}"
    )
    typer.echo(f"signed with key {done.key}")


@report.command()
def verify(
    file: Annotated[Path, typer.Argument(help="any file of a report, or its bundle (.zip)")],
    offline: Annotated[bool, typer.Option("--offline", help="signature and files only, ask no warehouse")] = False,
    key: Annotated[
        Path | None, typer.Option("--key", help="public key that must have signed; default: this installation's own")
    ] = None,
) -> None:
    """Check a report's signature and files, then recompute every figure; exit code 1 when one no longer holds.

    Example: anfang report verify out/report/demo_garden_2024-03-01_2024-03-31.json
    """
    from dashboards.report.verify_file import verify_file

    verdict = verify_file(load_settings(), file, offline=offline, key=key)
    for problem in verdict.problems:
        typer.echo(f"does not hold: {problem}")
    for note in verdict.notes:
        typer.echo(note)
    if offline:
        typer.echo(f"{verdict.figures} figures as signed" if not verdict.problems else "the files are not as signed")
    else:
        typer.echo(f"{verdict.verified} of {verdict.figures} figures hold")
    if verdict.problems:
        raise typer.Exit(1)


@report.command()
def schema() -> None:
    """Print the JSON Schema of a report's JSON file.

    Example: anfang report schema
    """
    from dashboards.report.record import json_schema

    typer.echo(json_schema(), nl=False)


@report.command()
def explain(  # noqa: PLR0917 one option each
    indicator: Annotated[str, typer.Argument(help="an indicator's id or Chinese name")],
    first: FirstDay = None,
    last: LastDay = None,
    period: PeriodName = "",
    html: Annotated[Path | None, typer.Option(help="write a page to this file instead")] = None,
    site: SiteOption = None,
    indicators: IndicatorFile = "",
) -> None:
    """Explain an indicator from its points down to the rows they were counted from.

    Example: anfang report explain satisfaction --from 2024-03-01 --to 2024-03-31
    """
    from rich.console import Console

    from dashboards.report.explain import page, show
    from dashboards.report.indicators import indicator_file
    from dashboards.report.issue import explained

    settings, estate = configured(site)
    title, sections = explained(
        settings, estate, _days(first, last, period), indicator, indicators=indicator_file(indicators)
    )
    if html is None:
        show(sections, Console())
        return
    html.parent.mkdir(parents=True, exist_ok=True)
    html.write_text(page(title, sections), encoding="utf-8")
    typer.echo(html)


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


def _days(first: datetime | None, last: datetime | None, name: str) -> "Period":
    from infra.period import make_period, named_period

    if name and (first or last):
        raise UserError("--period and --from or --to were both given", "give one of them")
    if name:
        return named_period(name)
    if first is None or last is None:
        missing = "--from" if first is None else "--to"
        raise UserError(
            f"{missing} is missing", "give both days, e.g. --from 2024-03-01 --to 2024-03-31, or --period 2024-03"
        )
    return make_period(first.date(), last.date())


def _formats(text: str) -> "list[Format]":
    from dashboards.report.issue import FORMATS

    asked = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [part for part in asked if part not in FORMATS]
    if unknown or not asked:
        raise UserError(f"--format {text!r} is not known", f"choose of {', '.join(FORMATS)}, with commas")
    return [kind for kind in FORMATS if kind in asked]
