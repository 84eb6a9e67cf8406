"""`anfang observe …`: what a person tells of the estate goes to Kafka."""

from typing import Annotated

import typer

from infra.configured import SiteOption, configured

observe = typer.Typer(
    name="observe", help="Tell what you have seen yourself.", no_args_is_help=True, rich_markup_mode=None
)


@observe.callback()
def _observe() -> None:
    """Keep `headcount` a word of its own while it is the only one."""


@observe.command()
def headcount(
    zone: Annotated[str, typer.Argument(help="zone id in the site file")],
    persons: Annotated[
        int, typer.Argument(min=0, help="how many were counted, in it and in all zones that it contains")
    ],
    *,
    error: Annotated[
        float | None, typer.Option("--error", min=0, help="right to how many persons (sd); default: 2 %, at least 1")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", help="when, ISO 8601, local without offset; default: now")] = None,
    by: Annotated[str, typer.Option("--by", help="who counted: a role or register, better than a name")] = "operator",
    site: SiteOption = None,
    to: Annotated[str, typer.Option("--to", help="kafka, or jsonl:FILE for looking at")] = "kafka",
) -> None:
    """Report how many persons are in a zone: the occupancy estimate takes it in, weighed by its error.

    Report it at once: the streams take it while its minute can still be corrected (ANFANG_GRACE_MINUTES). Said again
    with the same --at and --by, a number stands in for the one before.

    Example: anfang observe headcount building_1 512 --error 10 --by evening_register
    """
    from infra.clock import MINUTE_MS, SystemClock, iso_ms
    from producers.observe import headcount as room
    from producers.sink import open_sink

    settings, estate = configured(site)
    clock = SystemClock()
    counted = room.headcount(estate, zone, persons, error=error, at=at, by=by, clock=clock)
    with open_sink(to, settings) as sink:
        room.send(counted, sink, clock)
    typer.echo(f"{zone}: {persons} persons ± {counted.error_persons:g} at {iso_ms(counted.event_ms)} (UTC)")
    if clock.now_ms() - counted.event_ms > settings.grace_minutes * MINUTE_MS:
        typer.echo(f"note: older than ANFANG_GRACE_MINUTES ({settings.grace_minutes}): a live estimate leaves it out")
