"""Commands of the streams: one Faust worker each, in the foreground."""

from pathlib import Path
from typing import Annotated

import typer

SiteOption = Annotated[Path | None, typer.Option(help="site file; default: ANFANG_SITE")]


def register(app: typer.Typer) -> None:
    """Add `anfang stream …` to the root command."""
    stream = typer.Typer(no_args_is_help=True, help="Faust workers: occupancy and alerts.")
    stream.command("occupancy")(occupancy)
    stream.command("alerts")(alerts)
    app.add_typer(stream, name="stream")


def occupancy(site: SiteOption = None) -> None:
    """Compute occupancy per zone and minute from envelopes, until stopped.

    Example: anfang stream occupancy --site infra/sites/small.yaml
    """
    from infra.settings import load_settings
    from infra.site import load_site
    from infra.topics import create_topics
    from streams import occupancy as room
    from streams import worker

    settings = load_settings()
    create_topics(settings)
    worker.run(room.make_app(settings, load_site(site or settings.site)))


def alerts(site: SiteOption = None) -> None:
    """Raise, update and close alerts from envelopes and occupancy, until stopped.

    Example: anfang stream alerts --site infra/sites/small.yaml
    """
    from infra.settings import load_settings
    from infra.site import load_site
    from infra.topics import create_topics
    from streams import alerts as room
    from streams import worker

    settings = load_settings()
    create_topics(settings)
    worker.run(room.make_app(settings, load_site(site or settings.site)))
