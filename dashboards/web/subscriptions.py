"""Who is told of alerts, in the browser: when each was last reached, a form to add somebody, a button to end it."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, TypeVar

from fastapi import Request, Response
from pydantic import ValidationError

from dashboards.api.subscription_views import NewSubscription, SubscriptionView, subscriptions_of
from dashboards.web.desk import Desk
from dashboards.web.guard import Refused, form
from dashboards.web.sessions import Session, check
from dashboards.web.users import MAY_SUBSCRIBE
from infra.alert_words import SEVERITIES
from infra.errors import UserError
from infra.settings import Settings
from infra.site import Site
from infra.subscribing import NotSubscribedError, Subscribed, UnknownSubscriptionError, subscribe, unsubscribe
from infra.subscriptions import RULES

CHANNELS: Final = {"webhook": "url", "mail": "to", "push": "address"}
SWITCHES: Final = ("escalations_only", "updates", "canary")

Answer = TypeVar("Answer")


class SubscriptionPage:
    """The addresses `/e/{estate}/subscriptions…`, for role `operator` only."""

    def __init__(self, desk: Desk, settings: Settings, sites: Mapping[str, Site]) -> None:
        self._desk, self._settings, self._sites = desk, settings, sites

    async def shown(self, request: Request, estate: str) -> Response:
        """All subscriptions, and a form for the next."""
        session, site = self._allowed(request, estate)
        self._desk.note(request, "read", session.user.name, 200)
        return await self._page(request, session, site)

    async def add(self, request: Request, estate: str) -> Response:
        """Tell somebody of alerts from now on; a webhook's new secret is shown on the answer, and never again."""
        session, site = self._allowed(request, estate)
        fields = await form(request)
        check(session, fields)
        try:
            wanted, address = NewSubscription.model_validate(_said(estate, fields)).wanted()
            now_ms = self._desk.clock.now_ms()
            done = await _asked(lambda: subscribe(self._settings, site, wanted, address, now_ms))
        except ValidationError as error:
            wrong = [f"{one['loc'][-1]}: {one['msg']}" for one in error.errors()]
            return await self._page(request, session, site, 422, wrong=wrong, given=fields)
        except NotSubscribedError as error:
            return await self._page(request, session, site, 422, wrong=error.wrong, given=fields)
        self._desk.note(request, "subscribed", session.user.name, 200, f"{estate}: {wanted.subscription_id}")
        return await self._page(request, session, site, done=done)

    async def remove(self, request: Request, estate: str) -> Response:
        """Tell somebody no more."""
        session, site = self._allowed(request, estate)
        fields = await form(request)
        check(session, fields)
        name = fields.get("name", "")
        try:
            await _asked(lambda: unsubscribe(self._settings, site, name))
        except UnknownSubscriptionError as error:
            raise Refused(404, "no such subscription") from error
        self._desk.note(request, "unsubscribed", session.user.name, 200, f"{estate}: {name}")
        return self._desk.to(f"/e/{estate}/subscriptions")

    def _allowed(self, request: Request, estate: str) -> tuple[Session, Site]:
        session = self._desk.session_at(request, estate, self._sites, MAY_SUBSCRIBE)
        return session, self._sites[estate]

    async def _page(
        self,
        request: Request,
        session: Session,
        site: Site,
        status: int = 200,
        *,
        wrong: list[str] | None = None,
        given: Mapping[str, str] | None = None,
        done: Subscribed | None = None,
    ) -> Response:
        known: list[SubscriptionView] = await _asked(lambda: subscriptions_of(self._settings, site))
        return self._desk.page(
            request,
            "subscriptions.html",
            status,
            session=session,
            site=site,
            subscriptions=known,
            at=lambda text: datetime.fromisoformat(text).astimezone(site.tz).strftime("%Y-%m-%d %H:%M:%S"),
            channels=list(CHANNELS),
            switches=SWITCHES,
            severities=list(SEVERITIES),
            rules=sorted(RULES),
            wrong=wrong or [],
            given=given or {},
            done=done,
        )


def _said(estate: str, fields: Mapping[str, str]) -> dict[str, object]:
    """The form as the API would be told it; a box that is ticked is a field `kind-name`."""

    def ticked(kind: str) -> list[str]:
        return [name.partition("-")[2] for name in fields if name.startswith(f"{kind}-")]

    kind = fields.get("channel", "")
    where = fields.get("where", "").strip()
    return {
        "estate": estate,
        "name": fields.get("name", "").strip(),
        "who": fields.get("who", "").strip(),
        "channel": {"kind": kind, CHANNELS.get(kind, "where"): where or None},
        "language": fields.get("language", ""),
        "zones": ticked("zone"),
        "rules": ticked("rule"),
        "severities": ticked("severity"),
        "quiet": [text for text in (fields.get("quiet", "").strip(),) if text],
        **{name: name in fields for name in SWITCHES},
    }


async def _asked(ask: Callable[[], Answer]) -> Answer:
    """Ask Kafka and the outbox, in a thread. Raises Refused where they do not answer."""
    try:
        return await asyncio.to_thread(ask)
    except (NotSubscribedError, UnknownSubscriptionError):
        raise
    except UserError as error:
        raise Refused(503, error.problem[:200]) from error
