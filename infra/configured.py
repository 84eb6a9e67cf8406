"""What most commands begin with: this process's settings, and the site file that `--site` or they name."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from infra.errors import UserError
from infra.settings import Settings, load_settings
from infra.site import Site, load_site

SiteOption = Annotated[Path | None, typer.Option("--site", help="site file; default: ANFANG_SITE")]


def configured(site: Path | None) -> tuple[Settings, Site]:
    """The settings, and the site of `site` or else of the settings. Raises UserError where either is wrong."""
    settings = load_settings()
    return settings, load_site(site or settings.site)


def load_sites(paths: Sequence[Path]) -> list[Site]:
    """The sites of several files. Raises UserError where one is wrong, or two are of one estate."""
    sites = [load_site(path) for path in paths]
    if len({site.estate.id for site in sites}) < len(sites):
        raise UserError("two site files are of one estate", "give each --site an estate of its own")
    return sites
