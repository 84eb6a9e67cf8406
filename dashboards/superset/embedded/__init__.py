"""A dashboard inside another page: a guest's token opens one dashboard with the rows of one estate for five minutes."""

from typing import Final

from dashboards.superset.api import Api
from warehouse.access import row_filter

GUEST_NAME: Final = {"username": "guest", "first_name": "guest", "last_name": "guest"}


def open_to_guests(api: Api, slug: str, origins: list[str]) -> str:
    """Let the dashboard be embedded by pages of these origins only; returns the id under which it is embedded."""
    answer = api.post(f"/api/v1/dashboard/{slug}/embedded", {"allowed_domains": origins})
    return str(answer["result"]["uuid"])


def guest_token(api: Api, embedded: str, estate: str) -> str:
    """A token for one estate's rows in one embedded dashboard. Raises UserError for an estate id that is not plain."""
    asked = {
        "user": GUEST_NAME,
        "resources": [{"type": "dashboard", "id": embedded}],
        "rls": [{"clause": row_filter([estate])}],
    }
    return str(api.post("/api/v1/security/guest_token/", asked)["token"])
