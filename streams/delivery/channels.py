"""One try at sending a message by a subscription's channel, whichever it is."""

import asyncio
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from infra.channel_secrets import SMTP_PASSWORD, read_channel_secret
from infra.clock import Clock
from infra.errors import UserError
from infra.events import MailChannel, PushChannel, Subscription, WebhookChannel
from infra.links import link_key
from infra.settings import Settings
from infra.site import Site
from infra.subscribing import check_mail_settings
from infra.subscriptions import hosts_of
from streams.delivery.mail import mail_of, send_mail
from streams.delivery.message import Composer, Message
from streams.delivery.push import send_push
from streams.delivery.retries import Outcome
from streams.delivery.webhook import WebhookSender

THREADS: Final = 32

log = structlog.get_logger()


class Channels:
    """All channels. Make it inside the event loop, and close it."""

    def __init__(self, settings: Settings, site: Site, clock: Clock) -> None:
        self._settings = settings
        self._composer = Composer(site, settings.web_url, link_key(settings))
        self._known: dict[str, Sequence[str]] = {}
        self._webhooks = WebhookSender(self._composer, hosts_of(settings), self._secret, clock)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="channel")

    async def send(self, message: Message, subscription: Subscription) -> Outcome:
        """One try. A missing secret, a wrong setting or a defect is a failure like any other: it may be mended.

        What goes wrong with one subscription holds up no other.
        """
        try:
            match subscription.channel:
                case WebhookChannel() as channel:
                    return await self._webhooks.send(message, subscription, channel)
                case MailChannel() as channel:
                    mail = mail_of(message, subscription, channel, self._composer, self._settings.smtp_from)
                    return await self._in_thread(partial(send_mail, mail, self._settings, self._secret))
                case PushChannel() as channel:
                    push = partial(send_push, message, subscription, channel, self._composer, self._secret)
                    return await self._in_thread(push)
        except UserError as error:
            return Outcome("failed", error.problem)
        except Exception as error:
            return Outcome("failed", _defect(error))

    def forget_secrets(self) -> None:
        """Read them anew when they are wanted next: they may have been rotated."""
        self._known.clear()

    async def close(self) -> None:
        """Close connections; what runs in threads ends by its own time limits."""
        await self._webhooks.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _secret(self, name: str) -> Sequence[str]:
        if name not in self._known:
            self._known[name] = read_channel_secret(self._settings, name)
        return self._known[name]

    async def _in_thread(self, send: "partial[Outcome]") -> Outcome:
        return await asyncio.get_running_loop().run_in_executor(self._threads, send)


def _defect(error: Exception) -> str:
    """What a defect was and where, without the text or variables of it, which may hold a secret."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    said = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
    log.error("a channel has a defect", problem=said)
    return said


def check_channel(settings: Settings, subscription: Subscription) -> None:
    """Raises UserError where a secret or a setting is missing that the subscription's channel needs."""
    match subscription.channel:
        case WebhookChannel(secret=secret) | PushChannel(secret=secret):
            read_channel_secret(settings, secret)
        case MailChannel():
            check_mail_settings(settings)
            if settings.smtp_user:
                read_channel_secret(settings, SMTP_PASSWORD)


async def try_channel(settings: Settings, site: Site, subscription: Subscription, clock: Clock) -> Outcome:
    """Send a test message, once."""
    channels, now_ms = Channels(settings, site, clock), clock.now_ms()
    try:
        return await channels.send(Message(f"test.{now_ms}", "test", (), now_ms), subscription)
    finally:
        await channels.close()
