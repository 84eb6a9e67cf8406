"""`anfang deliver` and `anfang subscriptions` on a real Kafka: subscribed by command, killed, nothing is lost."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from anfang import cli
from infra.channel_secrets import read_channel_secret, write_channel_secret
from infra.clock import SystemClock
from infra.delivery_state import outbox_path, read_lanes
from infra.errors import UserError
from infra.events import encoder
from infra.local.registry import read_process, start_process, stop_process
from infra.settings import Settings
from infra.subscriptions import read_subscriptions
from infra.topics import ALERTS, DEAD_LETTERS, SUBSCRIPTIONS
from streams.delivery.app import make_app
from streams.delivery.outbox import Outbox
from tests.kafka_helpers import produce, read_all
from tests.streams.delivery.helpers import SECRET, SITE, alert, closed, listening, queued, subscription, until

pytestmark = pytest.mark.stack


async def _run(*words: str) -> str:
    """What the command says; in a thread, for receivers go on meanwhile."""
    return await asyncio.to_thread(_run_here, *words)


def _run_here(*words: str) -> str:
    result = CliRunner().invoke(cli, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def settings(fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    own = fresh.model_copy(update={"webhook_hosts": "127.0.0.1", "web_url": "https://guard.example.com"})
    for name, value in own.as_environment().items():
        monkeypatch.setenv(name, value)
    yield own
    stop_process(own, f"{own.topic_prefix}deliver")


def _start(settings: Settings) -> None:
    argv = [sys.executable, "-m", "anfang", "deliver"]
    start_process(settings, f"{settings.topic_prefix}deliver", argv, settings.as_environment())


def _kill(settings: Settings) -> None:
    process = read_process(settings, f"{settings.topic_prefix}deliver")
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    stop_process(settings, f"{settings.topic_prefix}deliver")


def test_who_subscribed_by_command_gets_every_alert_though_the_worker_is_killed(settings: Settings) -> None:
    states = [alert(n) for n in range(40)] + [alert(n, 2, severity="critical") for n in range(40)]
    states += [closed(n, 3, "critical") for n in range(40)]

    async def story() -> None:
        async with listening() as guard, listening() as office:
            for name, receiver in (("guard_room", guard), ("office", office)):
                wanted = ["--digest-above", "0", *(["--severity", "critical"] if name == "office" else [])]
                told = await _run("subscriptions", "add", name, "--who", name, "--webhook", receiver.url, *wanted)
                assert read_channel_secret(settings, name)[0] in told
                write_channel_secret(settings, name, [SECRET])
            now_ms = SystemClock().now_ms()
            sent = [(state.zone_id.encode(), encoder.encode(state), now_ms) for state in states]
            await asyncio.to_thread(produce, settings, ALERTS, [*sent[:50], (b"plaza", b"no alert", now_ms), *sent[:5]])
            await asyncio.to_thread(_start, settings)
            await until(lambda: len(guard.taken) > 20, 90)
            await asyncio.to_thread(_kill, settings)
            await asyncio.to_thread(produce, settings, ALERTS, sent[50:])
            await asyncio.to_thread(_start, settings)
            everything = {f"{state.alert_id}.{state.revision}" for state in states}
            await until(lambda: everything <= set(guard.taken), 90)
            worse = {one for one in everything if not one.endswith(".1")}
            await until(lambda: worse <= set(office.taken), 90)
            assert {one for one in office.taken if not one.startswith("canary")} == worse
            await until(lambda: "anfang.canary" in {kind for _, kind, _ in guard.got}, 60)
            canaries = [one for one, kind, _ in guard.got if kind == "anfang.canary"]
            assert len(set(canaries)) <= 2  # one an hour, and the hour may have turned
            await _run("subscriptions", "test", "office")
            assert office.got[-1][1] == "anfang.test"
            shown = await _run("subscriptions", "list")
            assert "last delivered" in shown
            assert receiver.url not in shown
            await _run("subscriptions", "check")
            await _run("subscriptions", "remove", "office")
            before = len(office.got)
            await until(lambda: "subscription removed" in _log(settings), 60)
            await asyncio.to_thread(
                produce, settings, ALERTS, [(b"plaza", encoder.encode(alert(99, severity="critical")), now_ms)]
            )
            await until(lambda: f"{alert(99).alert_id}.1" in guard.taken, 60)
            assert len(office.got) == before
            await asyncio.to_thread(_kill, settings)

    asyncio.run(story())
    letters = {(letter.value(), dict(letter.headers() or [])["reason"]) for letter in read_all(settings, DEAD_LETTERS)}
    assert letters == {(b"no alert", b"malformed_json")}
    assert not any(SECRET.encode() in (message.value() or b"") for message in read_all(settings, SUBSCRIPTIONS))


def test_what_waits_for_a_subscription_that_is_not_valid_outlives_a_worker_and_is_sent_when_it_is(
    settings: Settings,
) -> None:
    async def story() -> None:
        async with listening() as receiver:
            outbox = Outbox(outbox_path(settings))
            outbox.put([queued(alert(0), "annex_room")], SystemClock().now_ms())
            outbox.close()
            for name in ("office", "annex_room"):
                write_channel_secret(settings, name, [SECRET])
            await _run("subscriptions", "add", "office", "--who", "office", "--webhook", receiver.url)
            gone = encoder.encode(subscription("annex_room", receiver.url, zones=["annex"]))
            await asyncio.to_thread(produce, settings, SUBSCRIPTIONS, [(b"annex_room", gone, SystemClock().now_ms())])
            await asyncio.to_thread(_start, settings)
            await until(lambda: "office" in read_lanes(outbox_path(settings)), 60)
            await _run("subscriptions", "add", "annex_room", "--who", "annex", "--webhook", receiver.url)
            await until(lambda: f"{alert(0).alert_id}.1" in receiver.taken, 60)
            await asyncio.to_thread(_kill, settings)

    asyncio.run(story())


def _log(settings: Settings) -> str:
    return Path(settings.home, "logs", f"{settings.topic_prefix}deliver.log").read_text(encoding="utf-8")


def test_without_anybody_subscribed_it_does_not_start_and_the_check_fails(settings: Settings) -> None:
    with pytest.raises(UserError, match="nobody is subscribed"):
        make_app(settings, SITE)
    result = CliRunner().invoke(cli, ["subscriptions", "check"])
    assert result.exit_code == 1
    assert "no subscription" in result.output


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (["--webhook", "http://example.com/"], "expected https"),
        (["--webhook", "https://user:pw@example.com/"], "without a user name"),
        (["--mail", "nobody"], "no mail server|expected name@host"),
        (["--webhook", "https://example.com/", "--zone", "atlantis"], "expected a zone of the site file"),
        (["--webhook", "https://example.com/", "--rule", "boredom"], "expected one of"),
        (["--webhook", "https://example.com/", "--quiet", "mon-sun 00:00-24:00"], "the whole week"),
        (["--webhook", "https://example.com/", "--quiet", "tonight"], "expected e.g."),
        (["--webhook", "https://example.com/", "--mail", "a@b.c"], "give one of"),
        ([], "give one of"),
    ],
)
def test_a_wrong_subscription_is_refused_with_what_was_expected(
    settings: Settings, wanted: list[str], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        CliRunner().invoke(cli, ["subscriptions", "add", "guard_room", "--who", "x", *wanted], catch_exceptions=False)
    assert read_subscriptions(settings, SITE) == {}
