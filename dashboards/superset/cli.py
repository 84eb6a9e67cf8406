"""Commands for Superset: `anfang dashboards up | import | export | check | screenshot | embed | down`."""

from pathlib import Path
from typing import Annotated

import typer

from infra.alert_words import Language
from infra.settings import load_settings

Folder = Annotated[Path | None, typer.Option(help="folder of the assets; default: those of this checkout")]
LanguageOption = Annotated[Language, typer.Option(help="of titles, labels and descriptions")]

dashboards = typer.Typer(name="dashboards", help="Superset on ClickHouse, as code.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands to the root command."""
    app.add_typer(dashboards)


@dashboards.command()
def up(language: LanguageOption = "zh") -> None:
    """Install (once, about 650 MB), start and fill Superset, on the loopback only. ClickHouse must be up and migrated.

    Example: anfang dashboards up
    """
    from rich.console import Console

    from dashboards.superset import server
    from dashboards.superset.api import connect
    from dashboards.superset.transfer import import_assets

    settings, console = load_settings(), Console(stderr=True)
    settings.clickhouse_http_address()  # says at once when ClickHouse was never started
    with console.status("Superset: installing and starting; the first time takes a few minutes ..."):
        started = server.start(settings)
    with console.status("Superset: importing dashboards ..."):
        count = import_assets(settings, connect(settings), language=language)
    typer.echo(f"Superset {'started' if started else 'was up already'}; {count} assets imported")
    typer.echo(f"open      {server.url(settings)}/superset/dashboard/operations/")
    typer.echo(f"user      {server.ADMIN}")
    typer.echo(f"password  in {server.admin_password_file(settings)}")


@dashboards.command("import")
def import_(folder: Folder = None, language: LanguageOption = "zh") -> None:
    """Put the assets of the folder into the running Superset, over what it has of them, in Chinese or English.

    Example: anfang dashboards import
    """
    from dashboards.superset.api import connect
    from dashboards.superset.assets import ASSETS
    from dashboards.superset.transfer import import_assets

    settings = load_settings()
    typer.echo(f"{import_assets(settings, connect(settings), folder or ASSETS, language)} assets imported")


@dashboards.command()
def export(folder: Folder = None) -> None:
    """Write what was changed in the browser back into the files; the same content gives the same files.

    Example: anfang dashboards export && git diff dashboards/superset/assets
    """
    from dashboards.superset.api import connect
    from dashboards.superset.assets import ASSETS
    from dashboards.superset.transfer import export_assets

    target = folder or ASSETS
    typer.echo(f"{export_assets(connect(load_settings()), target)} assets written to {target}")


@dashboards.command()
def check(
    out: Annotated[Path, typer.Option(help="where the result is written as JSON")] = Path("out/dashboards/check.json"),
) -> None:
    """Ask the query of each chart of each dashboard; exit code 1 when one fails or is empty without a reason.

    Example: anfang dashboards check
    """
    from dashboards.superset.api import connect
    from dashboards.superset.check import check as run
    from dashboards.superset.check import write_report

    settings = load_settings()
    report = run(settings, connect(settings))
    write_report(report, out)
    for chart in report.charts:
        nothing = f"waits, {chart.waits}" if chart.waits else "EMPTY"
        state = f"FAILED  {chart.error}" if chart.error else f"{chart.rows} rows" if chart.rows else nothing
        typer.echo(f"{chart.chart}: {state}")
    typer.echo(f"{len(report.charts)} charts, {len(report.failed)} failed, {len(report.empty)} empty ({out})")
    if not report.ok:
        raise typer.Exit(1)


@dashboards.command()
def screenshot(
    out: Annotated[Path, typer.Option(help="folder for the PNG files")] = Path("out/dashboards"),
    dashboard: Annotated[list[str] | None, typer.Option(help="slug; again for more; default: all of the files")] = None,
    save_queries: Annotated[bool, typer.Option(help="save with each chart the query that the page asks")] = False,
) -> None:
    """Take pictures of dashboards with a headless Chromium; exit code 1 when a page shows a broken or empty chart.

    Example: anfang dashboards screenshot --dashboard operations --out out/dashboards
    """
    from dashboards.superset.api import connect
    from dashboards.superset.assets import read_assets, slugs
    from dashboards.superset.screenshot import look
    from dashboards.superset.screenshot import save_queries as save

    settings = load_settings()
    pages = look(settings, dashboard or slugs(read_assets()), out)
    for slug, page in pages.items():
        if save_queries:
            typer.echo(f"queries of {save(connect(settings), page)} charts saved")
        typer.echo(f"{slug}: {page.charts} charts, {len(page.broken)} broken or empty: {out / slug}.png")
        for text in page.broken:
            typer.echo(f"  {text}")
    if any(page.broken or not page.charts for page in pages.values()):
        raise typer.Exit(1)


@dashboards.command()
def embed(
    estate: Annotated[str, typer.Option(help="whose rows are shown")],
    dashboard: Annotated[str, typer.Option(help="slug of the dashboard")] = "operations",
    port: Annotated[int, typer.Option(help="of the page, on the loopback")] = 8600,
) -> None:
    """Serve an example page with an embedded dashboard and a guest's token. Stop with Ctrl-C.

    Example: anfang dashboards embed --estate demo_garden --dashboard operations
    """
    from dashboards.superset.embedded.serve import serve

    typer.echo(f"open http://127.0.0.1:{port}/")
    serve(load_settings(), dashboard, estate, port)


@dashboards.command()
def down() -> None:
    """Stop Superset; what was made in it is kept. (`anfang down` stops it too.)

    Example: anfang dashboards down
    """
    from dashboards.superset import server

    typer.echo("Superset stopped" if server.stop(load_settings()) else "Superset was not running")
