"""Commands of alert delivery: the worker, and who is told of what."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.configured import SiteOption, configured

if TYPE_CHECKING:
    from infra.delivery_state import LaneShown
    from infra.events import MailChannel, PushChannel, Subscription, WebhookChannel

PortOption = Annotated[
    int | None, typer.Option("--metrics-port", min=1024, max=65535, help="serve metrics on 127.0.0.1; default: not")
]
NameArgument = Annotated[str, typer.Argument(help="name of the subscription: small letters, digits, _")]


class Level(StrEnum):
    """The severities of alerts."""

    info = "info"
    warning = "warning"
    critical = "critical"


class Tongue(StrEnum):
    """The languages of messages."""

    zh = "zh"
    en = "en"


def register(app: typer.Typer) -> None:
    """Add `anfang deliver` and `anfang subscriptions …` to the root command."""
    app.command()(deliver)
    subscriptions = typer.Typer(no_args_is_help=True, help="Who is told of which alerts, and how.")
    subscriptions.command("add")(add)
    subscriptions.command("list")(list_all)
    subscriptions.command("remove")(remove)
    subscriptions.command("test")(try_out)
    subscriptions.command("rotate")(rotate)
    subscriptions.command("check")(check)
    app.add_typer(subscriptions, name="subscriptions")


def deliver(site: SiteOption = None, metrics_port: PortOption = None) -> None:
    """Send alerts to all who are subscribed, until stopped. One for each home.

    Example: anfang deliver --site infra/sites/small.yaml --metrics-port 9104
    """
    from infra.topics import create_topics
    from streams import worker
    from streams.delivery import app as room

    settings, estate = configured(site)
    create_topics(settings)
    worker.run(room.make_app(settings, estate), metrics_port)


def add(
    name: NameArgument,
    *,
    who: Annotated[str, typer.Option("--who", help="whom it reaches, for people")],
    webhook: Annotated[str | None, typer.Option("--webhook", help="URL that is posted to")] = None,
    mail: Annotated[str | None, typer.Option("--mail", help="e-mail address")] = None,
    push_from: Annotated[
        Path | None, typer.Option("--push-from", help="file with one apprise address (DingTalk, ntfy ...); -: stdin")
    ] = None,
    zones: Annotated[list[str] | None, typer.Option("--zone", help="with all inside it; default: all")] = None,
    rules: Annotated[list[str] | None, typer.Option("--rule", help="default: all")] = None,
    severities: Annotated[list[Level] | None, typer.Option("--severity", help="default: all")] = None,
    escalations_only: Annotated[bool, typer.Option(help="only alerts that nobody answered")] = False,
    updates: Annotated[bool, typer.Option(help="every update, not only worse ones and the end")] = False,
    quiet: Annotated[list[str] | None, typer.Option("--quiet", help="e.g. 'mon-sun 22:00-06:00', local time")] = None,
    urgent: Annotated[
        list[Level] | None, typer.Option("--urgent", help="passes quiet hours; default: critical")
    ] = None,
    digest_above: Annotated[int, typer.Option(min=0, help="more messages a minute become one; 0: never")] = 20,
    language: Annotated[Tongue, typer.Option(help="of the texts")] = Tongue.zh,
    canary: Annotated[bool, typer.Option(help="the hourly test message too (webhooks always get it)")] = False,
    site: SiteOption = None,
) -> None:
    """Tell somebody of alerts from now on; the same name again replaces it. Prints a new webhook's secret, once.

    Example: anfang subscriptions add guard_room --who 门岗 --webhook https://guard.example.com/hook --severity critical
    """
    from infra.clock import SystemClock
    from infra.events import Subscription
    from infra.subscribing import subscribe
    from infra.topics import create_topics

    settings, estate = configured(site)
    create_topics(settings)
    wanted = Subscription(
        schema_version=1,
        subscription_id=name,
        estate_id=estate.estate.id,
        who=who,
        channel=_channel(name, webhook, mail, push_from),
        since_ms=0,
        changed_ms=0,
        language=language.value,
        zones=zones or [],
        rules=rules or [],
        severities=[one.value for one in severities or []],
        escalations_only=escalations_only,
        updates=updates,
        quiet=quiet or [],
        urgent=["critical"] if urgent is None else [one.value for one in urgent],
        digest_above=digest_above,
        canary=canary,
    )
    done = subscribe(settings, estate, wanted, _address_in(push_from), SystemClock().now_ms())
    if done.webhook_secret is not None:
        typer.echo(f"its signing secret, shown this once: {done.webhook_secret}")
    typer.echo(f"{'added' if done.is_new else 'changed'}: {name}; try it with `anfang subscriptions test {name}`")


def _channel(
    name: str, webhook: str | None, mail: str | None, push_from: Path | None
) -> "WebhookChannel | MailChannel | PushChannel":
    from infra.errors import UserError
    from infra.events import MailChannel, PushChannel, WebhookChannel

    if sum(one is not None for one in (webhook, mail, push_from)) != 1:
        raise UserError(f"{name}: by which channel?", "give one of --webhook URL, --mail ADDRESS, --push-from FILE")
    if webhook is not None:
        return WebhookChannel(url=webhook, secret=name)
    return PushChannel(secret=name) if mail is None else MailChannel(to=mail)


def _address_in(push_from: Path | None) -> str | None:
    """The messenger's address: what the file holds, or standard input."""
    import sys

    if push_from is None:
        return None
    return (sys.stdin.read() if str(push_from) == "-" else push_from.read_text(encoding="utf-8")).strip()


def list_all(site: SiteOption = None) -> None:
    """Show all subscriptions: channel, when a message was last taken, what waits, and which are failing or dead.

    Example: anfang subscriptions list
    """
    from infra.delivery_state import outbox_path, read_lanes
    from infra.subscriptions import read_subscriptions

    settings, estate = configured(site)
    subscriptions, lanes = read_subscriptions(settings, estate), read_lanes(outbox_path(settings))
    for name, subscription in sorted(subscriptions.items()):
        typer.echo(_told(subscription, lanes.get(name), estate.estate.timezone))
    typer.echo(f"{len(subscriptions)} subscriptions" + ("" if subscriptions else ": alerts reach no one"))


def _told(subscription: "Subscription", lane: "LaneShown | None", timezone: str) -> str:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from infra.subscribing import channel_shown

    def local(at_ms: int | None) -> str:
        return (
            "never" if at_ms is None else f"{datetime.fromtimestamp(at_ms / 1000, ZoneInfo(timezone)):%m-%d %H:%M:%S}"
        )

    state = "no worker yet"
    if lane is not None:
        state = f"last delivered {local(lane.last_delivered_ms)}, {lane.delivered} in all, {lane.waiting} waiting"
        if lane.dead_ms is not None:
            state += f"; DEAD since {local(lane.dead_ms)}: {lane.last_error}"
        elif lane.failing_since_ms is not None:
            state += f"; failing since {local(lane.failing_since_ms)}: {lane.last_error}"
    wanted = [*subscription.severities, *subscription.rules, *subscription.zones] or ["all"]
    wanted += ["escalations only"] if subscription.escalations_only else []
    shown = f"{subscription.subscription_id:<16} {subscription.who}, {channel_shown(subscription)}, {', '.join(wanted)}"
    return f"{shown}\n{'':<16} {state}"


def remove(name: NameArgument, site: SiteOption = None) -> None:
    """Tell somebody no more; what waits for them is not sent, and their secret is deleted.

    Example: anfang subscriptions remove guard_room
    """
    from infra.subscribing import unsubscribe

    unsubscribe(*configured(site), name)
    typer.echo(f"removed: {name}")


def try_out(name: NameArgument, site: SiteOption = None) -> None:
    """Send a test message to somebody now, past worker and outbox, and say what came of it.

    Example: anfang subscriptions test guard_room
    """
    import asyncio

    from infra.clock import SystemClock
    from infra.errors import UserError
    from infra.subscribing import find_subscription
    from streams.delivery.channels import try_channel

    settings, estate = configured(site)
    outcome = asyncio.run(try_channel(settings, estate, find_subscription(settings, estate, name), SystemClock()))
    if outcome.kind != "delivered":
        raise UserError(f"{name}: {outcome.kind}: {outcome.problem}", "mend the receiver or the subscription")
    typer.echo(f"{name}: the receiver has taken it")


def rotate(name: NameArgument, site: SiteOption = None) -> None:
    """Make a new signing secret for a webhook and print it, once; the one before stays valid until the next.

    Example: anfang subscriptions rotate guard_room
    """
    from infra.channel_secrets import new_webhook_secret
    from infra.errors import UserError
    from infra.events import WebhookChannel
    from infra.subscribing import find_subscription

    settings, estate = configured(site)
    if not isinstance(find_subscription(settings, estate, name).channel, WebhookChannel):
        raise UserError(f"{name} is no webhook", "only webhooks are signed")
    typer.echo(f"its new signing secret, shown this once: {new_webhook_secret(settings, name)}")


def check(site: SiteOption = None) -> None:
    """Look whether an alert would reach anybody; exit code 1 when something is not well. Changes nothing.

    Example: anfang subscriptions check
    """
    from infra.clock import SystemClock
    from infra.delivery_state import outbox_path, read_lanes
    from infra.subscriptions import hosts_of, latest, not_valid, read_messages
    from streams.delivery.channels import check_channel
    from streams.delivery.health import examine_delivery

    settings, estate = configured(site)
    messages, hosts = read_messages(settings), hosts_of(settings)
    findings = examine_delivery(
        latest(messages, estate, hosts),
        not_valid(messages, estate, hosts),
        read_lanes(outbox_path(settings)),
        lambda one: check_channel(settings, one),
        SystemClock().now_ms(),
    )
    for finding in findings:
        typer.echo(str(finding))
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)
