"""Assets into Superset and out of it."""

import json
from pathlib import Path
from typing import Final

from dashboards.superset.api import Api
from dashboards.superset.assets import ASSETS, DATABASE, address, pack, read_assets, unpack, write_assets
from infra.settings import Settings

ANALYST_SECRET: Final = "clickhouse_analyst"  # noqa: S105 the name of the secret


def import_assets(settings: Settings, api: Api, folder: Path = ASSETS) -> int:
    """Put the folder's assets into Superset, over what it has of them; returns how many there are.

    ClickHouse's address is the settings', its user the read-only `analyst`.
    """
    assets = read_assets(folder)
    host, port = settings.clickhouse_http_address()
    bundle = pack(assets, address(host, port, settings.clickhouse_database))
    passwords = json.dumps({DATABASE: settings.secret(ANALYST_SECRET)})
    api.upload("/api/v1/assets/import/", "bundle", bundle, {"passwords": passwords})
    return len(assets)


def export_assets(api: Api, folder: Path = ASSETS) -> int:
    """Write what Superset has into the folder, normalised; returns how many assets there are."""
    known = read_assets(folder) if any(folder.rglob("*.yaml")) else {}
    assets = unpack(api.download("/api/v1/assets/export/"), known)
    write_assets(assets, folder)
    return len(assets)
