"""The two ends of `delivery`: a receiver of webhooks that notes when each came, and a bare sender to compare with.

`python -m tests.benchmarks.posts receive FILE` listens on a free port, writes it to `FILE.port`, and what came
to FILE when told to end: one line `monotonic_ns path webhook-id` each. `... send PORT SENDERS EACH` posts signed alerts
with aiohttp alone, each sender one after the other, nothing durable, and prints how many a second.
"""

import asyncio
import signal
import sys
import time
from pathlib import Path
from typing import Final

import aiohttp

from infra.events import WebhookChannel
from streams.delivery.message import alert_message
from streams.delivery.webhook import headers, payload, shared_of
from tests.streams.delivery.helpers import COMPOSER, SECRET, alert, subscription

ANSWER: Final = b"HTTP/1.1 204 No Content\r\n\r\n"
ID: Final = b"webhook-id: "
LENGTH: Final = b"content-length: "


class Receiver(asyncio.Protocol):
    """One connection, kept alive; nothing is looked at but path, id and length."""

    came: Final[list[tuple[int, bytes, bytes]]] = []

    def __init__(self) -> None:
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it for answers."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take every whole request."""
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            head = self._read[:end]
            whole = end + 4 + int(_field(head, LENGTH))
            if len(self._read) < whole:
                return
            self.came.append((time.monotonic_ns(), head.split(b" ", 2)[1], _field(head, ID)))
            self._read = self._read[whole:]
            self._transport.write(ANSWER)


def _field(head: bytes, name: bytes) -> bytes:
    start = head.lower().index(name) + len(name)
    return head[start:].partition(b"\r\n")[0]


async def receive(file: Path) -> None:
    """Listen until SIGTERM."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, done.set)
    server = await loop.create_server(Receiver, "127.0.0.1", 0, backlog=1000)
    port = server.sockets[0].getsockname()[1]
    new = file.with_suffix(".new")
    new.write_text(str(port))
    new.rename(file.with_suffix(".port"))
    await done.wait()
    new.write_bytes(b"".join(b"%d %s %s\n" % one for one in Receiver.came))
    new.rename(file)


async def send(port: int, senders: int, each: int) -> float:
    """Deliveries a second of bare aiohttp."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        alerts = [alert(i) for i in range(each)]
        shared = [shared_of(made, "zh", COMPOSER.site) for made in alerts]

        async def one(number: int) -> None:
            who = subscription(f"s{number}")
            assert isinstance(who.channel, WebhookChannel)
            for i in range(each):
                message = alert_message(alerts[i])
                body = payload(message, who, COMPOSER, shared[i])
                signed = headers(message.message_id, body, [SECRET], time.time_ns() // 1_000_000)
                async with session.post(f"http://127.0.0.1:{port}/bare", data=body, headers=signed) as response:
                    await response.read()

        began = time.monotonic()
        await asyncio.gather(*map(one, range(senders)))
        return senders * each / (time.monotonic() - began)


if __name__ == "__main__":
    if sys.argv[1] == "receive":
        asyncio.run(receive(Path(sys.argv[2])))
    else:
        print(asyncio.run(send(*map(int, sys.argv[2:]))))
