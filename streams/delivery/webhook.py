"""The webhook channel: one signed POST a message (Standard Webhooks 1.0).

Safe to point anywhere: https only, public addresses only (`addresses.py`), no redirects, no proxy, no cookies, ten
seconds, and no more of the answer is read than tells whether it may be kept alive.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final

import aiohttp
import msgspec
from msgspec import Struct
from standardwebhooks import Webhook
from yarl import URL

from infra.alert_words import Language
from infra.clock import Clock, iso_ms
from infra.events import Alert, Subscription, WebhookChannel, encoder
from infra.site import Site
from streams.delivery.addresses import GuardedResolver, check_literal
from streams.delivery.message import Composer, Message, alert_words, recorder_of, text_of, verdict_links, where_of
from streams.delivery.retries import DELIVERED, Outcome
from streams.delivery.storms import tally

TIMEOUT_S: Final = 10.0
CONNECT_S: Final = 5.0
DRAIN_S: Final = 0.5
MAX_ANSWER_BYTES: Final = 4096
MAX_STATES: Final = 1000
MAX_KNOWN: Final = 1000
OUR_FAULT: Final = frozenset({400, 413, 414, 415, 422})
GONE: Final = 410
USER_AGENT: Final = "anfang-webhooks/1"

Secrets = Callable[[str], Sequence[str]]


class SpelledText(Struct, frozen=True):
    """The message in words."""

    title: str
    lines: list[str]


class AlertData(Struct, frozen=True):
    """`data` of `anfang.alert.opened`, `.updated`, `.closed`; `alert` is the alert as JSON.

    `verdicts` are addresses that record one when confirmed, the subscriber's own; the rest is the same for all.
    """

    alert: msgspec.Raw
    where: str
    text: SpelledText
    recorder_url: str | None
    verdicts: dict[str, str] = {}


class DigestRow(Struct, frozen=True):
    """How many alerts of one rule in one zone."""

    rule: str
    zone_id: str
    alerts: int


class DigestState(Struct, frozen=True):
    """One alert state that stands in a digest."""

    alert_id: str
    revision: int
    status: str
    rule: str
    severity: str
    zone_id: str
    opened_ms: int


class DigestData(Struct, frozen=True):
    """`data` of `anfang.digest`: counts, and the states themselves, at most `MAX_STATES` of `states_in_all`."""

    alerts: int
    states_in_all: int
    critical: int
    by_rule_and_zone: list[DigestRow]
    states: list[DigestState]
    text: SpelledText


class QuietData(Struct, frozen=True):
    """`data` of `anfang.canary` and `anfang.test`."""

    text: SpelledText


class Payload(Struct, frozen=True):
    """The body of a webhook; `timestamp` is when what it tells was, ISO 8601 in UTC."""

    type: str
    timestamp: str
    data: AlertData | DigestData | QuietData


def payload(message: Message, subscription: Subscription, composer: Composer, shared: AlertData | None = None) -> bytes:
    """The body, as JSON; the same at every try. `shared` is what `shared_of` says of the alert, if that is at hand."""
    if message.kind == "alert":
        alert = message.alerts[0]
        known = shared or shared_of(alert, subscription.language, composer.site)
        verdicts = verdict_links(alert, subscription.subscription_id, composer)
        return _encoded(f"alert.{alert.status}", message, msgspec.structs.replace(known, verdicts=verdicts))
    text = text_of(message, subscription, composer)
    spelled = SpelledText(text.title, text.lines)
    digest = message.kind == "digest"
    return _encoded(message.kind, message, _digest_data(message.alerts, spelled) if digest else QuietData(spelled))


def shared_of(alert: Alert, language: Language, site: Site) -> AlertData:
    """What is said of an alert to all who read that language."""
    spelled = SpelledText(*alert_words(alert, language, site))
    return AlertData(msgspec.Raw(encoder.encode(alert)), where_of(alert, site), spelled, recorder_of(alert, site))


def _encoded(kind: str, message: Message, data: AlertData | DigestData | QuietData) -> bytes:
    return encoder.encode(Payload(f"anfang.{kind}", iso_ms(message.at_ms).replace("+00:00", "Z"), data))


def _digest_data(alerts: Sequence[Alert], text: SpelledText) -> DigestData:
    counted = tally(alerts)
    states = [
        DigestState(a.alert_id, a.revision, a.status, a.rule, a.severity, a.zone_id, a.opened_ms)
        for a in alerts[:MAX_STATES]
    ]
    rows = [DigestRow(*row) for row in counted.by_rule_and_zone]
    return DigestData(counted.alerts, counted.states, counted.critical, rows, states, text)


def headers(message_id: str, body: bytes, secrets: Sequence[str], now_ms: int) -> dict[str, str]:
    """The headers of a Standard Webhook, signed with each of `secrets`."""
    now = datetime.fromtimestamp(now_ms // 1000, UTC)
    signatures = [_signer(secret).sign(message_id, now, body.decode()) for secret in secrets]
    return {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        "webhook-id": message_id,
        "webhook-timestamp": str(now_ms // 1000),
        "webhook-signature": " ".join(signatures),
    }


@lru_cache(maxsize=4096)
def _signer(secret: str) -> Webhook:
    return Webhook(secret)


class WebhookSender:
    """Posts messages over kept-alive connections. Make it inside the event loop, and close it."""

    def __init__(
        self,
        composer: Composer,
        allowed_hosts: frozenset[str],
        secrets: Secrets,
        clock: Clock,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._timeout_s = timeout_s
        self._composer, self._allowed, self._secrets, self._clock = composer, allowed_hosts, secrets, clock
        self._known: dict[tuple[str, Language], AlertData] = {}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=GuardedResolver(allowed_hosts), limit=0, ttl_dns_cache=60, keepalive_timeout=60
            ),
            timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=CONNECT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )

    async def send(self, message: Message, subscription: Subscription, channel: WebhookChannel) -> Outcome:
        """One try. Never raises for what the receiver does; UserError when the secret is missing."""
        body = payload(message, subscription, self._composer, self._shared(message, subscription.language))
        signed = headers(message.message_id, body, self._secrets(channel.secret), self._clock.now_ms())
        try:
            return await self._post(channel.url, body, signed)
        except TimeoutError:
            return Outcome("failed", f"no answer within {self._timeout_s:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Outcome("failed", f"{type(error).__name__}: {error}")

    def _shared(self, message: Message, language: Language) -> AlertData | None:
        """What is the same for all, made once: in a flood that is most of the work."""
        if message.kind != "alert":
            return None
        key = message.message_id, language
        if key not in self._known:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[key] = shared_of(message.alerts[0], language, self._composer.site)
        return self._known[key]

    async def _post(self, url: str, body: bytes, signed: dict[str, str]) -> Outcome:
        check_literal(URL(url).host or "", self._allowed)
        async with self._session.post(url, data=body, headers=signed, allow_redirects=False) as response:
            if not response.content.at_eof():
                await _drain(response)
            return outcome_of(response.status, response.headers.get("retry-after"), self._clock.now_ms())

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Read a short answer, so that the connection can be used again; give up a long or slow one with its connection."""
    try:
        async with asyncio.timeout(DRAIN_S):
            await response.content.read(MAX_ANSWER_BYTES)
    except (TimeoutError, aiohttp.ClientError):
        response.close()
        return
    if not response.content.at_eof():
        response.close()


def outcome_of(status: int, retry_after: str | None, now_ms: int) -> Outcome:
    """What an HTTP status means: 2xx delivered, 410 gone, our message not taken, or anything else failed."""
    if 200 <= status < 300:
        return DELIVERED
    if status == GONE:
        return Outcome("gone", "410 Gone")
    if status in OUR_FAULT:
        return Outcome("refused", f"answered {status}")
    return Outcome("failed", f"answered {status}", seconds_of(retry_after, now_ms))


def seconds_of(retry_after: str | None, now_ms: int) -> float | None:
    """Retry-After as seconds from now: a number, or a date; None where it is neither."""
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after.strip()[:9])
    try:
        at = parsedate_to_datetime(retry_after)
    except (TypeError, ValueError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, at.timestamp() - now_ms / 1000)
