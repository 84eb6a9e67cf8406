"""Superset asked as its people ask: a person with roles, a chart by its name, the rows of its saved query."""

import json
import secrets
from typing import Any

from dashboards.superset import server
from dashboards.superset.api import Api
from infra.settings import Settings


def person(settings: Settings, api: Api, roles: list[str]) -> Api:
    """A new user with these roles, logged in; `api` is the administrator's."""
    ids = {role["name"]: role["id"] for role in api.everything("security/roles")}
    name, word = f"u{secrets.token_hex(4)}", secrets.token_urlsafe(12)
    about = {"username": name, "first_name": name, "last_name": name, "email": f"{name}@localhost", "active": True}
    api.post("/api/v1/security/users/", {**about, "password": word, "roles": [ids[role] for role in roles]})
    return Api(server.url(settings), word, name)


def chart_named(api: Api, name: str) -> dict[str, Any]:
    """The saved chart of that name."""
    number = next(chart["id"] for chart in api.everything("chart") if chart["slice_name"] == name)
    found: dict[str, Any] = api.get(f"/api/v1/chart/{number}")["result"]
    return found


def rows_of(api: Api, chart: dict[str, Any], dashboard: int | None = None) -> list[dict[str, Any]]:
    """What a chart's saved query gives, asked as a dashboard's page asks."""
    context = json.loads(chart["query_context"])
    form = {**json.loads(chart["params"]), "slice_id": chart["id"], "dashboardId": dashboard}
    answer = api.post("/api/v1/chart/data", {**context, "form_data": form, "force": True})
    rows: list[dict[str, Any]] = answer["result"][0]["data"]
    return rows
