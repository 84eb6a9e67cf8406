"""The API's addresses `/subscriptions…`: who is told of alerts, and how. A key sees those of its own estates."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated

from fastapi import FastAPI, Query, Request, Response

from dashboards.api.entrance import Entrance
from dashboards.api.problems import Problem
from dashboards.api.subscription_views import (
    NewSubscription,
    SubscriptionList,
    SubscriptionView,
    subscriptions_of,
    view_of,
)
from dashboards.web.problem import Wrong
from infra.settings import Settings
from infra.site import Site
from infra.subscribing import NotSubscribedError, UnknownSubscriptionError, subscribe, unsubscribe


class Subscriptions:
    """Reads and writes the topic of subscriptions, and the secrets of channels on this machine."""

    def __init__(self, entrance: Entrance, settings: Settings, sites: Mapping[str, Site]) -> None:
        self._entrance, self._settings, self._sites = entrance, settings, sites

    def add_to(self, app: FastAPI) -> None:
        """Add the addresses."""
        app.add_api_route("/subscriptions", self.listed, methods=["GET"], response_model=SubscriptionList)
        app.add_api_route("/subscriptions", self.put, methods=["POST"], response_model=SubscriptionView)
        app.add_api_route("/subscriptions/{name}", self.remove, methods=["DELETE"], status_code=204)

    async def listed(
        self,
        request: Request,
        estate: Annotated[str, Query(max_length=64, description="of this estate only")] = "",
    ) -> SubscriptionList:
        """Say who is told of alerts, and when a message was last taken."""
        key = self._entrance.allowed(request, "subscriptions:read", ("estate",))
        own = self._entrance.own(key)
        if estate and estate not in own:
            raise Problem(404, why="another estate")
        found = [
            one
            for name in ([estate] if estate else own)
            for one in await asyncio.to_thread(subscriptions_of, self._settings, self._sites[name])
        ]
        self._entrance.note(request, "read", key)
        return SubscriptionList(subscriptions=found)

    async def put(self, request: Request, wanted: NewSubscription) -> SubscriptionView:
        """Tell somebody of alerts from now on; the same name again replaces it. A webhook's secret is shown once."""
        key = self._entrance.allowed(request, "subscriptions:write")
        if wanted.estate not in self._entrance.own(key):
            raise Problem(404, why="another estate")
        made, address = wanted.wanted()
        site, now_ms = self._sites[wanted.estate], self._entrance.clock.now_ms()
        try:
            done = await asyncio.to_thread(subscribe, self._settings, site, made, address, now_ms)
        except NotSubscribedError as error:
            wrong = [_wrong(one) for one in error.wrong]
            raise Problem(422, f"{len(wrong)} values are not as they should be.", errors=wrong) from error
        self._entrance.note(request, "subscribed", key, f"{wanted.estate}: {wanted.name}")
        return view_of(done.subscription, None, done.webhook_secret)

    async def remove(self, request: Request, name: str) -> Response:
        """Tell somebody no more: what waits for them is not sent, and their secret is deleted."""
        key = self._entrance.allowed(request, "subscriptions:write")
        for estate in self._entrance.own(key):
            with suppress(UnknownSubscriptionError):
                await asyncio.to_thread(unsubscribe, self._settings, self._sites[estate], name)
                self._entrance.note(request, "unsubscribed", key, f"{estate}: {name}")
                return Response(status_code=204)
        raise Problem(404, why="no such subscription")


def _wrong(told: str) -> Wrong:
    field, _, what = told.partition(": ")
    return Wrong(f"#/{field}", what)
