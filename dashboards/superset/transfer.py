"""Assets into Superset and out of it."""

import json
from pathlib import Path
from typing import Final

from dashboards.superset.api import Api
from dashboards.superset.assets import ASSETS, DATABASE, address, pack, read_assets, unpack, write_assets
from dashboards.superset.language import in_language, is_english
from dashboards.superset.people import estates_seen, grant_estates
from infra.alert_words import Language
from infra.errors import UserError
from infra.settings import Settings

ANALYST_SECRET: Final = "clickhouse_analyst"  # noqa: S105 the name of the secret


def import_assets(settings: Settings, api: Api, folder: Path = ASSETS, language: Language = "zh") -> int:
    """Put the folder's assets into Superset, over what it has of them, and renew the estates' roles and row filters.

    ClickHouse's address is the settings', its user the read-only `analyst`. Returns how many assets there are.
    """
    assets = in_language(read_assets(folder), language)
    host, port = settings.clickhouse_http_address()
    bundle = pack(assets, address(host, port, settings.clickhouse_database))
    passwords = json.dumps({DATABASE: settings.secret(ANALYST_SECRET)})
    api.upload("/api/v1/assets/import/", "bundle", bundle, {"passwords": passwords})
    grant_estates(api, estates_seen(settings))
    return len(assets)


def export_assets(api: Api, folder: Path = ASSETS) -> int:
    """Write what Superset has into the folder, normalised; returns how many assets there are.

    Raises UserError when the dashboards are in English: the files are Chinese.
    """
    known = read_assets(folder) if any(folder.rglob("*.yaml")) else {}
    assets = unpack(api.download("/api/v1/assets/export/"), known)
    if is_english(assets, known or read_assets()):
        raise UserError(
            "Superset holds the English dashboards, the files are the Chinese ones",
            "`anfang dashboards import --language zh`, make the change there, and export",
        )
    write_assets(assets, folder)
    return len(assets)
