"""Subscriptions by the page and by the API: what is refused changes nothing; what is saved is in Kafka, and ends."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from dashboards.api.keys import new_key
from infra.channel_secrets import has_channel_secret, read_channel_secret
from infra.delivery_state import Lane, outbox_path
from infra.events import PushChannel, Subscription, WebhookChannel
from infra.settings import Settings
from infra.subscriptions import read_subscriptions
from infra.topics import create_topics
from streams.delivery.outbox import Outbox
from tests.dashboards.refusals import noting
from tests.dashboards.web.browser import served
from tests.dashboards.web.messages import ESTATE, NOON, SITE
from tests.dashboards.web.stage import OTHER, Client, Stage, csrf

PAGE = f"/e/{ESTATE}/subscriptions"
API = "/api/v1/subscriptions"
DOCUMENT = Path(__file__).parents[3] / "docs" / "subscriber.md"
HOOK = "https://guard.example.com/hook?token=t0ken"
Try = Callable[[Stage], httpx.Response]
TRIES: dict[str, tuple[Try, int]] = {}
refused = noting(TRIES)


def add(client: Client, path: str = PAGE, **fields: str) -> httpx.Response:
    """The form of the page, filled in."""
    token = csrf(client.get(path.rpartition("/")[0] + "/").text)
    filled = {"name": "guard_room", "who": "门岗", "channel": "webhook", "where": HOOK, "language": "zh"}
    return client.post(path, data={"csrf": token} | filled | fields)


def ordered(name: str = "guard_room", estate: str = ESTATE, **more: object) -> dict[str, object]:
    """The body that the API takes."""
    return {"estate": estate, "name": name, "who": "门岗", "channel": {"kind": "webhook", "url": HOOK}} | more


@refused(401)
def the_page_without_login(stage: Stage) -> httpx.Response:
    return stage.client().get(PAGE)


@refused(401)
def adding_without_login(stage: Stage) -> httpx.Response:
    return stage.client().post(PAGE, data={"name": "guard_room"})


@refused(403)
def a_guard_looks(stage: Stage) -> httpx.Response:
    return stage.logged_in("wang").get(PAGE)


@refused(403)
def the_office_adds(stage: Stage) -> httpx.Response:
    return add(stage.logged_in("li"))


@refused(403)
def without_the_forms_token(stage: Stage) -> httpx.Response:
    return add(stage.logged_in("ops"), csrf="")


@refused(403)
def removing_with_anothers_token(stage: Stage) -> httpx.Response:
    token = csrf(stage.logged_in("ops").get(f"/e/{ESTATE}/").text)
    return stage.logged_in("ops").post(f"{PAGE}/remove", data={"csrf": token, "name": "guard_room"})


@refused(404)
def another_estate(stage: Stage) -> httpx.Response:
    stage.give_estate("ops", ESTATE)
    return stage.logged_in("ops").get("/e/elsewhere/subscriptions")


@refused(503)
def kafka_does_not_answer(stage: Stage) -> httpx.Response:
    return stage.logged_in("ops").get(PAGE)


@refused(401)
def the_api_without_a_key(stage: Stage) -> httpx.Response:
    return stage.client().post(API, json=ordered())


@refused(403)
def a_key_for_reports(stage: Stage) -> httpx.Response:
    return stage.key_holder(scopes=["reports:read", "reports:create"]).get(API)


@refused(403)
def a_key_that_may_only_read(stage: Stage) -> httpx.Response:
    return stage.key_holder(scopes=["subscriptions:read"]).post(API, json=ordered())


@refused(403)
def removing_with_a_key_that_may_only_read(stage: Stage) -> httpx.Response:
    return stage.key_holder(scopes=["subscriptions:read"]).request("DELETE", f"{API}/guard_room")


@refused(404)
def a_key_of_another_estate(stage: Stage) -> httpx.Response:
    return stage.key_holder(estates=["elsewhere"]).post(API, json=ordered())


@refused(404)
def looking_at_another_estate(stage: Stage) -> httpx.Response:
    return stage.key_holder().get(f"{API}?estate=elsewhere")


@refused(422)
def a_channel_that_is_none(stage: Stage) -> httpx.Response:
    return stage.key_holder().post(API, json=ordered(channel={"kind": "pigeon", "to": "loft"}))


@refused(422)
def an_address_that_is_not_public(stage: Stage) -> httpx.Response:
    return stage.key_holder().post(API, json=ordered(channel={"kind": "webhook", "url": "http://10.0.0.1/"}))


@refused(405)
def putting_by_the_page(stage: Stage) -> httpx.Response:
    return stage.logged_in("ops").request("DELETE", PAGE)


@pytest.mark.parametrize("name", TRIES)
def test_a_try_is_refused_and_logged(name: str, tmp_path: Path) -> None:
    one, status = TRIES[name]
    stage = Stage(tmp_path)
    answer = one(stage)
    assert answer.status_code == status, answer.text[:200]
    assert stage.refusals()[0].status == status
    assert stage.refusals()[0].detail
    assert "t0ken" not in answer.text
    assert not has_channel_secret(stage.settings, "guard_room")


@pytest.fixture
def shared(fresh: Settings, tmp_path: Path) -> Stage:
    """The page on a real Kafka, with secrets of its own."""
    create_topics(fresh)
    own = {"home": tmp_path / "home", "kafka": fresh.kafka_address()}
    return Stage(tmp_path, settings=fresh.model_copy(update=own))


@pytest.mark.stack
def test_a_subscription_is_added_changed_shown_and_ended_on_the_page(shared: Stage) -> None:
    client = shared.logged_in("ops")
    assert "预警不会送达任何人" in client.get(PAGE).text
    ticked = {"severity-critical": "on", "zone-plaza": "on", "rule-fire_lane": "on", "canary": "on"}
    added = add(client, quiet="mon-sun 22:00-06:00", **ticked)
    assert added.status_code == 200, added.text
    (secret,) = read_channel_secret(shared.settings, "guard_room")
    assert secret in added.text
    assert read_subscriptions(shared.settings, SITE) == {
        "guard_room": Subscription(
            schema_version=1,
            subscription_id="guard_room",
            estate_id=ESTATE,
            who="门岗",
            channel=WebhookChannel(url=HOOK, secret="guard_room"),
            since_ms=NOON,
            changed_ms=NOON,
            zones=["plaza"],
            rules=["fire_lane"],
            severities=["critical"],
            quiet=["mon-sun 22:00-06:00"],
            canary=True,
        )
    }
    page = client.get(PAGE).text
    assert secret not in page
    assert "t0ken" not in page
    assert "尚无推送记录" in page
    note_lane(shared, Lane("guard_room", delivered=3, last_delivered_ms=NOON))
    assert "2024-03-01 12:00:00" in client.get(PAGE).text
    note_lane(shared, Lane("guard_room", failing_since_ms=NOON, failures=2, last_error="<b>503"))
    assert "推送失败：&lt;b&gt;503" in client.get(PAGE).text
    for wrong, told in (
        ({"zone-atlantis": "on"}, "expected a zone of the site file"),
        ({"name": "Guard Room"}, "expected small letters"),
        ({"where": "http://10.0.0.1/"}, "expected https"),
        ({"quiet": "always"}, "quiet:"),
        ({"channel": "mail", "where": "a@b.example"}, "no mail server is set"),
        ({"channel": "push", "where": "nonsense"}, "not one address that apprise knows"),
    ):
        refusal = add(client, **({"who": "新的"} | wrong))
        assert refusal.status_code == 422
        assert told in refusal.text
    shared.clock.advance(60_000)
    assert secret not in add(client, who="东门岗").text
    changed = read_subscriptions(shared.settings, SITE)["guard_room"]
    assert (changed.who, changed.since_ms, changed.changed_ms) == ("东门岗", NOON, NOON + 60_000)
    token = csrf(client.get(PAGE).text)
    assert client.post(f"{PAGE}/remove", data={"csrf": token, "name": "nobody"}).status_code == 404
    assert client.post(f"{PAGE}/remove", data={"csrf": token, "name": "guard_room"}).status_code == 303
    assert read_subscriptions(shared.settings, SITE) == {}
    assert not has_channel_secret(shared.settings, "guard_room")
    done = [entry.what for entry in shared.audit.last(99) if entry.what in {"subscribed", "unsubscribed"}]
    assert sorted(done) == ["subscribed", "subscribed", "unsubscribed"]


@pytest.mark.stack
def test_the_api_does_the_same_and_no_estate_takes_anothers_name(shared: Stage) -> None:
    client, theirs = shared.key_holder(), shared.key_holder(estates=["elsewhere"], name="elsewhere")
    made = client.post(API, json=ordered())
    assert made.status_code == 200, made.text
    assert made.json()["webhook_secret"] == read_channel_secret(shared.settings, "guard_room")[0]
    push = {"kind": "push", "address": "ntfys://ntfy.example/topic"}
    assert client.post(API, json=ordered("night", channel=push)).json()["webhook_secret"] is None
    taken = theirs.post(API, json=ordered(estate="elsewhere"))
    assert taken.status_code == 422
    assert [error["pointer"] for error in taken.json()["errors"]] == ["#/name"]
    assert theirs.post(API, json=ordered("their_room", estate="elsewhere")).status_code == 200
    note_lane(shared, Lane("night", delivered=1, last_delivered_ms=NOON))
    listed = client.get(API).json()["subscriptions"]
    assert [one["name"] for one in listed] == ["guard_room", "night"]
    assert [one["channel"] for one in listed] == ["webhook guard.example.com", "push (secret night)"]
    assert [one["webhook_secret"] for one in listed] == [None, None]
    assert listed[0]["delivery"] is None
    assert listed[1]["delivery"]["last_delivered_at"] == "2024-03-01T04:00:00+00:00"
    assert client.request("DELETE", f"{API}/their_room").status_code == 404
    assert client.request("DELETE", f"{API}/guard_room").status_code == 204
    assert client.request("DELETE", f"{API}/guard_room").status_code == 404
    (left,) = read_subscriptions(shared.settings, SITE).values()
    assert (left.subscription_id, left.channel) == ("night", PushChannel(secret="night"))
    assert list(read_subscriptions(shared.settings, OTHER)) == ["their_room"]


@pytest.mark.stack
def test_the_documented_commands_subscribe_and_end_it(shared: Stage) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    (commands,) = [block for block in blocks if API in block]
    key, token = new_key("guards", ["subscriptions:read", "subscriptions:write"], [ESTATE], None, NOON)
    shared.keys.add(key)
    with served(shared.app) as base:
        environment = {**os.environ, "KEY": token, "SITE": base}
        shell = subprocess.run(
            ["bash", "-c", f"set -euo pipefail\n{commands}"],
            check=False,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert shell.returncode == 0, shell.stdout + shell.stderr
    secret, listed = shell.stdout.splitlines()
    assert secret.startswith("whsec_")
    assert listed == "guard_room null"
    assert read_subscriptions(shared.settings, SITE) == {}


def note_lane(stage: Stage, lane: Lane) -> None:
    """As a delivery worker would."""
    outbox = Outbox(outbox_path(stage.settings))
    outbox.note(lane)
    outbox.close()
