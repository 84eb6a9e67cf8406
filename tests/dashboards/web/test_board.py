"""The board: the same messages give the same one, in any order and however often; what is shown of it."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.web.board import EMPTY, MOST_ALERTS, STEP_MS, Board, Told, applied, pruned
from dashboards.web.facts import STALE_MS, Facts, facts
from infra.clock import HOUR_MS, MINUTE_MS
from infra.events import Alert, Disposition, GatePassage, OccupancyMinute, OccupancyNow
from tests.dashboards.web.messages import ESTATE, NOON, SITE, alert, answer, minute, now_row, passage

ZONES = ["estate", "plaza", "pump_room", "nowhere"]
TIMES = st.sampled_from([NOON - 3 * HOUR_MS, NOON - 2 * MINUTE_MS, NOON - MINUTE_MS, NOON])  # few: they meet
ESTATES = st.sampled_from([ESTATE, ESTATE, ESTATE, "elsewhere"])
PERSONS = st.sampled_from([0.0, 3.0, 140.0])
MESSAGES: st.SearchStrategy[Told] = st.one_of(
    st.builds(now_row, st.sampled_from(ZONES), TIMES, PERSONS, st.sampled_from(["full", "unknown"]), ESTATES),
    st.builds(minute, st.sampled_from(ZONES), TIMES, PERSONS, st.integers(0, 2), estate=ESTATES),
    st.builds(
        alert,
        st.sampled_from(["a1", "a2"]),
        revision=st.integers(1, 4),
        severity=st.sampled_from(["warning", "critical"]),
        closed_ms=st.sampled_from([None, NOON]),
        estate=ESTATES,
    ),
    st.builds(
        answer, st.sampled_from(["a1", "a2"]), st.sampled_from(["true", "false"]), TIMES, name=st.sampled_from("xy")
    ),
    st.builds(passage, st.sampled_from(["turnstile_north", "nowhere"]), TIMES),
)


def test_of_two_messages_of_the_same_rank_the_same_one_stays() -> None:
    for one, other in (
        (now_row("plaza", occupancy=3), now_row("plaza", occupancy=4)),
        (minute("plaza", occupancy=3), minute("plaza", occupancy=4)),
        (alert("a1", why="this"), alert("a1", why="that")),
        (answer("a1", "true", name="x"), answer("a1", "false", name="x")),
    ):
        assert applied(EMPTY, [one, other], SITE) == applied(EMPTY, [other, one], SITE)


@given(st.lists(MESSAGES, max_size=30), st.randoms(use_true_random=False), st.integers(1, 7))
def test_neither_order_nor_repeats_change_the_board(messages: list[Told], chance: random.Random, size: int) -> None:
    again = [*messages, *chance.choices(messages, k=len(messages))] if messages else []
    chance.shuffle(again)
    board = EMPTY
    for start in range(0, len(again), size):
        board = applied(board, again[start : start + size], SITE)
    assert board == applied(EMPTY, messages, SITE)


@given(st.lists(MESSAGES, max_size=30))
def test_the_board_holds_the_greatest_of_each(messages: list[Told]) -> None:
    board = applied(EMPTY, messages, SITE)
    ours = [message for message in messages if message.estate_id == ESTATE]
    rows = [one for one in ours if isinstance(one, OccupancyNow) and one.zone_id in SITE.zone]
    assert {zone: row.as_of_ms for zone, row in board.zones.items()} == {
        zone: max(row.as_of_ms for row in rows if row.zone_id == zone) for zone in {row.zone_id for row in rows}
    }
    states = [one for one in ours if isinstance(one, Alert)]
    assert {name: one.revision for name, one in board.alerts.items()} == {
        name: max(one.revision for one in states if one.alert_id == name) for name in {one.alert_id for one in states}
    }
    minutes = [one for one in ours if isinstance(one, OccupancyMinute) and one.zone_id in SITE.zone]
    assert {(zone, step): row.minute_ms for zone, steps in board.minutes.items() for step, row in steps.items()} == {
        (zone, step): max(
            m.minute_ms for m in minutes if (m.zone_id, m.minute_ms - m.minute_ms % STEP_MS) == (zone, step)
        )
        for zone, step in {(m.zone_id, m.minute_ms - m.minute_ms % STEP_MS) for m in minutes}
    }
    said = [one for one in ours if isinstance(one, Disposition)]
    assert sum(map(len, board.answers.values())) == len({(one.alert_id, one.disposition_id) for one in said})
    gone = [one for one in ours if isinstance(one, GatePassage) and one.gate_id in SITE.gate]
    assert board.passages.keys() == {one.gate_id for one in gone}


@given(st.lists(MESSAGES, max_size=20), st.lists(MESSAGES, max_size=10))
def test_a_board_is_not_changed_by_what_comes_after_it(before: list[Told], after: list[Told]) -> None:
    board = applied(EMPTY, before, SITE)
    applied(board, after, SITE)
    assert board == applied(EMPTY, before, SITE)


def shown(*messages: Told, now_ms: int = NOON) -> Facts:
    return facts(applied(EMPTY, messages, SITE), SITE, now_ms)


@pytest.mark.parametrize(
    ("occupancy", "level", "percent"), [(119, "calm", 79), (120, "busy", 80), (149.9, "busy", 100), (150, "full", 100)]
)
def test_a_zone_is_coloured_by_its_share_of_the_capacity(occupancy: float, level: str, percent: int) -> None:
    fact = shown(now_row("plaza", occupancy=occupancy)).zones["plaza"]
    assert (fact.level, fact.percent, fact.persons) == (level, percent, round(occupancy))
    assert fact.low is not None
    assert fact.high is not None
    assert fact.low < occupancy < fact.high


@pytest.mark.parametrize("age_ms", [STALE_MS + 1, 26 * HOUR_MS, -10 * MINUTE_MS])
def test_an_old_number_is_never_shown(age_ms: int) -> None:
    fact = shown(now_row("plaza", NOON - age_ms)).zones["plaza"]
    assert (fact.level, fact.persons, fact.low, fact.percent, fact.as_of_ms) == (
        "unknown",
        None,
        None,
        None,
        NOON - age_ms,
    )


def test_a_number_shown_before_becomes_unknown_as_time_goes() -> None:
    row = now_row("plaza")
    assert shown(row, now_ms=NOON + STALE_MS).zones["plaza"].persons == 90
    assert shown(row, now_ms=NOON + STALE_MS + 1).zones["plaza"].persons is None


def test_what_nobody_can_see_has_no_number() -> None:
    fact = shown(now_row("plaza", coverage="unknown")).zones["plaza"]
    assert (fact.level, fact.persons, fact.coverage) == ("unknown", None, "unknown")
    assert shown(now_row("plaza", coverage="partial")).zones["plaza"].coverage == "partial"
    assert shown().zones["plaza"].as_of_ms is None


def test_the_curve_is_the_last_day_in_half_hours_with_gaps() -> None:
    curve = (
        shown(
            minute("plaza", NOON - 24 * HOUR_MS, 1),  # over
            minute("plaza", NOON - 23 * HOUR_MS, 2),
            minute("plaza", NOON - 40 * MINUTE_MS, 3),
            minute("plaza", NOON - 35 * MINUTE_MS, 4),
            minute("plaza", NOON - 35 * MINUTE_MS, 5, 1),
            minute("plaza", NOON - 20 * MINUTE_MS, 6, coverage="unknown"),
            minute("plaza", NOON, 7),
        )
        .zones["plaza"]
        .curve
    )
    assert len(curve) == 48
    assert [value for value in curve if value is not None] == [2, 5, 7]
    assert (curve[1], curve[-3], curve[-2], curve[-1]) == (2, 5, None, 7)


def test_devices() -> None:
    told = shown(
        now_row("estate"),
        now_row("plaza", NOON - HOUR_MS),
        alert("s", rule="camera_silent", severity="warning", zone="estate", subject="cam_gate_north"),
        alert("t", rule="camera_tampered", closed_ms=NOON, zone="estate", subject="cam_gate_south"),
        alert("g", rule="gate_forced", zone="estate", subject="gate_west"),
        passage("turnstile_north", NOON - HOUR_MS),
        passage("turnstile_south", NOON - 25 * HOUR_MS),
    )
    states = {name: fact.state for name, fact in told.cameras.items()}
    assert states["cam_gate_north"] == "fault"
    assert states["cam_gate_south"] == "ok"
    assert states["cam_plaza"] == "unknown"
    assert {name: fact.state for name, fact in told.gates.items()} == {
        "turnstile_north": "ok",
        "turnstile_south": "unknown",
        "turnstile_west": "fault",
    }
    assert (told.head.cameras_fault, told.head.gates_fault, told.head.gates_unknown) == (1, 1, 1)


def test_alerts_stand_in_the_order_in_which_they_want_somebody() -> None:
    told = shown(
        alert("closed", closed_ms=NOON, revision=2),
        alert("answered"),
        answer("answered"),
        alert("warning", severity="warning", at=NOON),
        alert("old", at=NOON - HOUR_MS),
        alert("new", at=NOON),
        alert("suppressed", suppressed="rounds", severity="warning"),
    )
    assert told.order == ("new", "old", "warning", "suppressed", "answered", "closed")
    assert (told.head.critical, told.head.warning, told.head.unanswered) == (3, 2, 4)


def test_the_last_answer_counts() -> None:
    messages: list[Told] = [answer("a1", "false", NOON), answer("a1", "true", NOON - MINUTE_MS), alert("a1")]
    fact = shown(*messages).alerts["a1"]
    assert fact.answer is not None
    assert fact.answer.verdict == "false"


def kept(messages: Sequence[Told]) -> Board:
    return pruned(applied(EMPTY, messages, SITE), NOON)


def test_what_is_over_for_a_day_is_forgotten_and_what_is_open_never() -> None:
    week = NOON - 7 * 24 * HOUR_MS
    board = kept(
        [
            alert("open", at=week),
            answer("open", at=week),
            alert("over", at=week, closed_ms=week),
            answer("over", at=week),
            alert("lately", closed_ms=NOON - HOUR_MS),
            answer("early", at=NOON),  # read before its alert
            minute("plaza", week),
            minute("plaza", NOON),
        ]
    )
    assert board.alerts.keys() == {"open", "lately"}
    assert board.answers.keys() == {"open", "early"}
    assert len(board.minutes["plaza"]) == 1


def test_a_storm_of_alerts_is_bounded_and_loses_no_open_one_to_a_closed_one() -> None:
    closed = [alert(f"c{n}", closed_ms=NOON) for n in range(MOST_ALERTS)]
    board = kept([*closed, *(alert(f"o{n}") for n in range(50))])
    assert len(board.alerts) == MOST_ALERTS
    assert sum(one.closed_ms is None for one in board.alerts.values()) == 50
