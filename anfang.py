"""The console command `anfang`: its subcommands are the rooms of the house, in the order an event goes through them."""

import sys

import typer
from rich.console import Console

import batch.cli
import dashboards.cli
import infra.cli
import producers.cli
import streams.cli
import warehouse.cli
from infra.errors import UserError

STORY = """anfang (安防): what an estate's cameras see becomes occupancy now, alerts now, trends and an evidenced report.

The way of one event:

  anfang up                start Kafka and ClickHouse here (anfang doctor looks first)
  anfang produce …         cameras, a recording, real counts or a simulation → Kafka
  anfang stream …          Faust: occupancy and alerts → Kafka
  anfang nightly …         Spark: the day → ClickHouse
  anfang watch | report    look at now; pull the performance report (绩效评价报告)
  anfang down              stop all of it
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


def app() -> None:
    """Run the command; a `UserError` becomes two lines on stderr and exit code 1."""
    try:
        cli()
    except UserError as error:
        console = Console(stderr=True, highlight=False)
        console.print(f"[red]error:[/] {error.problem}", markup=True, soft_wrap=True)
        console.print(f"  do: {error.remedy}", markup=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    app()
