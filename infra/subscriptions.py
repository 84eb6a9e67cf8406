"""Subscriptions: are they valid, which are there, save one, remove one. The truth is the compacted topic."""

import re
from collections.abc import Iterable, Iterator
from typing import Final, get_args
from urllib.parse import urlsplit

import msgspec
import structlog
from confluent_kafka import KafkaError, Message, Producer

from infra.channel_secrets import SMTP_PASSWORD
from infra.errors import UserError
from infra.events import MailChannel, Subscription, WebhookChannel, encoder
from infra.limits import Rule
from infra.settings import Settings
from infra.site import MINUTES_PER_DAY, Site, minutes_of_week
from infra.topics import PARTITIONER, SUBSCRIPTIONS, topic_name
from infra.whole_topic import read_whole

DELIVERY_TIMEOUT_S: Final = 30
WEEK_MINUTES: Final = 7 * MINUTES_PER_DAY
RULES: Final = frozenset(get_args(Rule))
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_MAIL: Final = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+")

KeyAndValue = tuple[bytes | None, bytes | None]

log = structlog.get_logger()


def mistakes(subscription: Subscription, site: Site, webhook_hosts: frozenset[str]) -> Iterator[str]:
    """What is wrong with it, each as `field: value, expected ...`; hosts in `webhook_hosts` may be reached by http."""
    if not _NAME.fullmatch(subscription.subscription_id) or subscription.subscription_id == SMTP_PASSWORD:
        yield f"name: {subscription.subscription_id!r}, expected small letters, digits and _"
    if subscription.estate_id != site.estate.id:
        yield f"estate_id: {subscription.estate_id!r}, expected {site.estate.id!r}"
    yield from (
        f"zones: {zone!r}, expected a zone of the site file" for zone in subscription.zones if zone not in site.zone
    )
    yield from (
        f"rules: {rule!r}, expected one of {', '.join(sorted(RULES))}"
        for rule in subscription.rules
        if rule not in RULES
    )
    yield from _quiet_mistakes(subscription.quiet)
    match subscription.channel:
        case WebhookChannel(url=url):
            yield from _url_mistakes(url, webhook_hosts)
        case MailChannel(to=address) if not _MAIL.fullmatch(address):
            yield f"mail: {address!r}, expected name@host"


def _quiet_mistakes(quiet: list[str]) -> Iterator[str]:
    try:
        covered = quiet_minutes(quiet)
    except ValueError as error:
        yield f"quiet: {error}"
        return
    if len(covered) == WEEK_MINUTES:
        yield "quiet: the whole week, expected some time at which messages may be sent"


def quiet_minutes(quiet: list[str]) -> frozenset[int]:
    """The minutes of the week (Monday 00:00 = 0) in weekly hours such as "mon-sun 22:00-06:00". Raises ValueError."""
    spans = [span for text in quiet for span in minutes_of_week(text)]
    return frozenset(minute % WEEK_MINUTES for start, end in spans for minute in range(start, end))


def _url_mistakes(url: str, webhook_hosts: frozenset[str]) -> Iterator[str]:
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        yield f"webhook: {error}"
        return
    if not host or parts.username is not None or any(character.isspace() for character in url):
        yield "webhook: expected https://host/path without a user name or spaces"
    elif parts.scheme != "https" and not (parts.scheme == "http" and host in webhook_hosts):
        yield f"webhook: {parts.scheme}://{host}, expected https (http only to a host in ANFANG_WEBHOOK_HOSTS)"


def read_subscriptions(settings: Settings, site: Site) -> dict[str, Subscription]:
    """The estate's subscriptions as they are now. Raises UserError when Kafka does not answer."""
    return latest(read_messages(settings), site, hosts_of(settings))


def read_messages(settings: Settings) -> list[KeyAndValue]:
    """All messages of the topic, of every estate. Raises UserError when Kafka does not answer."""
    return [(one.key(), one.value()) for one in read_whole(settings, SUBSCRIPTIONS)]


def is_taken(messages: Iterable[KeyAndValue], site: Site, name: str) -> bool:
    """Whether by the last of these messages of that name it is another estate's."""
    last = None
    for key, value in messages:
        if key == name.encode():
            last = value
    return _estate_of(last) not in {"", site.estate.id}


def _estate_of(value: bytes | None) -> str:
    try:
        return msgspec.json.decode(value or b"", type=Subscription).estate_id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def latest(messages: Iterable[KeyAndValue], site: Site, webhook_hosts: frozenset[str]) -> dict[str, Subscription]:
    """By name the last of these messages that is a valid subscription of this site; an empty one removes.

    One that is not valid is told in the log and leaves the one before it. A zone that the site file has no longer ends
    no subscription that has others.
    """
    found: dict[str, Subscription] = {}
    for key, value in messages:
        name = (key or b"").decode(errors="replace")
        subscription = _read(name, value, site)
        if not value:
            found.pop(name, None)
        if subscription is None:
            continue
        subscription = _of_known_zones(subscription, site)
        wrong = "; ".join(_wrong(name, subscription, site, webhook_hosts))
        if wrong:
            log.error("a subscription that is not valid", name=name, problem=wrong)
        else:
            found[name] = subscription
    return found


def not_valid(messages: Iterable[KeyAndValue], site: Site, webhook_hosts: frozenset[str]) -> dict[str, str]:
    """By name what is wrong with this site's last subscription of it, where anything is."""
    found: dict[str, str] = {}
    for key, value in messages:
        name = (key or b"").decode(errors="replace")
        subscription = _read(name, value, site)
        if subscription is not None or not value:
            found.pop(name, None)
        if subscription is not None and (wrong := "; ".join(_wrong(name, subscription, site, webhook_hosts))):
            found[name] = wrong
    return found


def names_of(messages: Iterable[KeyAndValue]) -> set[str]:
    """The names that were not removed by the last of these messages of theirs, be it valid or not."""
    return {(key or b"").decode(errors="replace") for key, value in dict(messages).items() if value}


def _read(name: str, value: bytes | None, site: Site) -> Subscription | None:
    """What the message says, if it is this site's; what cannot be read is told in the log."""
    if not value:
        return None
    try:
        subscription = msgspec.json.decode(value, type=Subscription)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        log.error("not a subscription", name=name, problem=str(error))
        return None
    return subscription if subscription.estate_id == site.estate.id else None


def _wrong(name: str, subscription: Subscription, site: Site, webhook_hosts: frozenset[str]) -> Iterator[str]:
    yield from mistakes(subscription, site, webhook_hosts)
    if subscription.subscription_id != name:
        yield f"name: {subscription.subscription_id!r}, expected the key {name!r}"


def _of_known_zones(subscription: Subscription, site: Site) -> Subscription:
    """Without the zones that are not in the site file, if that leaves any: none would mean all."""
    known = [zone for zone in subscription.zones if zone in site.zone]
    if not known or len(known) == len(subscription.zones):
        return subscription
    gone = sorted(set(subscription.zones).difference(known))
    log.warning("zones not in the site file", name=subscription.subscription_id, zones=gone)
    return msgspec.structs.replace(subscription, zones=known)


def hosts_of(settings: Settings) -> frozenset[str]:
    """The hosts of `webhook_hosts`, which webhooks may reach at private addresses and by http."""
    return frozenset(host for host in re.split(r"[,\s]+", settings.webhook_hosts.lower()) if host)


def save_subscription(settings: Settings, subscription: Subscription) -> None:
    """Publish it, in place of the one of that name. Raises UserError when Kafka did not take it."""
    _publish(settings, subscription.subscription_id, encoder.encode(subscription))


def remove_subscription(settings: Settings, name: str) -> None:
    """Publish that there is none of that name any more. Raises UserError when Kafka did not take it."""
    _publish(settings, name, None)


def _publish(settings: Settings, name: str, value: bytes | None) -> None:
    refused: list[KafkaError] = []

    def note(error: KafkaError | None, _message: Message) -> None:
        refused.extend([error] if error is not None else [])

    producer = Producer(
        {
            "bootstrap.servers": settings.kafka_address(),
            "partitioner": PARTITIONER,
            "enable.idempotence": True,
            "message.timeout.ms": DELIVERY_TIMEOUT_S * 1000,
            "log_level": 0,
        }
    )
    producer.produce(topic_name(SUBSCRIPTIONS, settings), value, name.encode(), on_delivery=note)
    if producer.flush(DELIVERY_TIMEOUT_S) or refused:
        raise UserError(f"Kafka did not take the subscription {name}", "look at `anfang status`, then try again")
