"""The messenger channel: DingTalk, WeCom, Feishu, ntfy and whatever else `apprise` knows. Blocking: runs in a thread.

The address (with its token) is a secret of the operator, who vouches for where it leads; nothing of it is logged.
"""

import logging
from collections.abc import Callable, Sequence

import apprise

from infra.events import PushChannel, Subscription
from streams.delivery.message import Composer, Message, text_of
from streams.delivery.retries import DELIVERED, Outcome

Secrets = Callable[[str], Sequence[str]]
logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its warnings carry addresses


def send_push(
    message: Message, subscription: Subscription, channel: PushChannel, composer: Composer, secrets: Secrets
) -> Outcome:
    """One try. Raises UserError when the secret is missing."""
    receiver = apprise.Apprise()
    if not receiver.add(secrets(channel.secret)[0]):
        return Outcome("failed", f"the secret {channel.secret} is no address that apprise knows")
    text = text_of(message, subscription, composer)
    taken = receiver.notify(title=text.title, body=text.plain(), body_format=apprise.NotifyFormat.TEXT)
    return DELIVERED if taken else Outcome("failed", "the messenger did not take it")
