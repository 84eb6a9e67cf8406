"""The console command `anfang`: its subcommands are the rooms of the house, in the order an event goes through them."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import batch.cli
import dashboards.cli
import infra.cli
import producers.cli
import streams.cli
import warehouse.cli
from infra.errors import UserError
from infra.settings import SMALL_SITE, load_settings
from infra.site import load_site

STORY = """anfang (安防): what cameras see becomes occupancy now, alerts now, trends and an evidenced report.

The way of one event:

\b
  anfang up                start Kafka and ClickHouse here (anfang doctor looks first)
  anfang produce …         cameras, a recording, real counts or a simulation → Kafka
  anfang observe …         what a person has counted → Kafka
  anfang stream …          Faust: occupancy and alerts → Kafka
  anfang deliver           alerts → who is subscribed (anfang subscriptions …)
  anfang nightly …         Spark: the day → ClickHouse
  anfang watch | report    look at now; pull the performance report (绩效评价报告)
  anfang down              stop all of it

`anfang demo` does it all once; `anfang COMMAND --help` has an example of each.
"""

cli = typer.Typer(
    name="anfang",
    help=STORY,
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for room in (infra.cli, producers.cli, streams.cli, warehouse.cli, batch.cli, dashboards.cli):
    room.register(cli)


@cli.command()
def demo(
    site: Annotated[Path | None, typer.Option(help="site file; default: the small estate")] = None,
    superset: Annotated[bool, typer.Option(help="start Superset, too (650 MB the first time)")] = True,
) -> None:
    """Run the whole way on real parts: real counts and a simulated incident day, to a verified report.

    It leaves the live page and Superset running, until `anfang down`.

    Example: anfang demo
    """
    import anfang_demo  # noqa: PLC0415 it needs every room

    path = site or SMALL_SITE
    settings = load_settings().model_copy(update={"site": path})
    anfang_demo.run(settings, load_site(path), Console(), superset=superset)


def app() -> None:
    """Run the command; a `UserError` becomes two lines on stderr and exit code 1."""
    try:
        cli()
    except KeyboardInterrupt:
        sys.exit(130)
    except UserError as error:
        console = Console(stderr=True, highlight=False)
        console.print(f"[red]error:[/] {error.problem}", markup=True, soft_wrap=True)
        console.print(f"  do: {error.remedy}", markup=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    app()
