"""The outbox: what was put is there after a restart, in order; digests hold together; one worker at a time."""

import asyncio
from pathlib import Path

import pytest

from infra.clock import DAY_MS, HOUR_MS, FakeClock
from infra.delivery_state import read_lanes
from infra.doctor import Finding
from infra.errors import UserError
from infra.events import Subscription
from streams.delivery.courier import Courier, Way
from streams.delivery.health import examine_delivery
from streams.delivery.message import Message
from streams.delivery.outbox import KEEP_CLOSED_MS, Outbox
from streams.delivery.retries import DELIVERED, MOST_TRIES, Outcome
from tests.streams.delivery.helpers import AT_MS, alert, closed, open_outbox, queued, subscription


def test_what_was_put_is_there_after_a_restart_and_of_each_alert_the_first_comes_first(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    outbox.put([queued(alert(1)), queued(alert(2)), queued(alert(1, 2)), queued(alert(1), "other")], AT_MS)
    outbox.close()
    outbox = open_outbox(tmp_path)
    assert outbox.held() == 4
    first = outbox.singles("guard_room", AT_MS, 10)
    assert [(one.alert_id, one.revision) for one in first] == [(alert(1).alert_id, 1), (alert(2).alert_id, 1)]
    outbox.note(outbox.lane("guard_room"), done=[first[0].id])
    assert [one.revision for one in outbox.singles("guard_room", AT_MS, 10)] == [1, 2]
    told = outbox.told("guard_room", alert(1).alert_id)
    assert told is not None
    assert told.revision == 2


def test_a_second_worker_is_refused_and_a_dead_one_holds_nothing(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    with pytest.raises(UserError, match="another `anfang deliver`"):
        open_outbox(tmp_path)
    outbox.close()
    open_outbox(tmp_path).close()


def test_lanes_can_be_read_before_a_worker_has_run_and_while_one_starts(tmp_path: Path) -> None:
    assert read_lanes(tmp_path / "nothing.sqlite") == {}
    (tmp_path / "new.sqlite").touch()
    assert read_lanes(tmp_path / "new.sqlite") == {}


def test_an_urgent_state_takes_along_what_waits_for_the_morning(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    outbox.put([queued(alert(1), due_ms=AT_MS + DAY_MS), queued(alert(2), due_ms=AT_MS + DAY_MS)], AT_MS)
    assert outbox.singles("guard_room", AT_MS, 10) == []
    assert outbox.next_due_ms("guard_room", AT_MS) == AT_MS + DAY_MS
    outbox.put([queued(alert(1, 2, severity="critical"), due_ms=AT_MS)], AT_MS)
    assert [one.revision for one in outbox.singles("guard_room", AT_MS, 10)] == [1]
    assert outbox.waiting("guard_room", AT_MS, 9) == (2, AT_MS)


def test_nothing_is_forgotten_before_kafka_could_tell_it_again(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    outbox.put([queued(alert(1)), queued(closed(1)), queued(alert(2))], AT_MS)
    outbox.forget("guard_room")
    outbox.prune(AT_MS + KEEP_CLOSED_MS)
    assert outbox.told("guard_room", alert(1).alert_id) is not None
    outbox.prune(AT_MS + KEEP_CLOSED_MS + 1)
    assert outbox.told("guard_room", alert(1).alert_id) is None
    assert outbox.told("guard_room", alert(2).alert_id) is not None
    outbox.put([queued(alert(2, 2))], AT_MS)
    outbox.prune(AT_MS)
    assert len(outbox.singles("guard_room", AT_MS, 10)) == 1


class _Taker:
    """A channel that does as it is told and keeps what it was given."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes, self.got = list(outcomes), list[Message]()

    async def send(self, message: Message, _subscription: Subscription) -> Outcome:
        self.got.append(message)
        return self.outcomes.pop(0) if self.outcomes else DELIVERED


async def _turns(courier: Courier, clock: FakeClock, most_ms: int) -> None:
    """Take turns, moving the clock on as far as each asks for, until one would wait longer than `most_ms`."""
    while (pause_ms := await courier.turn()) <= most_ms:
        clock.advance(pause_ms)


def _courier(outbox: Outbox, taker: _Taker, clock: FakeClock, who: Subscription) -> Courier:
    return Courier(who, outbox, Way(taker.send, clock, lambda: 0.5))


def test_a_storm_is_one_message_that_stays_the_same_over_failures_and_a_restart(tmp_path: Path) -> None:
    clock, taker = FakeClock(AT_MS), _Taker(Outcome("failed", "away"))
    who, outbox = subscription(digest_above=20), open_outbox(tmp_path)
    outbox.put([queued(alert(n)) for n in range(1000)], AT_MS)
    asyncio.run(_courier(outbox, taker, clock, who).turn())
    outbox.put([queued(alert(5000)), queued(closed(3))], AT_MS)
    outbox.close()
    asyncio.run(_turns(_courier(open_outbox(tmp_path), taker, clock, who), clock, HOUR_MS))
    first, again, *rest = taker.got
    assert first == again
    assert (first.kind, len(first.alerts)) == ("digest", 1000)
    assert [(one.kind, one.message_id) for one in rest] == [
        ("alert", f"{alert(5000).alert_id}.1"),
        ("alert", f"{alert(3).alert_id}.2"),
    ]


def test_a_message_that_is_refused_for_three_days_is_given_up_and_the_next_goes_on(tmp_path: Path) -> None:
    clock, outbox = FakeClock(AT_MS), open_outbox(tmp_path)
    taker = _Taker(*[Outcome("refused", "answered 422")] * MOST_TRIES)
    outbox.put([queued(alert(1)), queued(closed(1))], AT_MS)
    asyncio.run(_turns(_courier(outbox, taker, clock, subscription()), clock, 6 * HOUR_MS))
    assert outbox.held() == 0
    assert [one.message_id.partition(".")[2] for one in taker.got] == ["1"] * MOST_TRIES + ["2"]
    assert clock.now_ms() - AT_MS >= 3 * DAY_MS


def test_while_a_receiver_is_away_only_the_oldest_message_is_tried(tmp_path: Path) -> None:
    clock, outbox = FakeClock(AT_MS), open_outbox(tmp_path)
    taker = _Taker(*[Outcome("failed", "answered 503")] * (5 + 7))
    outbox.put([queued(alert(n)) for n in range(5)], AT_MS)
    asyncio.run(_turns(_courier(outbox, taker, clock, subscription()), clock, 6 * HOUR_MS))
    tried = [one.message_id for one in taker.got]
    assert tried[5:13] == [f"{alert(0).alert_id}.1"] * 8
    assert sorted(tried[12:]) == sorted(f"{alert(n).alert_id}.1" for n in range(5))
    assert outbox.lane("guard_room").failures == 0


def test_a_dead_subscription_gives_up_what_waits_and_says_so(tmp_path: Path) -> None:
    clock, outbox = FakeClock(AT_MS), open_outbox(tmp_path)
    taker = _Taker(*[Outcome("failed", "answered 503")] * 99)
    outbox.put([queued(alert(n)) for n in range(5)], AT_MS)
    asyncio.run(_turns(_courier(outbox, taker, clock, subscription()), clock, 6 * HOUR_MS))
    lane = outbox.lane("guard_room")
    assert lane.dead_ms is not None
    assert 3 * DAY_MS <= lane.dead_ms - AT_MS <= 3.5 * DAY_MS
    assert outbox.held() == 0
    assert len(taker.got) < 5 + 40


def test_what_is_wrong_is_told_with_what_to_do(tmp_path: Path) -> None:
    assert not examine_delivery({}, {}, {}, lambda _: None, AT_MS)[0].ok
    gone = examine_delivery({"well": subscription("well")}, {"old": "zones: 'annex'"}, {}, lambda _: None, AT_MS)
    assert ["that old is valid" in str(one) and "annex" in str(one) for one in gone if not one.ok] == [True, False]
    known = {name: subscription(name) for name in ("well", "dead", "away", "silent", "asleep")}
    known["asleep"] = subscription("asleep", quiet=["mon-sun 22:00-06:00"])
    outbox = open_outbox(tmp_path)
    outcomes = {"dead": Outcome("gone", "410 Gone"), "away": Outcome("failed", "no answer"), "well": DELIVERED}
    for name, outcome in outcomes.items():
        outbox.put([queued(alert(1), name)], AT_MS)
        asyncio.run(_courier(outbox, _Taker(outcome), FakeClock(AT_MS), known[name]).turn())
    lanes = read_lanes(tmp_path / "delivery" / "outbox.sqlite")  # while the worker has it

    def told(at_ms: int) -> dict[str, Finding]:
        found = examine_delivery(known, {}, lanes, lambda _: None, at_ms)
        return {one.needs.rpartition(" ")[2]: one for one in found if one.needs.startswith("messages")}

    wrong = {name for name, finding in told(AT_MS + HOUR_MS).items() if not finding.ok}
    assert wrong == {"dead", "away", "silent"}
    assert "410 Gone" in str(told(AT_MS)["dead"])
    assert "no answer" in str(told(AT_MS)["away"])
    assert not told(AT_MS + 3 * HOUR_MS)["well"].ok
