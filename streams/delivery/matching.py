"""Who is told of which alert state, and when at the earliest. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from infra.clock import MINUTE_MS
from infra.events import Alert, Severity, Subscription
from infra.site import MINUTES_PER_DAY, Site
from infra.subscriptions import WEEK_MINUTES, quiet_minutes

GRAVITY: Final[dict[Severity, int]] = {"info": 0, "warning": 1, "critical": 2}
UNANSWERED: Final = "unanswered"


@dataclass(frozen=True)
class Told:
    """What a subscriber was last told of an alert."""

    revision: int
    severity: Severity


@dataclass(frozen=True)
class Wish:
    """A subscription, with its quiet minutes of the week worked out."""

    subscription: Subscription
    quiet: frozenset[int]

    @classmethod
    def of(cls, subscription: Subscription) -> "Wish":
        """From a valid subscription."""
        return cls(subscription, quiet_minutes(subscription.quiet))


def concerns(subscription: Subscription, alert: Alert, sent_ms: int, site: Site) -> bool:
    """Whether such an alert, sent at `sent_ms`, may be one for the subscriber, if it is severe enough."""
    return (
        sent_ms >= subscription.since_ms
        and not alert.suppressed
        and (not subscription.escalations_only or alert.rule == UNANSWERED)
        and (not subscription.rules or alert.rule in subscription.rules)
        and _inside(alert.zone_id, subscription.zones, site)
    )


def _inside(zone_id: str, zones: list[str], site: Site) -> bool:
    return not zones or (zone_id in site.zone and not set(zones).isdisjoint(site.ancestry(zone_id)))


def is_news(subscription: Subscription, alert: Alert, told: Told | None) -> bool:
    """Whether this state tells the subscriber something: the first one, one more severe, the end; or every update.

    The first one is of a severity that they want; who was told of it hears the rest, too.
    What has closed before the subscriber was told of it is told to nobody.
    """
    if told is None:
        wanted = not subscription.severities or alert.severity in subscription.severities
        return wanted and alert.status != "closed"
    if alert.revision <= told.revision:
        return False
    return subscription.updates or alert.status == "closed" or GRAVITY[alert.severity] > GRAVITY[told.severity]


def due_ms(wish: Wish, alert: Alert, now_ms: int, tz: ZoneInfo) -> int:
    """When it may be sent at the earliest, UTC ms: now, or at the end of the quiet hours if it is not urgent."""
    if not wish.quiet or alert.severity in wish.subscription.urgent:
        return now_ms
    return quiet_until_ms(wish.quiet, now_ms, tz)


def quiet_until_ms(quiet: frozenset[int], now_ms: int, tz: ZoneInfo) -> int:
    """`now_ms`, or the end of the quiet minutes of the local week that it lies in."""
    if _minute_of_week(now_ms, tz) not in quiet:
        return now_ms
    minute_ms = now_ms - now_ms % MINUTE_MS
    for ahead in range(1, WEEK_MINUTES + MINUTES_PER_DAY):
        later_ms = minute_ms + ahead * MINUTE_MS
        if _minute_of_week(later_ms, tz) not in quiet:
            return later_ms
    return now_ms  # the whole week is quiet, which no valid subscription says


def _minute_of_week(at_ms: int, tz: ZoneInfo) -> int:
    local = datetime.fromtimestamp(at_ms / 1000, tz)
    return local.weekday() * MINUTES_PER_DAY + local.hour * 60 + local.minute
