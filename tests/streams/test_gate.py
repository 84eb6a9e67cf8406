"""Tailgating, gate held, gate forced: hand-made stories at a gate, and the matching against a general one."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from infra.events import Alert, Crossings, Direction, Envelope, GatePassage
from infra.site import Site
from streams.admissions import Gateway, note_crossings, note_passage, without_grant
from streams.rules import gate
from streams.zone_alerts import ZoneAlerts, settled_gates
from tests.streams.stories import SMALL, envelope

Told = Envelope | GatePassage

T0 = 1_700_000_000_000
LINE, GATE, ZONE = "gate_north", "turnstile_north", "estate"


def came(at_s: float, track: int | None = None, direction: Direction = 1, what: str = "person") -> Envelope:
    """A crossing of the gate's line; each by a track of its own where none is given."""
    at_ms = T0 + round(at_s * 1000)
    columns = {
        "crossing_id": [f"c{at_ms}"],
        "event_ms": [at_ms],
        "line_id": [LINE],
        "direction": [direction],
        "track_id": [at_ms if track is None else track],
        "object_class": [what],
    }
    return envelope(ZONE, at_ms, crossings=msgspec.convert(columns, Crossings))


def passage(at_s: float, granted: bool = True, direction: Direction = 1) -> GatePassage:
    """A decision of the gate."""
    at_ms = T0 + round(at_s * 1000)
    return GatePassage(
        schema_version=1,
        passage_id=f"p{at_ms}",
        estate_id=SMALL.estate.id,
        gate_id=GATE,
        event_ms=at_ms,
        direction=direction,
        method="card",
        granted=granted,
    )


def alerts_of(*story: Told, until_s: int = 600, step_s: int = 10) -> list[Alert]:
    """All that is told; messages come in order of the list, the earlier half before time passes at all."""
    gateways: dict[str, Gateway] = {}
    for one in story:
        if isinstance(one, Envelope):
            note_crossings(gateways, one, SMALL, None)
        else:
            note_passage(gateways, one, SMALL)
    moments = range(T0, T0 + until_s * 1000, step_s * 1000)
    return [
        alert
        for now_ms in moments
        for line_id, known in gateways.items()
        for alert in gate.decide(known, line_id, now_ms, SMALL)
    ]


def rules_of(*story: Told) -> list[tuple[str, float, float]]:
    """(rule, persons, seconds at which it began) of each alert at its last state."""
    last = {alert.alert_id: alert for alert in alerts_of(*story)}
    return [(a.rule, a.measured["signs"], (a.opened_ms - T0) / 1000) for a in last.values()]


def test_each_person_with_a_grant_raises_nothing_whichever_clock_is_ahead() -> None:
    assert rules_of(*(one for s in range(0, 60, 3) for one in (passage(s), came(s + 1.5)))) == []
    assert rules_of(*(one for s in range(0, 60, 3) for one in (passage(s), came(s - 0.9)))) == []
    assert rules_of(*(one for s in range(0, 60, 6) for one in (passage(s), came(s + 5)))) == []


def test_who_follows_another_through_is_a_tailgater() -> None:
    assert rules_of(passage(0), came(1), came(2.2)) == [("tailgating", 1, 2.2)]
    (opened, closed) = alerts_of(passage(0), came(1), came(2.2))
    assert (opened.status, opened.subject_id, opened.zone_id, opened.severity) == ("opened", LINE, ZONE, "warning")
    assert opened.evidence == [f"cam_perimeter/b/estate/{T0 + 2200}"]
    assert "北门人行通道: 1 person(s) came in behind another without a grant" in opened.explanation
    assert (closed.status, closed.closed_ms) == ("closed", T0 + 302_200)


def test_a_missed_crossing_or_an_unused_grant_accuses_nobody() -> None:
    assert rules_of(passage(0), passage(3), came(4)) == []
    assert rules_of(passage(0), passage(3)) == []


def test_many_on_one_grant_hold_the_gate_and_are_no_tailgaters() -> None:
    assert rules_of(passage(0), came(1), came(3), came(6), came(9), came(14)) == [("gate_held", 4, 3.0)]
    assert rules_of(passage(0), came(1), came(3), came(6), passage(29), came(30), came(31)) == [("tailgating", 3, 3.0)]


def test_a_gate_held_open_for_long_is_told_before_it_ends() -> None:
    story: list[Told] = [passage(0), *(came(1 + 4 * n) for n in range(60))]
    first = alerts_of(*story, until_s=60)[0]
    assert (first.rule, first.status, first.opened_ms) == ("gate_held", "opened", T0 + 5_000)


def test_who_comes_though_nobody_was_let_in_forces_the_gate() -> None:
    assert rules_of(passage(0), came(1), came(200)) == [("gate_forced", 1, 200.0)]
    (alert,) = {a.alert_id: a for a in alerts_of(passage(0), came(1), passage(190, granted=False), came(193))}.values()
    assert (alert.rule, alert.severity) == ("gate_forced", "critical")
    assert "after a refusal" in alert.explanation


def test_a_controller_that_says_nothing_is_no_crime() -> None:
    assert rules_of(*(came(s) for s in range(0, 300, 20))) == []
    hours = SMALL.limits.gate.reporting_minutes * 60
    assert rules_of(passage(-hours - 1), came(0)) == []
    assert rules_of(passage(-hours + 1), came(0)) == [("gate_forced", 1, 0.0)]
    died: list[Told] = [passage(-60), *(came(s) for s in range(0, 60, 11))]
    assert len(died) - 1 == SMALL.limits.gate.silent_persons
    until_noticed = SMALL.limits.gate.silent_persons - 1
    assert rules_of(*died) == [("gate_forced", until_noticed, 0.0)]


def test_leaving_vehicles_and_other_directions_are_nobodys_business() -> None:
    assert rules_of(passage(0), came(1), came(30, direction=-1), came(200, what="car")) == []
    assert rules_of(passage(0, direction=-1), came(2)) == [("gate_forced", 1, 2.0)]


def test_one_who_dithers_on_the_line_is_one_person_and_one_who_turns_back_is_none() -> None:
    assert rules_of(passage(0), came(1, track=7), came(2, track=7)) == []
    assert rules_of(passage(0), came(1, 7), came(2, 7, -1), came(3, 7)) == []
    assert rules_of(passage(0), came(1), came(100, 8), came(102, 8, -1)) == []


def test_messages_may_come_in_any_order_and_twice() -> None:
    story: list[Told] = [passage(0), came(1), came(2.2), passage(60), came(61), passage(63), came(64)]
    assert rules_of(*story[::-1], *story) == [("tailgating", 1, 2.2)]


def test_who_was_only_counted_is_passed_over() -> None:
    assert rules_of(passage(60), came(100, track=-7), passage(120), came(121, track=-8), came(121.5, track=-9)) == []


def test_nothing_is_told_before_both_sides_have_told() -> None:
    assert alerts_of(passage(0), came(1), came(2.2), until_s=20) == []


def test_a_late_crossing_takes_its_own_grant_though_another_was_decided_before() -> None:
    gateways: dict[str, Gateway] = {}
    for one in (passage(-1), passage(2)):
        note_passage(gateways, one, SMALL)
    note_crossings(gateways, came(2.9), SMALL, T0)
    assert gate.decide(gateways[LINE], LINE, T0 + 60_000, SMALL) == []
    note_crossings(gateways, came(0), SMALL, T0 + 60_000)
    assert gate.decide(gateways[LINE], LINE, T0 + 180_000, SMALL) == []


@pytest.mark.parametrize(("behind_s", "forced"), [(0, 1), (299, 1), (301, 0), (600, 0)])
def test_a_camera_whose_clock_is_far_behind_accuses_nobody(behind_s: int, forced: int) -> None:
    gateways: dict[str, Gateway] = {}
    note_passage(gateways, passage(0), SMALL)
    note_crossings(gateways, came(60), SMALL, T0 + (60 + behind_s) * 1000)
    told = gate.decide(gateways.get(LINE, Gateway()), LINE, T0 + 180_000, SMALL)
    assert [one.rule for one in told] == ["gate_forced"] * forced


crossings_s = st.lists(st.integers(0, 900), max_size=25, unique=True).map(sorted)
passages_s = st.lists(st.tuples(st.integers(0, 900), st.booleans()), max_size=12, unique_by=lambda one: one[0]).map(
    sorted
)


@pytest.mark.parametrize("late_s", [0, 120])
@settings(max_examples=1000)
@given(crossings_s, passages_s, st.data())
def test_what_is_told_depends_on_event_times_only(
    late_s: int, crossings: list[int], passages: list[tuple[int, bool]], data: st.DataObject
) -> None:
    """However the two sides are read one beside the other, it is as if all were known before anything is decided.

    So it is where crossings come up to `late_s` late.
    """
    limits = SMALL.limits.model_copy(update={"gate": SMALL.limits.gate.model_copy(update={"late_s": late_s})})
    site = SMALL.model_copy(update={"limits": limits})
    arrived = data.draw(st.permutations(crossings)) if late_s else crossings
    arrived = sorted(arrived, key=lambda at_s: at_s + data.draw(st.integers(0, late_s)))

    def told(sides: list[int]) -> dict[str, Alert]:
        gateways = {LINE: Gateway()}
        read, last, found = [0, 0], [-1, -1], dict[str, Alert]()
        for side in sides:
            at_s = (arrived, [at_s for at_s, _ in passages])[side][read[side]]
            last[side] = max(last[side], at_s)
            if side == 0:
                note_crossings(gateways, came(at_s), site, T0 + last[0] * 1000)
            else:
                note_passage(gateways, passage(*passages[read[1]]), site)
            read[side] += 1
            alerts = gate.decide(gateways[LINE], LINE, T0 + min(last) * 1000, site) if min(last) >= 0 else []
            found |= {one.alert_id: one for one in alerts}
        return found | {one.alert_id: one for one in gate.decide(gateways[LINE], LINE, T0 + 2_000_000, site)}

    sides = [0] * len(crossings) + [1] * len(passages)
    one_way, other_way = (told(data.draw(st.permutations(sides))) for _ in range(2))
    assert one_way == other_way == told(sides)


def test_old_ones_are_forgotten() -> None:
    gateways: dict[str, Gateway] = {}
    for minute in range(60):
        note_passage(gateways, passage(60 * minute), SMALL)
        note_crossings(gateways, came(60 * minute + 1), SMALL, T0 + 60_000 * minute)
        assert gate.decide(gateways[LINE], LINE, T0 + 60_000 * minute, SMALL) == []
    assert 10 <= len(gateways[LINE].inward) <= len(gateways[LINE].passages) <= 14


def test_a_line_that_has_no_gate_any_more_is_passed_over() -> None:
    gateways: dict[str, Gateway] = {}
    note_passage(gateways, passage(0), SMALL)
    note_crossings(gateways, came(100), SMALL, T0)
    gone = Site.model_validate(SMALL.model_dump(mode="json") | {"gates": []})
    assert settled_gates(ZoneAlerts(gateways=gateways), T0 + 1_000_000, gone) == []
    assert settled_gates(ZoneAlerts(gateways=gateways), T0 + 1_000_000, SMALL) != []


def test_those_of_a_gate_that_only_lets_out_are_forgotten_too() -> None:
    gateways: dict[str, Gateway] = {}
    for minute in range(300):
        note_passage(gateways, passage(60 * minute, direction=-1), SMALL)
        assert gate.decide(gateways[LINE], LINE, T0 + 60_000 * minute, SMALL) == []
    assert len(gateways[LINE].reported_ms) <= 14


sorted_times = st.lists(st.integers(0, 60), max_size=14).map(sorted)


@given(crossings=sorted_times, grants=sorted_times, before=st.integers(0, 4), after=st.integers(0, 6))
def test_no_matching_lets_more_in(crossings: list[int], grants: list[int], before: int, after: int) -> None:
    left = without_grant(crossings, grants, before, after)
    c, g = np.array(crossings)[:, None], np.array(grants)[None, :]
    fits = csr_matrix((c >= g - before) & (c <= g + after)) if crossings and grants else csr_matrix((1, 1))
    best = int((maximum_bipartite_matching(fits, perm_type="column") >= 0).sum())
    assert len(crossings) - len(left) == best


@pytest.mark.parametrize("line", sorted(SMALL.gates_at))
def test_gates_are_told_where_their_crossings_are(line: str) -> None:
    assert SMALL.inner_zone(line) in SMALL.effects[line]
    assert SMALL.inward(line) == 1
