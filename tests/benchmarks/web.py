"""How long from an alert in Kafka to 500 viewers of the live page, and what memory the page takes.

`anfang web` runs as it is, on a core of its own; the viewers are connections of this process, logged in as people are
(ten streams a user). In each round alerts are sent at a steady pace, each with zones that change; an update's time is
that of its arrival at a viewer less that just before it was given to Kafka, both by this machine's clock. The viewers
share the other core with the broker: their reading is in the figure.
"""

import asyncio
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx
import msgspec
import psutil
from msgspec import Struct

from dashboards.web.users import User, Users, hashed, users_file
from infra.clock import MINUTE_MS
from infra.events import encoder
from infra.local.ports import free_port
from infra.settings import SMALL_SITE, Settings
from infra.site import load_site
from infra.topics import ALERTS, OCCUPANCY_LATEST, create_topics
from tests.benchmarks.alert_latency import percentile
from tests.benchmarks.harness import Result, cores, own_topics, result, started_on, this_machine
from tests.dashboards.web.messages import alert, now_row
from tests.dashboards.web.stage import PASSWORD, csrf
from tests.kafka_helpers import produce

VIEWERS: Final = int(os.environ.get("ANFANG_BENCH_VIEWERS", "500"))
STREAMS_EACH: Final = 10
UPDATES: Final = 30
PER_SECOND: Final = 2.0
SETTLE_S: Final = 10.0
START_S: Final = 120.0
MARK: Final = re.compile(rb'"a-(u\d+)"')
SITE: Final = load_site(SMALL_SITE)

Arrivals = dict[str, int]
"""For each update, UTC ms at which one viewer had it."""


class Round(Struct, frozen=True):
    """Milliseconds of every update at every viewer, how many viewers had all, the page's memory afterwards in MB."""

    ms: list[int]
    complete: int
    rss_mb: float


def run(settings: Settings, rounds: int) -> Result:
    """Viewers who got every update; their latencies and the page's memory are further figures."""
    here = this_machine()
    with own_topics(settings) as own:
        create_topics(own)
        _add_users(own)
        _, others = cores()
        with _page(own) as (base, process):
            os.sched_setaffinity(0, others)
            before_mb = process.memory_info().rss / 1e6
            found = asyncio.run(_rounds(own, base, process, rounds))
    every = [ms for one in found for ms in one.ms]
    extra = {
        "p50_ms": percentile(every, 50),
        "p95_ms": percentile(every, 95),
        "p99_ms": percentile(every, 99),
        "updates": float(UPDATES * rounds),
        "rss_mb_alone": round(before_mb, 1),
        "rss_mb_first_round": round(found[0].rss_mb, 1),
        "rss_mb_last_round": round(found[-1].rss_mb, 1),
    }
    one = result("web", f"of {VIEWERS} viewers had every update", here, [float(r.complete) for r in found], {})
    return msgspec.structs.replace(one, extra=extra)


def _add_users(settings: Settings) -> None:
    users, quick = Users(users_file(settings)), hashed(PASSWORD, 2)
    for n in range(-(-VIEWERS // STREAMS_EACH)):
        users.put(User(f"u{n}", "guard", (SITE.estate.id,), quick))


@contextmanager
def _page(settings: Settings) -> Iterator[tuple[str, psutil.Process]]:
    """`anfang web` on the first core, when it answers: its address and process."""
    port, (first, _) = free_port(set()), cores()
    env = {**os.environ, **settings.as_environment()}
    with started_on(first):
        page = psutil.Popen([sys.executable, "-m", "anfang", "web", "--port", str(port)], env=env)
    base = f"http://127.0.0.1:{port}"
    try:
        ends = time.monotonic() + START_S
        while True:
            try:
                httpx.get(f"{base}/healthz").raise_for_status()
                break
            except httpx.TransportError:
                assert page.is_running(), "anfang web ended"
                assert time.monotonic() < ends, "anfang web did not answer"
                time.sleep(0.2)
        yield base, page
    finally:
        page.terminate()
        page.wait(30)


async def _rounds(settings: Settings, base: str, page: psutil.Process, rounds: int) -> list[Round]:
    cookies = await _log_in(base)
    arrivals: list[Arrivals] = [{} for _ in range(VIEWERS)]
    viewers = [
        asyncio.create_task(_view(base, cookies[n // STREAMS_EACH], arrived)) for n, arrived in enumerate(arrivals)
    ]
    await asyncio.sleep(SETTLE_S)
    found = []
    for n in range(rounds):
        sent = await _send(settings, n)
        await asyncio.sleep(SETTLE_S)
        ms = [arrived[name] - at for arrived in arrivals for name, at in sent.items() if name in arrived]
        complete = sum(sent.keys() <= arrived.keys() for arrived in arrivals)
        found.append(Round(ms, complete, page.memory_info().rss / 1e6))
        print(f"round {n + 1} of {rounds}: p95 {percentile(ms, 95):.0f} ms, {complete} complete", file=sys.stderr)
    for viewer in viewers:
        viewer.cancel()
    await asyncio.gather(*viewers, return_exceptions=True)
    return found


async def _log_in(base: str) -> list[str]:
    cookies = []
    for n in range(-(-VIEWERS // STREAMS_EACH)):
        async with httpx.AsyncClient(base_url=base) as client:
            fields = {"csrf": csrf((await client.get("/login")).text), "user": f"u{n}", "password": PASSWORD}
            await client.post("/login", data=fields)
            cookies.append(client.cookies["anfang_session"])
    return cookies


async def _view(base: str, cookie: str, arrived: Arrivals) -> None:
    """Read the stream and note when each update was there first."""
    host, _, port = base.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=2**24)
    path = f"/e/{SITE.estate.id}/events"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: anfang_session={cookie}\r\n\r\n".encode())
    try:
        while line := await reader.readline():
            for mark in MARK.findall(line):
                arrived.setdefault(mark.decode(), time.time_ns() // 1_000_000)
    finally:
        writer.close()


async def _send(settings: Settings, number: int) -> dict[str, int]:
    """Send a round's alerts, each with two zones' rows; when each was given to Kafka."""
    sent: dict[str, int] = {}
    start = time.monotonic()
    for n in range(UPDATES):
        await asyncio.sleep(max(0.0, start + n / PER_SECOND - time.monotonic()))
        name, at_ms = f"u{number * UPDATES + n}", time.time_ns() // 1_000_000
        rows = [now_row(zone, at_ms, float(20 + n)) for zone in ("plaza", "estate")]
        await asyncio.to_thread(
            produce, settings, OCCUPANCY_LATEST, [(row.zone_id.encode(), encoder.encode(row), at_ms) for row in rows]
        )
        one = alert(name, at=at_ms - MINUTE_MS, severity="warning")
        sent[name] = time.time_ns() // 1_000_000
        await asyncio.to_thread(produce, settings, ALERTS, [(one.zone_id.encode(), encoder.encode(one), at_ms)])
    return sent
