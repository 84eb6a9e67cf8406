"""Subscriptions as the topic tells them: the last valid one of each name; what is wrong is said."""

from typing import Any

import msgspec
import pytest

from infra.events import MailChannel, PushChannel, Subscription, WebhookChannel, encoder
from infra.settings import SMALL_SITE, Settings
from infra.site import load_site
from infra.subscribing import known_names
from infra.subscriptions import hosts_of, latest, mistakes, names_of, not_valid, quiet_minutes

SITE = load_site(SMALL_SITE)
GOOD = Subscription(
    schema_version=1,
    subscription_id="guard_room",
    estate_id=SITE.estate.id,
    who="门岗",
    channel=WebhookChannel(url="https://guard.example.com/hook", secret="guard_room"),
    since_ms=0,
    changed_ms=0,
)


def _told(*messages: tuple[str, Subscription | bytes | None]) -> dict[str, str]:
    raw = [(name.encode(), encoder.encode(one) if isinstance(one, Subscription) else one) for name, one in messages]
    return {name: one.who for name, one in latest(raw, SITE, frozenset()).items()}


def _changed(**changes: Any) -> Subscription:
    return msgspec.structs.replace(GOOD, **changes)


def test_the_last_message_of_a_name_counts_and_an_empty_one_removes() -> None:
    other = _changed(subscription_id="office", who="居委会")
    messages = [("guard_room", GOOD), ("office", other), ("guard_room", _changed(who="夜班"))]
    assert _told(*messages) == {"guard_room": "夜班", "office": "居委会"}
    assert _told(*messages, ("office", None), ("nobody", None)) == {"guard_room": "夜班"}
    assert _told(("office", None), ("office", other)) == {"office": "居委会"}


@pytest.mark.parametrize(
    "wrong",
    [
        b"\xff{",
        b"{}",
        _changed(zones=["atlantis"]),
        _changed(who="stranger", estate_id="moon"),
        _changed(subscription_id="another_key"),
        _changed(channel=WebhookChannel(url="http://169.254.169.254/", secret="x")),
    ],
)
def test_what_is_not_valid_leaves_the_one_before_it(wrong: Subscription | bytes) -> None:
    assert _told(("guard_room", GOOD), ("guard_room", wrong)) == {"guard_room": "门岗"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"subscription_id": "Guard Room"}, "small letters"),
        ({"subscription_id": "smtp_password"}, "small letters"),
        ({"estate_id": "moon"}, "'demo_garden'"),
        ({"zones": ["plaza", "atlantis"]}, "'atlantis', expected a zone"),
        ({"rules": ["boredom"]}, "expected one of"),
        ({"quiet": ["mon-sun 22:00-06:00"]}, ""),
        ({"quiet": ["mon-sun 00:00-12:00", "mon-sun 12:00-00:00"]}, "the whole week"),
        ({"quiet": ["tonight"]}, "expected e.g."),
        ({"channel": MailChannel(to="office@example.com")}, ""),
        ({"channel": MailChannel(to="a@b.c, d@e.f")}, "expected name@host"),
        ({"channel": MailChannel(to="a@b.c\nBcc: all@b.c")}, "expected name@host"),
        ({"channel": PushChannel(secret="ops")}, ""),
        ({"channel": WebhookChannel(url="http://nvr.lan/hook", secret="x")}, ""),
        ({"channel": WebhookChannel(url="http://other.lan/hook", secret="x")}, "expected https"),
        ({"channel": WebhookChannel(url="file:///etc/passwd", secret="x")}, "without a user name"),
        ({"channel": WebhookChannel(url="https://a:b@c.example/", secret="x")}, "without a user name"),
        ({"channel": WebhookChannel(url="https://c.example:99999/", secret="x")}, "webhook:"),
        ({"channel": WebhookChannel(url="https://[::1/", secret="x")}, "webhook:"),
    ],
)
def test_what_is_wrong_is_said_with_what_was_expected(changes: dict[str, Any], said: str) -> None:
    found = "; ".join(mistakes(_changed(**changes), SITE, frozenset({"nvr.lan"})))
    assert said in found
    assert bool(found) is bool(said)


def test_a_zone_that_is_gone_from_the_site_file_ends_no_subscription_that_has_others() -> None:
    found = latest([(b"guard_room", encoder.encode(_changed(zones=["plaza", "annex"])))], SITE, frozenset())
    assert found["guard_room"].zones == ["plaza"]


def test_what_is_wrong_with_a_subscription_is_known_until_it_is_mended_or_removed() -> None:
    def wrong(*values: Subscription | None) -> dict[str, str]:
        raw = [(b"guard_room", None if one is None else encoder.encode(one)) for one in values]
        return not_valid(raw, SITE, frozenset())

    old, foreign = _changed(zones=["plaza", "annex"]), _changed(estate_id="moon", zones=["crater"])
    assert wrong(GOOD) == wrong(old, GOOD) == wrong(old, None) == wrong(foreign) == {}
    assert "'annex'" in wrong(GOOD, old)["guard_room"]


def test_who_was_not_removed_has_a_name_though_it_is_not_valid() -> None:
    wrong, gone = encoder.encode(_changed(zones=["annex"])), [(b"office", b"{}"), (b"office", None)]
    assert names_of([(b"guard_room", wrong), *gone, (b"night", None), (b"night", b"\xff{")]) == {"guard_room", "night"}


def test_quiet_hours_run_past_midnight_and_past_the_week() -> None:
    covered = quiet_minutes(["sun 23:00-01:00"])
    assert covered == frozenset([*range(7 * 1440 - 60, 7 * 1440), *range(60)])


def test_hosts_are_told_apart_by_commas_or_spaces() -> None:
    assert hosts_of(Settings(webhook_hosts="NVR.lan, 10.0.0.7 ,a,")) == {"nvr.lan", "10.0.0.7", "a"}
    assert hosts_of(Settings(webhook_hosts="")) == frozenset()


def test_only_who_is_subscribed_to_this_estate_can_be_ended_be_it_valid_or_not() -> None:
    sent = {"guard_room": GOOD, "annex": _changed(subscription_id="annex", zones=["annex"]), "night": None}
    raw = [(name.encode(), encoder.encode(one) if one else None) for name, one in sent.items()]
    foreign = (b"crater", encoder.encode(_changed(subscription_id="crater", estate_id="moon")))
    assert known_names([*raw, foreign], SITE, frozenset()) == {"guard_room", "annex"}
