"""Would an alert reach anybody? What `anfang subscriptions check` looks at."""

from collections.abc import Callable, Mapping
from typing import Final

from infra.clock import HOUR_MS, iso_ms
from infra.delivery_state import Lane
from infra.doctor import Finding
from infra.errors import UserError
from infra.events import Subscription, WebhookChannel
from infra.subscribing import channel_shown

QUIET_MS: Final = 2 * HOUR_MS

Check = Callable[[Subscription], None]


def examine_delivery(
    subscriptions: Mapping[str, Subscription],
    not_valid: Mapping[str, str],
    lanes: Mapping[str, Lane],
    check_channel: Check,
    now_ms: int,
) -> list[Finding]:
    """What is well and what is not; `not_valid`: what is wrong with subscriptions, by name.

    `check_channel` raises UserError where a secret or a setting is missing.
    """
    needs = "somebody who is told of alerts"
    wrong = [
        Finding(f"that {name} is valid", problem, f"add {name} again, or `anfang subscriptions remove {name}`")
        for name, problem in not_valid.items()
    ]
    if not subscriptions:
        nobody = Finding(needs, "no subscription", "`anfang subscriptions add`: until then alerts reach no one")
        return [nobody, *wrong]
    found = [Finding(needs, f"{len(subscriptions)} subscriptions"), *wrong]
    if not lanes:
        found.append(Finding("a delivery worker", "none has run in this home", "start `anfang deliver`"))
    for name, subscription in subscriptions.items():
        found.append(_channel(subscription, check_channel))
        if lanes:
            found.append(_lane(subscription, lanes.get(name, Lane(name)), now_ms))
    return found


def _channel(subscription: Subscription, check_channel: Check) -> Finding:
    needs = f"what {subscription.subscription_id} is sent by"
    try:
        check_channel(subscription)
    except UserError as error:
        return Finding(needs, error.problem, error.remedy)
    return Finding(needs, channel_shown(subscription))


def _lane(subscription: Subscription, lane: Lane, now_ms: int) -> Finding:
    name, last = subscription.subscription_id, lane.last_delivered_ms
    needs = f"messages that reach {name}"
    if lane.dead_ms is not None:
        again = f"mend the receiver, then add {name} again, or `anfang subscriptions remove {name}`"
        return Finding(needs, f"dead since {iso_ms(lane.dead_ms)}: {lane.last_error}", again)
    if lane.failing_since_ms is not None:
        return Finding(needs, f"failing since {iso_ms(lane.failing_since_ms)}: {lane.last_error}", "mend the receiver")
    expected = subscription.canary or isinstance(subscription.channel, WebhookChannel)
    fresh = last is not None and now_ms - last <= QUIET_MS
    if expected and not fresh and not subscription.quiet and now_ms - subscription.changed_ms > QUIET_MS:
        when = "never" if last is None else iso_ms(last)
        return Finding(needs, f"the last one {when}, though one goes each hour", "look whether `anfang deliver` runs")
    return Finding(needs, "none yet" if last is None else f"the last one {iso_ms(last)}")
