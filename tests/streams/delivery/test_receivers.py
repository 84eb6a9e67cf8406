"""The webhook channel against receivers that fail in twelve ways: the alert comes when they are well again."""

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme

from infra.clock import SystemClock
from infra.events import Subscription
from streams.delivery.courier import Way
from streams.delivery.lanes import Lanes
from streams.delivery.message import Message, alert_message
from streams.delivery.outbox import Outbox
from streams.delivery.retries import DELIVERED, GIVE_UP_MS, Outcome
from tests.streams.delivery.helpers import alert, hook_way, listening, open_outbox, queued, sender, subscription, until

FAST = (0.02,)
ALERTS = 3
IDS = [f"{alert(number).alert_id}.1" for number in range(ALERTS)]


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return open_outbox(tmp_path)


async def _deliver_all(outbox: Outbox, url: str, timeout_s: float = 0.4) -> None:
    """Queue the alerts and serve until none waits."""
    hooks = sender(timeout_s)
    subscribed = subscription(url=url)
    lanes = Lanes(outbox, hook_way(hooks, FAST))
    outbox.put([queued(alert(number)) for number in range(ALERTS)], 0)
    await lanes.update({subscribed.subscription_id: subscribed})
    await until(lambda: outbox.held() == 0)
    await lanes.close()
    await hooks.close()


@pytest.mark.parametrize("fault", ["500", "503", "404", "reset", "timeout", "redirect", "429", "garbage"])
def test_what_failed_for_a_while_is_delivered(outbox: Outbox, fault: str) -> None:
    async def story() -> None:
        async with listening([fault] * (ALERTS + 2) + ["200"]) as receiver:
            receiver.retry_after = "0"
            await _deliver_all(outbox, receiver.url)
            got = [one for one, *_ in receiver.got]
            assert sorted(receiver.taken) == sorted(IDS)
            assert sorted(got[:ALERTS]) == sorted(IDS)  # all at once, and all fail
            assert got[ALERTS : ALERTS + 3] == [IDS[0]] * 3  # then the oldest alone, until it is taken
            assert len(got) == 2 * ALERTS + 2
            assert not any("elsewhere" in str(body) for *_, body in receiver.got)
        lane = outbox.lane("guard_room")
        assert (lane.delivered, lane.failures, lane.failing_since_ms, lane.dead_ms) == (ALERTS, 0, None, None)

    asyncio.run(story())


@pytest.mark.parametrize("fault", ["slow", "huge"])
def test_an_answer_without_end_is_not_read(outbox: Outbox, fault: str) -> None:
    async def story() -> None:
        async with listening([fault, fault, fault, "200"]) as receiver:
            await _deliver_all(outbox, receiver.url, timeout_s=5)
            assert sorted(receiver.taken) == sorted(IDS)  # three at once, three connections
            assert len(receiver.got) == ALERTS  # 200 was said: nothing is sent twice

    asyncio.run(story())


def test_a_flapping_receiver_gets_everything_once(outbox: Outbox) -> None:
    async def story() -> None:
        async with listening(["500", "200"] * 3 + ["200"]) as receiver:
            await _deliver_all(outbox, receiver.url)
            assert sorted(receiver.taken) == sorted(IDS)

    asyncio.run(story())


def test_a_closed_port_that_opens_later(outbox: Outbox) -> None:
    async def story() -> None:
        async with listening() as receiver:
            url = receiver.url
        serving = asyncio.create_task(_deliver_all(outbox, url))
        await until(lambda: outbox.lane("guard_room").failures >= 2)
        server = await asyncio.start_server(receiver.serve, "127.0.0.1", receiver.port)
        await serving
        server.close()
        assert sorted(receiver.taken) == sorted(IDS)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://no-such-host.invalid/", "no-such-host.invalid"),
        ("http://127.0.0.1:1/", "127.0.0.1"),
        ("https://10.1.2.3/", "not public"),
        ("https://[::ffff:10.0.0.1]/", "not public"),
    ],
)
def test_a_host_that_cannot_be_reached_is_told(url: str, said: str) -> None:
    async def story() -> Outcome:
        hooks = sender()
        who = subscription(url=url)
        outcome = await hooks.send(alert_message(alert()), who, who.channel)  # type: ignore[arg-type]
        await hooks.close()
        return outcome

    outcome = asyncio.run(story())
    assert outcome.kind == "failed"
    assert said in outcome.problem


def test_a_certificate_of_nobody_or_of_another_host_is_refused(outbox: Outbox) -> None:
    authority = trustme.CA()
    contexts = []
    for names in (["127.0.0.1"], ["other.example.com"]):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names).configure_cert(context)
        contexts.append(context)

    async def story() -> None:
        for context in contexts:
            async with listening(tls=context) as receiver:
                hooks = sender()
                who = subscription(url=receiver.url.replace("http:", "https:"))
                outcome = await hooks.send(alert_message(alert()), who, who.channel)  # type: ignore[arg-type]
                await hooks.close()
                assert outcome.kind == "failed"
                assert "ertificate" in outcome.problem
                assert receiver.got == []

    asyncio.run(story())


def test_gone_is_dead_at_once_and_stays_so_until_it_is_saved_again(outbox: Outbox) -> None:
    async def story() -> None:
        async with listening(["410"] * ALERTS + ["200"]) as receiver:
            hooks = sender()
            lanes = Lanes(outbox, hook_way(hooks, FAST))
            who = subscription(url=receiver.url, changed_ms=5)
            outbox.put([queued(alert(number)) for number in range(ALERTS)], 0)
            await lanes.update({"guard_room": who})
            await until(lambda: outbox.lane("guard_room").dead_ms is not None)
            assert outbox.held() == 0
            outbox.put([queued(alert(7))], 0)
            lanes.wake("guard_room")
            await lanes.update({"guard_room": who})
            assert outbox.lane("guard_room").dead_ms is not None
            await lanes.update({"guard_room": subscription(url=receiver.url, changed_ms=6)})
            await until(lambda: outbox.held() == 0)
            assert receiver.taken == [f"{alert(7).alert_id}.1"]
            await lanes.close()
            await hooks.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("named", "waits_ms", "told"),
    [({"guard_room"}, GIVE_UP_MS, True), ({"guard_room"}, GIVE_UP_MS + 1, False), (set[str](), 0, False)],
)
def test_what_waits_for_who_is_not_valid_is_sent_when_they_are_again_within_three_days(
    outbox: Outbox, named: set[str], waits_ms: int, told: bool
) -> None:
    async def story() -> None:
        async with listening() as receiver:
            hooks = sender()
            outbox.put([queued(alert(0))], 0)
            before = Lanes(outbox, hook_way(hooks, FAST))
            await before.update({"office": subscription("office", receiver.url)}, named)
            before.give_up(waits_ms)
            await before.close()
            assert outbox.held() == told
            after = Lanes(outbox, hook_way(hooks, FAST))
            await after.update({"guard_room": subscription(url=receiver.url)}, {"guard_room"})
            await until(lambda: outbox.held() == 0)
            assert receiver.taken == ([IDS[0]] if told else [])
            await after.close()
            await hooks.close()

    asyncio.run(story())


def test_a_mended_address_is_tried_at_once(outbox: Outbox) -> None:
    async def story() -> None:
        async with listening(["500"] * 9) as broken, listening() as well:
            hooks = sender()
            lanes = Lanes(outbox, hook_way(hooks, (14_400,)))
            outbox.put([queued(alert(0))], 0)
            await lanes.update({"guard_room": subscription(url=broken.url, changed_ms=5)})
            await until(lambda: outbox.lane("guard_room").failures == 1)
            await lanes.update({"guard_room": subscription(url=well.url, changed_ms=6)})
            await until(lambda: outbox.held() == 0)
            assert (len(broken.got), well.taken) == (1, [IDS[0]])
            await lanes.close()
            await hooks.close()

    asyncio.run(story())


def test_that_an_address_of_before_failed_says_nothing_of_the_one_that_stands_in_for_it(outbox: Outbox) -> None:
    async def story() -> None:
        under_way, answered = asyncio.Event(), asyncio.Event()

        async def send(_message: Message, who: Subscription) -> Outcome:
            if who.changed_ms == 6:
                return DELIVERED
            under_way.set()
            await answered.wait()
            return Outcome("gone")

        lanes = Lanes(outbox, Way(send, SystemClock()))
        outbox.put([queued(alert(0))], 0)
        await lanes.update({"guard_room": subscription(changed_ms=5)})
        await under_way.wait()
        await lanes.update({"guard_room": subscription(changed_ms=6)})
        answered.set()
        await until(lambda: outbox.held() == 0)
        lane = outbox.lane("guard_room")
        assert (lane.delivered, lane.dead_ms) == (1, None)
        await lanes.close()

    asyncio.run(story())


def test_a_message_that_is_not_taken_waits_alone_and_keeps_its_alert_in_order(outbox: Outbox) -> None:
    async def story() -> None:
        async with listening(["422", "200"]) as receiver:
            hooks = sender()
            lanes = Lanes(outbox, hook_way(hooks, (0.3,)))
            outbox.put([queued(alert(0)), queued(alert(0, 2)), queued(alert(1))], 0)
            outbox.note(outbox.lane("guard_room"))
            await lanes.update({"guard_room": subscription(url=receiver.url)})
            await until(lambda: outbox.held() == 0)
            first, second, other = f"{IDS[0]}", f"{alert(0).alert_id}.2", IDS[1]
            assert sorted(receiver.taken) == sorted([first, second, other])
            assert receiver.taken.index(first) < receiver.taken.index(second)
            assert len(receiver.got) == 4
            await lanes.close()
            await hooks.close()

    asyncio.run(story())
