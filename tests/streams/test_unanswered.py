"""Alerts that nobody answers: random lives of alerts against the definition, in whatever order topics are read."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.clock import MINUTE_MS
from infra.dispositions import judge_disposition
from infra.events import Alert, Disposition, Severity, derived_id, encoder
from infra.lag import end_offsets
from infra.limits import Unanswered
from infra.local.process import wait_until
from infra.local.registry import start_process, stop_process
from infra.settings import SMALL_SITE, Settings
from infra.topics import ALERTS, DEAD_LETTERS, DETECTIONS, DISPOSITIONS
from infra.validate import Refusal
from streams.lifecycle import closed, opened, updated
from streams.rules.unanswered import SETTLE_MS, Case, decide, note_alert, note_disposition
from streams.zone_alerts import Heard
from tests.kafka_helpers import Sent, produce, read_all
from tests.streams.stories import SMALL, envelope, seen

WAIT_MINUTES: Final = {"info": 0, "warning": 12, "critical": 5}
LIMIT: Final = Unanswered(warning_minutes=WAIT_MINUTES["warning"], critical_minutes=WAIT_MINUTES["critical"])
SITE: Final = SMALL.model_copy(update={"limits": SMALL.limits.model_copy(update={"unanswered": LIMIT})})
T0: Final = 1_700_000_000_000
END_MS: Final = T0 + 120 * MINUTE_MS
CLOCK_RULE: Final = "gate_forced"  # its states are brought by the clock: they count from when they happened


class Told(NamedTuple):
    """What one message told, and when it was sent; None: nothing but the time."""

    sent_ms: int
    what: Alert | Disposition | None


class Life(NamedTuple):
    """All that is told of one alert: its states, and what people say of it or of its escalation."""

    states: list[Told]
    answers: list[Told]


def _alert(name: str, rule: str, at_ms: int, severity: Severity) -> Alert:
    return opened(
        rule=rule,
        estate_id=SITE.estate.id,
        zone_id="plaza",
        subject_id=name,
        severity=severity,
        opened_ms=at_ms,
        updated_ms=at_ms,
        explanation="why",
        measured={},
        evidence=["e"],
    )


def _disposition(alert_id: str, at_ms: int) -> Disposition:
    return Disposition(
        schema_version=1,
        disposition_id=f"d{at_ms}",
        alert_id=alert_id,
        estate_id=SITE.estate.id,
        event_ms=at_ms,
        verdict="true",
        by="guard_1",
    )


def _counts_ms(told: Told, event_ms: int) -> int:
    by_clock = isinstance(told.what, Alert) and told.what.rule == CLOCK_RULE
    return event_ms if by_clock else max(event_ms, told.sent_ms - SETTLE_MS)


def _ends_ms(told: Told) -> int | None:
    if isinstance(told.what, Disposition):
        return told.what.event_ms
    return None if told.what is None else told.what.closed_ms


def _due(states: Sequence[Told]) -> tuple[int, str] | None:
    """By when somebody must have answered, and the id of the escalation otherwise; None: never."""
    due: list[tuple[int, str]] = []
    for told in states:
        assert isinstance(told.what, Alert)
        if told.what.status != "closed" and WAIT_MINUTES[told.what.severity]:
            due_ms = _counts_ms(told, told.what.updated_ms) + WAIT_MINUTES[told.what.severity] * MINUTE_MS
            due.append((due_ms, derived_id("alert", SITE.estate.id, "unanswered", told.what.alert_id, due_ms)))
    return min(due, default=None)


def _expected(life: Life) -> set[tuple[str, str, int | None]]:
    """(id, status, closed at) of all that must be told: the definition, on all that ever comes."""
    due = _due(life.states)
    if due is None:
        return set()
    due_ms, escalation = due
    ends = [
        (_counts_ms(told, at_ms), at_ms, isinstance(told.what, Disposition) and told.what.alert_id == escalation)
        for told in (*life.states, *life.answers)
        if (at_ms := _ends_ms(told)) is not None
    ]
    if any(counts_ms <= due_ms and not to_escalation for counts_ms, _, to_escalation in ends):
        return set()
    over = {(escalation, "closed", max(due_ms, at_ms)) for _, at_ms, _ in sorted(ends)[:1]}
    return {(escalation, "opened", None)} | over


@st.composite
def _lives(draw: st.DrawFn) -> Life:
    """An alert that may grow worse and may close; each state sent seconds to minutes late."""
    rule = draw(st.sampled_from(["e_bike", "over_capacity", CLOCK_RULE]))
    seconds = st.integers(1, 1_500).map(lambda s: s * 1000)
    late = st.integers(0, 100 if rule == CLOCK_RULE else 400).map(lambda s: s * 1000)
    name, at_ms = f"s{draw(st.integers(0, 10**9))}", T0 + draw(seconds)
    severities: list[Severity] = ["info", "warning", "critical"]
    alert = _alert(name, rule, at_ms, draw(st.sampled_from(severities)))
    states = [Told(at_ms + draw(late), alert)]
    for kind in draw(st.sampled_from([(), ("worse",), ("over",), ("worse", "over")])):
        at_ms += draw(seconds)
        if kind == "worse":
            alert = msgspec.structs.replace(updated(alert, at_ms, "more", {}, []), severity="critical")
        else:
            alert = closed(alert, at_ms, "gone")
        states.append(Told(max(states[-1].sent_ms, at_ms + draw(late)), alert))
    said_ms = draw(st.lists(seconds.map(lambda after: T0 + after), max_size=3))
    known_ms = states[0].sent_ms  # nobody answers before
    answers = [Told(max(known_ms, ms) + draw(late), _disposition(alert.alert_id, ms)) for ms in said_ms]
    due = _due(states)
    if due is not None and draw(st.booleans()):
        said_at_ms = due[0] + SETTLE_MS + draw(seconds)
        answers.append(Told(said_at_ms + draw(late), _disposition(due[1], said_at_ms)))
    return Life(states, answers)


def _published(lives: Sequence[Life], order: Random) -> list[Alert]:
    """All that is told when three topics are read in a random order; each is in the order of sending."""
    minutes = [
        told
        for life in lives
        for told in life.states
        if isinstance(told.what, Alert) and told.what.rule == "over_capacity"
    ]
    states = [told for life in lives for told in life.states if told not in minutes]
    ticks = [Told(ms, None) for ms in range(T0, END_MS, MINUTE_MS)]
    answers = [told for life in lives for told in life.answers]
    unread = [sorted(topic, key=lambda told: told.sent_ms) for topic in ([*states, *ticks], minutes, answers)]
    heard_ms, cases, found = [-1, -1, -1], dict[str, Case](), list[Alert]()
    while any(unread):
        topic = order.choice([n for n, left in enumerate(unread) if left])
        for told in [unread[topic].pop(0) for _ in range(min(len(unread[topic]), order.choice([1, 1, 5, 500])))]:
            _note(cases, told)
            heard_ms[topic] = told.sent_ms
        if not unread[2]:
            heard_ms[2] = max(heard_ms[2], heard_ms[0])
        found += decide(cases, Heard(heard_ms[0], heard_ms[0], heard_ms[1], heard_ms[2]).about, SITE)
    found += decide(cases, Heard(END_MS, END_MS, END_MS, END_MS).about, SITE)
    assert all(case.status not in {None, "closed"} for case in cases.values())
    return found


def _note(cases: dict[str, Case], told: Told) -> None:
    if isinstance(told.what, Alert):
        note_alert(cases, told.what, 0 if told.what.rule == CLOCK_RULE else told.sent_ms, SITE)
    elif isinstance(told.what, Disposition):
        note_disposition(cases, told.what, told.sent_ms)


@given(
    lives=st.lists(_lives(), min_size=1, max_size=4, unique_by=lambda life: life.states[0].sent_ms),
    seed=st.integers(0, 10**6),
)
def test_what_is_told_is_the_definition_whatever_is_read_first(lives: list[Life], seed: int) -> None:
    told = _published(lives, Random(seed))
    found = [(alert.alert_id, str(alert.status), alert.closed_ms) for alert in told]
    assert sorted(map(str, found)) == sorted(str(one) for life in lives for one in _expected(life))


@pytest.mark.parametrize(
    ("change", "key", "reason"),
    [
        ({}, b"plaza", None),
        ({"estate_id": "moon"}, b"plaza", "wrong_estate"),
        ({}, b"949abca58b9c0c7cd81f091e3cd54387", "wrong_key"),
        ({}, b"\xff", "wrong_key"),
        ({"event_ms": T0 - 2 * 86_400_000}, b"plaza", "event_time_off"),
        ({"verdict": "perhaps"}, b"plaza", "invalid_field"),
    ],
)
def test_a_disposition_is_of_this_estate_and_lies_at_the_zone_of_its_alert(
    change: dict[str, object], key: bytes, reason: str | None
) -> None:
    value = msgspec.json.encode(msgspec.to_builtins(_disposition("a", T0)) | change)
    judged = judge_disposition(key, value, T0, SITE)
    assert (judged.reason if isinstance(judged, Refusal) else None) == reason
    assert isinstance(judge_disposition(key, b"", T0, SITE), Refusal)


def test_what_is_suppressed_or_wants_no_answer_is_not_waited_for() -> None:
    cases: dict[str, Case] = {}
    quiet = msgspec.structs.replace(_alert("quiet", "e_bike", T0, "critical"), suppressed="work")
    note_alert(cases, quiet, T0, SITE)
    note_alert(cases, _alert("told", "e_bike", T0, "info"), T0, SITE)
    assert decide(cases, lambda _: END_MS, SITE) == []
    note_alert(cases, _alert("off", "e_bike", T0, "critical"), T0, SMALL)
    assert set(cases) == {quiet.alert_id, _alert("told", "e_bike", T0, "info").alert_id}


E_BIKES: Final = {"building_1": "cam_door_1", "building_2": "cam_door_2"}
SLOW: Final = "e_bike: {quiet_s: 36000}\n  unanswered: {critical_minutes: 3}"


@pytest.fixture
def alerts_worker(fresh: Settings, tmp_path: Path) -> Iterator[Settings]:
    site, name = tmp_path / "site.yaml", f"{fresh.topic_prefix}alerts"
    site.write_text(SMALL_SITE.read_text().replace("e_bike: {quiet_s: 300}", SLOW), encoding="utf-8")
    argv = [sys.executable, "-m", "anfang", "stream", "alerts", "--site", str(site)]
    start_process(fresh, name, argv, fresh.as_environment())
    yield fresh
    stop_process(fresh, name)


def _quarter_minutes(first: int, last: int) -> list[Sent]:
    """Both lobbies' cameras from one quarter of a minute to before another; an e-bike in each at the very first."""
    told = []
    for n in range(first, last):
        for zone_id, camera_id in E_BIKES.items():
            at_ms = T0 + n * MINUTE_MS // 4
            one = seen(zone_id, at_ms, "motorcycle", (1, 1)) if n == 0 else envelope(zone_id, at_ms)
            one = msgspec.structs.replace(one, camera_id=camera_id, seq=n)
            told.append((zone_id.encode(), encoder.encode(one), at_ms))
    return told


def _said(zone_id: str, alert_id: str, minutes: float) -> Sent:
    at_ms = T0 + round(minutes * MINUTE_MS)
    return zone_id.encode(), encoder.encode(_disposition(alert_id, at_ms)), at_ms


@pytest.mark.stack
def test_an_alert_that_nobody_answers_is_told_again_and_closed_by_the_answer(alerts_worker: Settings) -> None:
    def alerts(rule: str) -> list[Alert]:
        found = (msgspec.json.decode(m.value() or b"", type=Alert) for m in read_all(alerts_worker, ALERTS))
        return [alert for alert in found if alert.rule == rule]

    produce(alerts_worker, DETECTIONS, _quarter_minutes(0, 5))
    wait_until(lambda: sum(end_offsets(alerts_worker, ALERTS)) == 2, 90, "an alert of each lobby")
    of = {alert.zone_id: alert.alert_id for alert in alerts("e_bike")}
    misplaced = (b"no zone", *_said("building_1", of["building_2"], 1)[1:])
    produce(alerts_worker, DISPOSITIONS, [_said("building_1", of["building_1"], 1), misplaced])
    produce(alerts_worker, DETECTIONS, _quarter_minutes(5, 22))
    wait_until(lambda: alerts("unanswered") != [], 90, "the escalation")
    produce(alerts_worker, DISPOSITIONS, [_said("building_2", of["building_2"], 5.5)])
    produce(alerts_worker, DETECTIONS, _quarter_minutes(22, 40))
    wait_until(lambda: len(alerts("unanswered")) >= 2, 90, "its end")

    told = [(a.subject_id, a.status, (a.opened_ms - T0) / MINUTE_MS, a.closed_ms) for a in alerts("unanswered")]
    about = of["building_2"]
    assert told == [(about, "opened", 3, None), (about, "closed", 3, T0 + 330_000)]
    last = alerts("unanswered")[-1]
    assert (last.severity, last.zone_id, last.evidence) == ("critical", "building_2", [about])
    assert last.explanation.startswith("2栋: e_bike open for 3 min and unanswered: ")
    assert last.explanation.endswith("; answered: true")
    (letter,) = read_all(alerts_worker, DEAD_LETTERS)
    assert letter.key() == b"no zone"
