"""Subscribing somebody, and ending it: what the command, the page and the API do alike.

What a channel needs that is secret is kept in files of this machine (`infra/channel_secrets.py`); Kafka gets the rest.
"""

from collections.abc import Collection

import msgspec
from msgspec import Struct

from infra.channel_secrets import (
    forget_channel_secret,
    has_channel_secret,
    new_webhook_secret,
    write_channel_secret,
)
from infra.errors import UserError
from infra.events import MailChannel, PushChannel, Subscription, WebhookChannel
from infra.settings import Settings
from infra.site import Site
from infra.subscriptions import (
    KeyAndValue,
    hosts_of,
    is_taken,
    latest,
    mistakes,
    not_valid,
    read_messages,
    read_subscriptions,
    remove_subscription,
    save_subscription,
)


class NotSubscribedError(UserError):
    """What was asked for cannot be; `wrong` says why, each as `field: value, expected …`."""

    def __init__(self, wrong: list[str]) -> None:
        super().__init__("; ".join(wrong), "mend these, then add it again")
        self.wrong = wrong


class UnknownSubscriptionError(UserError):
    """The estate has no subscription of that name."""


class Subscribed(Struct, frozen=True):
    """What is now there, whether it is new, and a webhook's secret if one was made: it is shown this once."""

    subscription: Subscription
    is_new: bool
    webhook_secret: str | None = None


def subscribe(
    settings: Settings, site: Site, wanted: Subscription, push_address: str | None, now_ms: int
) -> Subscribed:
    """Tell somebody of alerts from now on, in place of the subscription of that name; times in `wanted` do not count.

    `push_address` is what `apprise` takes, for a messenger whose address is new. Blocking. Raises NotSubscribedError,
    and UserError when Kafka does not answer.
    """
    name = wanted.subscription_id
    wrong = [*mistakes(wanted, site, hosts_of(settings)), *_channel_mistakes(settings, wanted, push_address)]
    if wrong:
        raise NotSubscribedError(wrong)
    messages = read_messages(settings)
    if is_taken(messages, site, name):
        raise NotSubscribedError([f"name: {name!r}, expected one that is not taken"])
    before = latest(messages, site, hosts_of(settings)).get(name)
    since_ms = now_ms if before is None else before.since_ms
    made = msgspec.structs.replace(wanted, since_ms=since_ms, changed_ms=now_ms)
    shown = _keep_secret(settings, made, push_address)
    save_subscription(settings, made)
    return Subscribed(made, before is None, shown)


def unsubscribe(settings: Settings, site: Site, name: str) -> None:
    """Tell somebody no more; what waits for them is not sent, and their secret is deleted. Blocking.

    One that is not valid any more can be ended, too. Raises UnknownSubscriptionError, and UserError when Kafka does not
    answer.
    """
    _check_known(name, known_names(read_messages(settings), site, hosts_of(settings)))
    remove_subscription(settings, name)
    forget_channel_secret(settings, name)


def find_subscription(settings: Settings, site: Site, name: str) -> Subscription:
    """The estate's subscription of that name. Raises UnknownSubscriptionError."""
    known = read_subscriptions(settings, site)
    _check_known(name, known.keys())
    return known[name]


def known_names(messages: list[KeyAndValue], site: Site, webhook_hosts: frozenset[str]) -> set[str]:
    """The names of the estate's subscriptions by these messages, valid or not."""
    return latest(messages, site, webhook_hosts).keys() | not_valid(messages, site, webhook_hosts).keys()


def _check_known(name: str, known: Collection[str]) -> None:
    if name not in known:
        raise UnknownSubscriptionError(f"no subscription {name}", f"there are: {', '.join(sorted(known)) or 'none'}")


def channel_shown(subscription: Subscription) -> str:
    """The channel for people: of a webhook's address the host only, for the rest may hold a token."""
    match subscription.channel:
        case WebhookChannel(url=url):
            return f"webhook {url.partition('://')[2].partition('/')[0].partition('?')[0]}"
        case MailChannel(to=address):
            return f"mail {address}"
        case PushChannel(secret=secret):
            return f"push (secret {secret})"


def check_mail_settings(settings: Settings) -> None:
    """Raises UserError when e-mail cannot be sent with these settings."""
    if not settings.smtp_host or not settings.smtp_from:
        raise UserError("no mail server is set", "set ANFANG_SMTP_HOST and ANFANG_SMTP_FROM (docs/operator.md)")
    if settings.smtp_user and settings.smtp_security == "none":
        raise UserError(
            "ANFANG_SMTP_USER with ANFANG_SMTP_SECURITY=none: the password would go in clear",
            "use starttls or tls, or leave the user out",
        )


def is_known_address(address: str) -> bool:
    """Whether `apprise` can send to such an address."""
    import apprise  # noqa: PLC0415 slow, and seldom asked

    return apprise.Apprise().add(address)


def _channel_mistakes(settings: Settings, wanted: Subscription, push_address: str | None) -> list[str]:
    match wanted.channel:
        case MailChannel():
            try:
                check_mail_settings(settings)
            except UserError as error:
                return [f"mail: {error.problem}; {error.remedy}"]
        case PushChannel(secret=name):
            if push_address is None and not has_channel_secret(settings, name):
                return ["push: no address, expected one that apprise knows"]
            if push_address is not None and not is_known_address(push_address):
                return ["push: not one address that apprise knows, expected one as in docs/subscriber.md"]
    return []


def _keep_secret(settings: Settings, made: Subscription, push_address: str | None) -> str | None:
    """Write the channel's secret where it needs one; a webhook's that is new is returned."""
    name = made.subscription_id
    match made.channel:
        case WebhookChannel():
            return None if has_channel_secret(settings, name) else new_webhook_secret(settings, name)
        case PushChannel() if push_address is not None:
            write_channel_secret(settings, name, [push_address])
    return None
