"""Commands of the ground floor: setup, doctor, the local stack, the site file, schemas, topics."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from infra import ground, schema
from infra.doctor import examine
from infra.errors import UserError
from infra.local.files import log_file
from infra.local.parts import fetch_parts
from infra.local.ports import AskedPorts
from infra.local.process import follow, last_lines
from infra.local.stack import PartStatus
from infra.local.stack import down as stack_down
from infra.local.stack import status as stack_status
from infra.local.stack import up as stack_up
from infra.settings import FULL_SITE, load_settings
from infra.site import load_site
from infra.sites.generate import write as write_full_site
from infra.topics import create_topics

Port = Annotated[int | None, typer.Option(min=1024, max=65535, help="a port on 127.0.0.1; remembered")]


def register(app: typer.Typer) -> None:
    """Add these commands to the root command."""
    for command in (doctor, setup, up, status, logs, down):
        app.command()(command)
    site = typer.Typer(no_args_is_help=True, help="The site file: check it, make the full-size one.")
    site.command("check")(site_check)
    site.command("generate")(site_generate)
    app.add_typer(site, name="site")
    schemas = typer.Typer(no_args_is_help=True, help="JSON Schemas and AsyncAPI of the event contracts.")
    schemas.command("write")(schema_write)
    schemas.command("check")(schema_check)
    app.add_typer(schemas, name="schema")
    topics = typer.Typer(no_args_is_help=True, help="The Kafka topics.")
    topics.command("create")(topics_create)
    app.add_typer(topics, name="topics")


def setup() -> None:
    """Fetch Kafka, ClickHouse, Spark's Kafka connector and fonts (once, about 0.7 GB).

    Example: anfang setup
    """
    fetch_parts(load_settings())


def doctor() -> None:
    """Look whether this machine has what anfang needs; changes nothing.

    Example: anfang doctor
    """
    findings = examine(load_settings())
    for finding in findings:
        typer.echo(str(finding))
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def up(kafka_port: Port = None, clickhouse_port: Port = None, clickhouse_http_port: Port = None) -> None:
    """Start Kafka and ClickHouse here, on the loopback only, and wait until they answer.

    Example: anfang up --kafka-port 9092
    """
    settings, console = load_settings(), Console(stderr=True)
    asked = AskedPorts(kafka=kafka_port, clickhouse=clickhouse_port, clickhouse_http=clickhouse_http_port)
    with console.status("starting Kafka and ClickHouse ..."):
        started = stack_up(settings, asked)
    console.print(f"started: {', '.join(started)}" if started else "already up")
    _print_status(stack_status(settings))


def down() -> None:
    """Stop everything that runs for this home: workers first, Kafka and ClickHouse last. Data is kept.

    Example: anfang down
    """
    stopped = stack_down(load_settings())
    typer.echo(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")


def status() -> None:
    """Show each process of the local stack; exit code 1 when one is not well.

    Example: anfang status
    """
    parts = stack_status(load_settings())
    if not parts:
        raise UserError("no local stack is running", "start it with `anfang up`")
    _print_status(parts)
    if not all(part.healthy for part in parts):
        raise typer.Exit(1)


def logs(
    name: Annotated[str | None, typer.Argument(help="which log; without it, all are listed")] = None,
    lines: Annotated[int, typer.Option("-n", min=1, help="how many of the last lines")] = 50,
    follow_log: Annotated[bool, typer.Option("--follow", "-f", help="go on as lines are written")] = False,
) -> None:
    """Show the log of one process of the local stack.

    Example: anfang logs kafka -n 20 --follow
    """
    settings = load_settings()
    names = sorted(path.stem for path in log_file(settings, "any").parent.glob("*.log"))
    if name is None:
        typer.echo("\n".join(names) or "no logs yet")
        return
    if name not in names:
        raise UserError(f"no log named {name}", f"choose one of: {', '.join(names) or '(none yet; `anfang up`)'}")
    for line in last_lines(log_file(settings, name), lines):
        typer.echo(line)
    for line in follow(log_file(settings, name)) if follow_log else ():
        typer.echo(line)


def _print_status(parts: list[PartStatus]) -> None:
    table = Table("part", "pid", "address", "uptime", "health")
    for part in parts:
        uptime = "-" if part.uptime_s is None else _duration(part.uptime_s)
        health = "[green]ok[/]" if part.healthy else "[red]down[/]" if part.uptime_s is None else "[red]no answer[/]"
        table.add_row(part.name, str(part.pid), part.address, uptime, health)
    Console().print(table)


def _duration(seconds: float) -> str:
    hours, rest = divmod(int(seconds), 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {left:02} s" if minutes else f"{left} s"


def site_check(file: Annotated[Path, typer.Argument(help="a site file (YAML)")]) -> None:
    """Validate a site file; each mistake is told with its line and what was expected.

    For each camera with measured ground points, says how well they fit.

    Example: anfang site check infra/sites/small.yaml
    """
    site = load_site(file)
    counts = {"zones": site.zones, "lines": site.lines, "cameras": site.cameras, "gates": site.gates}
    typer.echo(
        f"{file}: ok, {site.estate.name}: " + ", ".join(f"{len(parts)} {name}" for name, parts in counts.items())
    )
    for camera in site.cameras:
        if camera.view is not None and camera.view.ground is not None:
            typer.echo(f"{camera.id}: {_ground_told(camera.view.ground)}")


def _ground_told(points: Sequence[ground.Match]) -> str:
    """How well the points of a view's ground fit each other."""
    if len(points) == 4:
        return "4 ground points, nothing to check them by: a fifth would tell how well they fit"
    off_m = ground.residuals_m(points, ground.fit(points))
    return f"{len(points)} ground points, off by {(off_m**2).mean() ** 0.5:.2f} m (rms), {off_m.max():.2f} m at most"


def site_generate(file: Annotated[Path, typer.Argument(help="where to write it")] = FULL_SITE) -> None:
    """Write the seed's estate at full size (16 + 601 cameras, 18 gates) by the rule in infra/sites/generate.py.

    Example: anfang site generate out/tianjiaocheng.yaml
    """
    write_full_site(file)
    typer.echo(f"written: {file}")


def schema_write() -> None:
    """Write infra/schemas/ anew from the event contracts.

    Example: anfang schema write
    """
    typer.echo(f"written: {', '.join(schema.write()) or 'nothing, all are up to date'}")


def schema_check() -> None:
    """Fail when infra/schemas/ is not what the event contracts say.

    Example: anfang schema check
    """
    stale = schema.outdated()
    if stale:
        raise UserError(f"infra/schemas: outdated: {', '.join(stale)}", "run `anfang schema write` and commit")
    typer.echo("infra/schemas: up to date")


def topics_create() -> None:
    """Create the topics that are missing, with their partitions and retention.

    Example: anfang topics create
    """
    typer.echo(f"created: {', '.join(create_topics(load_settings())) or 'nothing, all are there'}")
