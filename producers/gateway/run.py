"""`anfang produce gateway`: the service, its file, and the thread that sends, put together and run until stopped."""

from dataclasses import dataclass
from typing import Final

import structlog
import uvicorn

from infra import metrics
from infra.clock import SystemClock
from infra.errors import UserError
from infra.settings import Settings
from infra.site import Site
from producers.gateway.committer import Committer
from producers.gateway.credentials import credentials, credentials_file
from producers.gateway.door import Door, Rate
from producers.gateway.sender import Sender
from producers.gateway.service import Service
from producers.gateway.store import Store
from producers.sink import open_sink

KEEP_ALIVE_S: Final = 75
STOP_TIMEOUT_S: Final = 10
MOST_CONNECTIONS: Final = 2_000

log = structlog.get_logger()


@dataclass(frozen=True)
class Plan:
    """Where to listen, how many pushes a second each camera may send, and where envelopes go."""

    host: str
    port: int
    rate_per_s: float
    to: str
    metrics_port: int | None


def run(settings: Settings, site: Site, plan: Plan) -> None:
    """Serve until SIGTERM or SIGINT. Raises UserError when the port is taken, or nothing says where Kafka is."""
    if plan.to == "kafka":
        settings.kafka_address()
    passwords, clock, path = credentials(settings, site), SystemClock(), settings.home / "gateway" / "state.sqlite3"
    inbound, outbound = Store(path), Store(path)
    sender = Sender(outbound, lambda: open_sink(plan.to, settings), clock)
    service = Service(
        site=site,
        door=Door(site, passwords),
        rate=Rate(plan.rate_per_s),
        committer=Committer(inbound, sender.wake),
        clock=clock,
        boot_id=f"gateway-{clock.now_ms()}",
    )
    if plan.metrics_port is not None:
        metrics.serve(plan.metrics_port)
    sender.start()
    try:
        _serve(service, plan, len(passwords), str(credentials_file(settings)))
    finally:
        sender.stop()
        inbound.close()


def _serve(service: Service, plan: Plan, cameras: int, passwords: str) -> None:
    config = uvicorn.Config(
        service.app(),
        host=plan.host,
        port=plan.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_TIMEOUT_S,
        limit_concurrency=MOST_CONNECTIONS,
    )
    log.info("gateway listens", host=plan.host, port=plan.port, cameras=cameras, passwords=passwords)
    try:
        uvicorn.Server(config).run()
    except SystemExit as error:
        raise UserError(f"cannot listen on {plan.host}:{plan.port}", "give a free --port and an own --host") from error
