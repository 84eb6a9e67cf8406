"""`anfang web`: the reader's thread, the estates and the HTTP service, put together and run until stopped."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

import structlog
import uvicorn
from fastapi import FastAPI
from msgspec import Struct

from dashboards.api.entrance import Entrance
from dashboards.api.keys import Keys, keys_file
from dashboards.api.maker import Maker
from dashboards.api.routes import Api
from dashboards.api.shelf import Shelf, shelf_folder
from dashboards.api.subscriptions import Subscriptions
from dashboards.web.answers import KafkaAnswers
from dashboards.web.app import Web
from dashboards.web.audit import Audit, audit_file
from dashboards.web.figures import Figures
from dashboards.web.guard import Guard
from dashboards.web.live import Live
from dashboards.web.reader import Reader
from dashboards.web.users import Users, users_file
from dashboards.web.words import Lang
from infra.clock import SystemClock
from infra.errors import UserError
from infra.links import link_key
from infra.settings import Settings
from infra.site import Site

STOP_TIMEOUT_S: Final = 3
MOST_CONNECTIONS: Final = 2_000
BACKLOG: Final = 1_024
STALLED_MS: Final = 30_000
"""A viewer that takes no byte for so long is cut off by the kernel (`TCP_USER_TIMEOUT`, inherited by connections)."""

log = structlog.get_logger()


class Plan(Struct, frozen=True):
    """Where to listen, under which path a proxy shows us, whose forwarded headers are believed, or a replay."""

    host: str
    port: int
    root_path: str = ""
    proxy: str = ""
    replay: bool = False


class Summary(Struct, frozen=True):
    """What an estate's page would show now."""

    estate: str
    zones: int
    unknown: int
    alerts: int
    open: int
    cameras_fault: int
    fragments: int


def run(settings: Settings, sites: Sequence[Site], plan: Plan) -> None:
    """Serve until SIGTERM or SIGINT. Raises UserError when Kafka does not answer, a port is taken, nobody may look."""
    clock, users = SystemClock(), Users(users_file(settings))
    if not users.all():
        raise UserError("nobody may look at the page yet", "add somebody: `anfang web user add NAME --role guard`")
    estates = [Live(site, replay=plan.replay, begun_ms=clock.now_ms()) for site in sites]
    reader = Reader(settings, estates, clock)
    reader.catch_up()
    audit, shelf = Audit(audit_file(settings), clock), Shelf(shelf_folder(settings))
    by_estate = {site.estate.id: site for site in sites}
    maker = Maker(settings, shelf, by_estate, clock)
    figures = Figures(settings, plan.root_path)
    entrance = Entrance(Keys(keys_file(settings)), list(by_estate), audit, clock)
    api = Api(
        entrance=entrance,
        shelf=shelf,
        maker=maker,
        figures=figures,
        subscriptions=Subscriptions(entrance, settings, by_estate),
        root=plan.root_path,
    )
    web = Web(
        estates=estates,
        users=users,
        answers=KafkaAnswers(settings),
        audit=audit,
        clock=clock,
        link_key=link_key(settings),
        root_path=plan.root_path,
        away=lambda: reader.away,
        settings=settings,
        figures=figures,
        shelf=shelf,
        maker=maker,
        api=api.app(),
    )

    with listening(plan.host, plan.port) as listener:
        log.info(
            "live page", url=f"http://{plan.host}:{listener.getsockname()[1]}{plan.root_path}/", users=len(users.all())
        )
        _Server(_config(web.app(_lifespan(reader, maker)), plan), estates).run(sockets=[listener])


def _lifespan(reader: Reader, maker: Maker) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """While the service lives the reader publishes what it reads, and reports are made."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()

        def publish(live: Live, events: Mapping[Lang, tuple[int, bytes]]) -> None:
            loop.call_soon_threadsafe(live.publish, events)

        reader.start(publish)
        async with maker.running():
            yield
        await asyncio.to_thread(reader.stop)

    return lifespan


def _config(app: Guard, plan: Plan) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(plan.proxy),
        forwarded_allow_ips=plan.proxy,
        timeout_graceful_shutdown=STOP_TIMEOUT_S,
        limit_concurrency=MOST_CONNECTIONS,
        h11_max_incomplete_event_size=16_384,
    )


class _Server(uvicorn.Server):
    """Ends the live streams when it is told to stop: they would never end by themselves."""

    def __init__(self, config: uvicorn.Config, estates: Sequence[Live]) -> None:
        super().__init__(config)
        self._estates = estates

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for live in self._estates:
            for viewers in live.viewers.values():
                viewers.close()
        await super().shutdown(sockets)


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises UserError when it cannot."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_MS)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        raise UserError(f"cannot listen on {host}:{port}: {error}", "give a free --port and an own --host") from error
    return listener


def check(settings: Settings, sites: Sequence[Site], *, replay: bool) -> list[Summary]:
    """What each estate's page would show now; serves nothing. Raises UserError when Kafka does not answer."""
    estates = [Live(site, replay=replay) for site in sites]
    reader = Reader(settings, estates, SystemClock())
    try:
        reader.catch_up()
    finally:
        reader.stop()
    return [_summary(live) for live in estates]


def _summary(live: Live) -> Summary:
    facts = live.facts
    assert facts is not None
    return Summary(
        estate=live.site.estate.id,
        zones=len(facts.zones),
        unknown=sum(zone.level == "unknown" for zone in facts.zones.values()),
        alerts=len(live.board.alerts),
        open=facts.head.critical + facts.head.warning + facts.head.info,
        cameras_fault=facts.head.cameras_fault,
        fragments=len(live.shown["zh"].fragments),
    )
