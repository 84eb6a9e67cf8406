"""What most commands begin with: this process's settings, and the site file that `--site` or they name."""

from pathlib import Path
from typing import Annotated

import typer

from infra.settings import Settings, load_settings
from infra.site import Site, load_site

SiteOption = Annotated[Path | None, typer.Option("--site", help="site file; default: ANFANG_SITE")]


def configured(site: Path | None) -> tuple[Settings, Site]:
    """The settings, and the site of `site` or else of the settings. Raises UserError where either is wrong."""
    settings = load_settings()
    return settings, load_site(site or settings.site)
