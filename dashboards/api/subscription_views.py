"""What the API and the page take and give of subscriptions. Times are ISO 8601 in UTC."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from dashboards.api.views import iso
from infra.alert_words import Language
from infra.delivery_state import LaneShown, outbox_path, read_lanes
from infra.events import MailChannel, PushChannel, Severity, Subscription, WebhookChannel
from infra.settings import Settings
from infra.site import Site
from infra.subscribing import channel_shown
from infra.subscriptions import read_subscriptions

Names = Annotated[list[Annotated[str, Field(max_length=96)]], Field(max_length=1000)]


class NewWebhook(BaseModel):
    """A Standard Webhook: https, to a public address."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["webhook"]
    url: str = Field(min_length=1, max_length=2000)


class NewMail(BaseModel):
    """An e-mail address."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["mail"]
    to: str = Field(min_length=3, max_length=254)


class NewPush(BaseModel):
    """A messenger that apprise knows; without `address` that of the subscription it replaces goes on."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["push"]
    address: str | None = Field(None, min_length=3, max_length=2000)


class NewSubscription(BaseModel):
    """Who is to be told of which alerts, and how; see `infra/schemas/subscription.schema.json`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "estate": "demo_garden",
                    "name": "guard_room",
                    "who": "门岗",
                    "channel": {"kind": "webhook", "url": "https://guard.example.com/hook"},
                    "severities": ["critical"],
                }
            ]
        },
    )

    estate: str = Field(max_length=64, description="id of the estate")
    name: str = Field(max_length=64, description="of the subscription: small letters, digits, _")
    who: str = Field(min_length=1, max_length=96, description="whom it reaches, for people")
    channel: NewWebhook | NewMail | NewPush = Field(discriminator="kind")
    language: Language = "zh"
    zones: Names = []
    rules: Names = []
    severities: list[Severity] = []
    escalations_only: bool = False
    updates: bool = False
    quiet: Names = []
    urgent: list[Severity] = ["critical"]
    digest_above: int = Field(20, ge=0, le=10_000)
    canary: bool = False

    def wanted(self) -> tuple[Subscription, str | None]:
        """The subscription, and the messenger's address where one is given."""
        taken = self.model_dump(exclude={"estate", "name", "channel"})
        made = Subscription(
            schema_version=1,
            subscription_id=self.name,
            estate_id=self.estate,
            channel=self._channel(),
            since_ms=0,
            changed_ms=0,
            **taken,
        )
        return made, self.channel.address if isinstance(self.channel, NewPush) else None

    def _channel(self) -> WebhookChannel | MailChannel | PushChannel:
        match self.channel:
            case NewWebhook():
                return WebhookChannel(url=self.channel.url, secret=self.name)
            case NewMail():
                return MailChannel(to=self.channel.to)
            case NewPush():
                return PushChannel(secret=self.name)


class DeliveryView(BaseModel):
    """How deliveries are doing. What failed last is `last_error`; nothing is sent any more since `dead_since`."""

    delivered: int
    waiting: int
    last_delivered_at: str | None
    failing_since: str | None
    dead_since: str | None
    last_error: str


class SubscriptionView(BaseModel):
    """A subscription; of a webhook's address only the host is shown, for the rest may hold a token."""

    estate: str
    name: str
    who: str
    channel: str
    language: Language
    zones: list[str]
    rules: list[str]
    severities: list[Severity]
    escalations_only: bool
    updates: bool
    quiet: list[str]
    urgent: list[Severity]
    digest_above: int
    canary: bool
    since: str
    changed: str
    delivery: DeliveryView | None = Field(None, description="null: no worker has had it yet")
    webhook_secret: str | None = Field(None, description="a new webhook's signing secret, shown this once")


class SubscriptionList(BaseModel):
    """Subscriptions by name. Where there is none, alerts reach nobody."""

    subscriptions: list[SubscriptionView]


def subscriptions_of(settings: Settings, site: Site) -> list[SubscriptionView]:
    """The estate's subscriptions by name. Blocking. Raises UserError when Kafka does not answer."""
    lanes = read_lanes(outbox_path(settings))
    found = read_subscriptions(settings, site)
    return [view_of(found[name], lanes.get(name)) for name in sorted(found)]


def view_of(one: Subscription, lane: LaneShown | None, webhook_secret: str | None = None) -> SubscriptionView:
    """A subscription as it is shown."""
    return SubscriptionView(
        estate=one.estate_id,
        name=one.subscription_id,
        who=one.who,
        channel=channel_shown(one),
        language=one.language,
        zones=one.zones,
        rules=one.rules,
        severities=one.severities,
        escalations_only=one.escalations_only,
        updates=one.updates,
        quiet=one.quiet,
        urgent=one.urgent,
        digest_above=one.digest_above,
        canary=one.canary,
        since=iso(one.since_ms) or "",
        changed=iso(one.changed_ms) or "",
        delivery=None if lane is None else _delivery(lane),
        webhook_secret=webhook_secret,
    )


def _delivery(lane: LaneShown) -> DeliveryView:
    return DeliveryView(
        delivered=lane.delivered,
        waiting=lane.waiting,
        last_delivered_at=iso(lane.last_delivered_ms),
        failing_since=iso(lane.failing_since_ms),
        dead_since=iso(lane.dead_ms),
        last_error=lane.last_error,
    )
