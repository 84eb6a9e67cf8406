"""Who sees which estate in Superset: a role for each estate, and row level security that shows nobody else any row.

The wall is ClickHouse's (`warehouse/access.py`): it lets `analyst` see the deployment's estates. This is a second one,
between the people of several estates: whoever has no estate's role sees no row, with it that estate's, with two both.
The administrator sees all; a guest of an embedded dashboard has the one estate that its token names.
"""

from typing import Final

from dashboards.superset.api import Api, Json
from dashboards.superset.assets import DATABASE_NAME
from infra.settings import Settings
from warehouse.client import ask, connect

ADMIN_ROLE: Final = "Admin"
GUEST_ROLE: Final = "anfang guest"
NOBODY_ELSE: Final = "anfang: nobody else"
GROUP: Final = "anfang estate"
GUEST_MAY: Final = frozenset(
    {
        ("can_read", "Chart"),
        ("can_read", "Dashboard"),
        ("can_read", "Dataset"),
        ("can_read", "EmbeddedDashboard"),
        ("can_read", "CssTemplate"),
        ("can_read", "Theme"),
        ("can_read", "CurrentUserRestApi"),
        ("can_read", "SecurityRestApi"),  # the CSRF token
        ("can_read", "DashboardFilterStateRestApi"),
        ("can_write", "DashboardFilterStateRestApi"),
        ("can_time_range", "Api"),
        ("can_dashboard", "Superset"),
        ("can_log", "Superset"),
    }
)


def role_of(estate: str) -> str:
    """The name of an estate's role."""
    return f"anfang estate {estate}"


def estates_seen(settings: Settings) -> list[str]:
    """The estates that ClickHouse lets Superset see."""
    with connect(settings, "analyst") as client:
        return [str(estate) for (estate,) in ask(client, "estates_seen")]


def grant_estates(api: Api, estates: list[str]) -> None:
    """Make or renew the roles and their row filters over all our datasets."""
    roles = {str(role["name"]): int(role["id"]) for role in api.everything("security/roles")}
    pairs = [
        (int(entry["id"]), str(entry["permission"]["name"]), str(entry["view_menu"]["name"]))
        for entry in api.everything("security/permissions-resources")
    ]
    reads = [pair for pair, what, on in pairs if what == "datasource_access" and on.startswith(f"[{DATABASE_NAME}]")]
    guest = _role(api, roles, GUEST_ROLE, [pair for pair, what, on in pairs if (what, on) in GUEST_MAY])
    own = {estate: _role(api, roles, role_of(estate), reads) for estate in estates}
    tables = [
        int(dataset["id"])
        for dataset in api.everything("dataset")
        if dataset["database"]["database_name"] == DATABASE_NAME
    ]
    rules = {str(rule["name"]): int(rule["id"]) for rule in api.everything("rowlevelsecurity")}
    exempt = [roles[ADMIN_ROLE], guest, *own.values()]
    _rule(
        api, rules, {"name": NOBODY_ELSE, "filter_type": "Base", "clause": "1 = 0", "roles": exempt, "tables": tables}
    )
    for estate, role in own.items():
        clause = f"estate_id = '{estate}'"
        content = {"name": role_of(estate), "filter_type": "Regular", "clause": clause, "group_key": GROUP}
        _rule(api, rules, {**content, "roles": [role], "tables": tables})


def _role(api: Api, roles: dict[str, int], name: str, permissions: list[int]) -> int:
    if name not in roles:
        roles[name] = int(api.post("/api/v1/security/roles/", {"name": name})["id"])
    api.post(f"/api/v1/security/roles/{roles[name]}/permissions", {"permission_view_menu_ids": permissions})
    return roles[name]


def _rule(api: Api, rules: dict[str, int], content: Json) -> None:
    name = content["name"]
    if name in rules:
        api.put(f"/api/v1/rowlevelsecurity/{rules[name]}", content)
    else:
        api.post("/api/v1/rowlevelsecurity/", content)
