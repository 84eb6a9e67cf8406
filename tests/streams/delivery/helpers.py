"""Alerts, subscriptions, and a webhook receiver on a real socket that misbehaves as it is told."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import msgspec
from standardwebhooks import Webhook

from infra.clock import SystemClock
from infra.events import Alert, Severity, Subscription, WebhookChannel, derived_id, encoder
from infra.settings import SMALL_SITE
from infra.site import load_site
from streams.coalescing import Record
from streams.delivery.courier import Way
from streams.delivery.matching import Wish
from streams.delivery.message import Composer, Message
from streams.delivery.outbox import Outbox, Queued
from streams.delivery.retries import Outcome
from streams.delivery.webhook import WebhookSender
from streams.unpacking import LightRecord

SITE = load_site(SMALL_SITE)
SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
OLD_SECRET = "whsec_b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2w="
COMPOSER = Composer(SITE, "https://guard.example.com", b"k" * 43)
LOCAL = frozenset({"127.0.0.1", "localhost"})
AT_MS = 1_790_000_000_000


def alert(number: int = 0, revision: int = 1, **changes: object) -> Alert:
    """Alert `number` in its state `revision`."""
    made = Alert(
        schema_version=1,
        alert_id=derived_id("test", number),
        revision=revision,
        estate_id=SITE.estate.id,
        zone_id="plaza",
        subject_id="plaza",
        rule="over_capacity",
        severity="warning",
        status="opened" if revision == 1 else "updated",
        opened_ms=AT_MS,
        updated_ms=AT_MS + revision * 1000,
        closed_ms=None,
        explanation="中心广场: 160 of 150",
        measured={"occupancy": 160.4, "low": 149.2, "high": 171.8, "capacity": 150.0},
        evidence=["cam_plaza/b/plaza/1"],
    )
    return msgspec.structs.replace(made, **changes)


def closed(number: int = 0, revision: int = 2, severity: Severity = "warning") -> Alert:
    """The alert's end."""
    at_ms = AT_MS + revision * 1000
    return alert(number, revision, status="closed", closed_ms=at_ms, updated_ms=at_ms, severity=severity)


def subscription(name: str = "guard_room", url: str = "http://127.0.0.1:9/", **changes: Any) -> Subscription:
    """A valid subscription to everything."""
    made = Subscription(
        schema_version=1,
        subscription_id=name,
        estate_id=SITE.estate.id,
        who="门岗",
        channel=WebhookChannel(url=url, secret=name),
        since_ms=0,
        changed_ms=0,
        digest_above=0,
    )
    return msgspec.structs.replace(made, **changes)


def wish(name: str = "guard_room", **changes: Any) -> Wish:
    """The same, ready to be matched."""
    return Wish.of(subscription(name, **changes))


def record(state: Alert, offset: int = 0, timestamp_ms: int | None = None) -> Record:
    """The state as it comes from Kafka."""
    at_ms = SystemClock().now_ms() if timestamp_ms is None else timestamp_ms
    return raw_record(encoder.encode(state), offset, at_ms)


def raw_record(value: bytes, offset: int, at_ms: int) -> Record:
    """Any bytes as they come from Kafka."""
    return cast(Record, LightRecord("alerts", 0, offset, at_ms, 0, b"plaza", value))


def queued(state: Alert, name: str = "guard_room", due_ms: int = 0) -> Queued:
    """The state for one subscriber."""
    return Queued(
        name, state.alert_id, state.revision, state.severity, state.status == "closed", encoder.encode(state), due_ms
    )


def sender(
    timeout_s: float = 5.0, allowed: frozenset[str] = LOCAL, secrets: Sequence[str] = (SECRET,)
) -> WebhookSender:
    """A webhook sender whose secrets are all the same. Make it inside a loop."""
    return WebhookSender(COMPOSER, allowed, lambda _name: secrets, SystemClock(), timeout_s)


def hook_way(hooks: WebhookSender, backoff_s: tuple[float, ...]) -> Way:
    """All messages by webhook, tried again soon."""

    async def send(message: Message, who: Subscription) -> Outcome:
        assert isinstance(who.channel, WebhookChannel)
        return await hooks.send(message, who, who.channel)

    return Way(send, SystemClock(), backoff_s=backoff_s)


@dataclass
class Receiver:
    """What a receiver got: (webhook-id, type, body) in order; `script` says how it answers, the last word for ever.

    A number is a status; `reset`, `timeout`, `slow` (a body without end, drop by drop), `huge`, `redirect`, `garbage`.
    """

    script: list[str] = field(default_factory=lambda: ["200"])
    got: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    retry_after: str = "1"

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            while await self._answer(reader, writer):
                pass
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:])
        }
        body = await reader.readexactly(int(headers["content-length"]))
        Webhook(SECRET).verify(body, headers)
        content = json.loads(body)
        self.got.append((headers["webhook-id"], content["type"], content))
        how = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return await self._misbehave(how, headers["webhook-id"], writer)

    async def _misbehave(self, how: str, message_id: str, writer: asyncio.StreamWriter) -> bool:
        if how == "reset":
            writer.transport.abort()
            return False
        if how == "timeout":
            await asyncio.sleep(3600)
        if how == "garbage":
            writer.write(b"\x00\x01 nothing like HTTP\r\n\r\n")
            await writer.drain()
            return False
        if how in ("slow", "huge"):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
            self.taken.append(message_id)
            while True:
                writer.write(b"x" * (1 if how == "slow" else 65_536))
                await writer.drain()
                await asyncio.sleep(0.05 if how == "slow" else 0)
        status = "307" if how == "redirect" else how
        extra = f"location: {self.url}/elsewhere\r\n" if how == "redirect" else ""
        extra += f"retry-after: {self.retry_after}\r\n" if status == "429" else ""
        if status.startswith("2"):
            self.taken.append(message_id)
        writer.write(f"HTTP/1.1 {status} X\r\n{extra}content-length: 2\r\n\r\nok".encode())
        await writer.drain()
        return True


@asynccontextmanager
async def listening(script: Sequence[str] = ("200",), *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver on a free port of the loopback."""
    receiver = Receiver(list(script))
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()


async def until(done: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Wait until `done` says yes; fails after `timeout_s`."""
    async with asyncio.timeout(timeout_s):
        while not done():
            await asyncio.sleep(0.005)


def open_outbox(folder: Path) -> Outbox:
    """An outbox in that folder."""
    return Outbox(folder / "delivery" / "outbox.sqlite")
