"""Occupancy minutes of one zone against a brute-force recount of the sorted, de-duplicated events."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.clock import MINUTE_MS
from infra.events import Crossings, Envelope, Headcount, Health, OccupancyMinute
from infra.settings import SMALL_SITE
from infra.site import load_site
from streams.zone import ZoneState, apply, apply_headcount
from streams.zone_rules import ZoneRules

SITE = load_site(SMALL_SITE)
RULES = ZoneRules(SITE, "estate", grace_ms=5 * MINUTE_MS)
START_MS = 1_700_000_040_000 // MINUTE_MS * MINUTE_MS
GATES = ("north", "south", "west")


@dataclass(frozen=True)
class Passing:
    """One person through one gate: when, which, direction."""

    at_ms: int
    gate: str
    direction: int


def _envelope(gate: str, seq: int, at_ms: int, direction: int | None = None) -> Envelope:
    crossings = None
    if direction is not None:
        crossings = Crossings(
            crossing_id=[f"{gate}/{seq}"],
            event_ms=[at_ms],
            line_id=[f"gate_{gate}"],
            direction=[1 if direction > 0 else -1],
            track_id=[seq],
            object_class=["person"],
        )
    return Envelope(
        schema_version=1,
        estate_id=SITE.estate.id,
        zone_id="estate",
        camera_id=f"cam_gate_{gate}",
        boot_id="b",
        seq=seq,
        start_ms=at_ms,
        end_ms=at_ms + 500,
        crossings=crossings,
    )


def _stream(passings: list[Passing], minutes: int) -> list[Envelope]:
    """All envelopes in event-time order, each camera with a heartbeat a minute, numbered per camera."""
    moments = [(p.at_ms, p.gate, p.direction) for p in passings]
    moments += [(START_MS + m * MINUTE_MS + 1000, g, 0) for m in range(minutes + 2) for g in GATES]
    seq: Counter[str] = Counter()
    envelopes = []
    for at_ms, gate, direction in sorted(moments):
        envelopes.append(_envelope(gate, seq[gate], at_ms, direction or None))
        seq[gate] += 1
    return envelopes


def _final_rows(envelopes: list[Envelope]) -> dict[int, OccupancyMinute]:
    state = ZoneState()
    rows: dict[int, OccupancyMinute] = {}
    for envelope in envelopes:
        for row in apply(state, envelope, RULES):
            assert row.minute_ms not in rows or row.revision == rows[row.minute_ms].revision + 1
            rows[row.minute_ms] = row
    return rows


def _check(rows: dict[int, OccupancyMinute], passings: list[Passing], minutes: int) -> None:
    balance = 0
    for minute in range(minutes):
        minute_ms = START_MS + minute * MINUTE_MS
        inside = [p.direction for p in passings if minute_ms <= p.at_ms < minute_ms + MINUTE_MS]
        balance += sum(inside)
        if minute_ms in rows:
            row = rows[minute_ms]
            assert (row.ins, row.outs) == (inside.count(1), inside.count(-1))
            assert row.balance == balance
        else:
            assert not inside
            assert balance == 0


MINUTES = 12
passings = st.lists(
    st.builds(
        Passing,
        st.integers(START_MS, START_MS + MINUTES * MINUTE_MS - 1),
        st.sampled_from(GATES),
        st.sampled_from([1, -1]),
    ),
    max_size=40,
)


@given(passings)
def test_rows_equal_a_recount(moves: list[Passing]) -> None:
    _check(_final_rows(_stream(moves, MINUTES)), moves, MINUTES)


@given(passings, st.randoms(use_true_random=False))
@settings(max_examples=200)
def test_duplicates_and_disorder_within_grace_change_nothing_in_the_end(moves: list[Passing], rng: object) -> None:
    import random

    assert isinstance(rng, random.Random)
    envelopes = _stream(moves, MINUTES)
    noisy = [(e.start_ms + rng.choice([0, 0, 0, rng.randrange(4 * MINUTE_MS)]), e) for e in envelopes]
    noisy += [(at + rng.randrange(4 * MINUTE_MS), e) for at, e in noisy if rng.random() < 0.2]
    heartbeat = [_envelope(g, 10_000, START_MS + (MINUTES + 10) * MINUTE_MS) for g in GATES]
    arrived = [e for _, e in sorted(noisy, key=lambda pair: pair[0])] + heartbeat
    _check(_final_rows(arrived), moves, MINUTES)


def test_later_than_the_grace_is_counted_and_left_alone() -> None:
    state = ZoneState()
    for envelope in _stream([], 20):
        apply(state, envelope, RULES)
    late = _envelope("north", 900, START_MS + MINUTE_MS, direction=1)
    assert apply(state, late, RULES) == []
    assert state.too_late == 1


def test_what_a_shorter_grace_has_folded_stays_so_under_a_longer_one() -> None:
    state, longer = ZoneState(), ZoneRules(SITE, "estate", RULES.grace_ms * 10)
    for envelope in _stream([Passing(START_MS + 5, "north", 1)], 20):
        apply(state, envelope, RULES)
    late = _envelope("north", 900, START_MS + MINUTE_MS, direction=1)
    assert apply(state, late, longer) == []
    assert state.too_late == 1


def test_a_silent_camera_does_not_hold_the_watermark_and_leaves_the_minute_partial() -> None:
    rows = _final_rows([e for e in _stream([], 20) if e.camera_id != "cam_gate_west" or e.start_ms < START_MS + 90_000])
    last = rows[max(rows)]
    assert last.minute_ms > START_MS + 15 * MINUTE_MS
    assert last.coverage == "partial"
    assert last.high > last.occupancy


def test_state_survives_its_encoding() -> None:
    state = ZoneState()
    for envelope in _stream([Passing(START_MS + 5, "north", 1)], 5):
        apply(state, envelope, RULES)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=ZoneState) == state


def test_a_long_gap_without_news_is_not_filled() -> None:
    first = _final_rows(_stream([], 3))
    envelopes = [*_stream([], 3), *[_envelope(g, 500, START_MS + 9_000 * MINUTE_MS) for g in GATES]]
    assert len(_final_rows(envelopes)) <= len(first) + 5


@given(
    st.sets(st.sampled_from(GATES), min_size=1), st.integers(1, 4), st.integers(5, 70), st.integers(0, MINUTE_MS - 1000)
)
def test_a_minute_in_which_a_camera_was_silent_is_not_full_and_one_in_which_all_were_is_unknown(
    silent: set[str], last: int, gap: int, into_ms: int
) -> None:
    """A word a minute; the silent ones say none after minute `last`, until they are back `gap` minutes later."""
    back, words = last + gap, list[Envelope]()
    for minute in range(back + 6):
        for gate in GATES:
            if gate not in silent or not last < minute < back:
                words.append(_told(gate, minute + into_ms / MINUTE_MS))
    dark = "unknown" if len(silent) == len(GATES) else "partial"
    for minute_ms, row in _final_rows(words).items():
        minute = (minute_ms - START_MS) // MINUTE_MS
        returned = minute < back or (minute == back and into_ms > 0)
        assert (minute, row.coverage) == (minute, dark if last <= minute and returned else "full")


@given(st.integers(70, 9_000), st.integers(2, 4), st.sampled_from(GATES))
def test_a_minute_in_a_long_gap_that_is_told_late_is_unknown_like_those_around_it(
    back: int, before: int, gate: str
) -> None:
    words = [_envelope(g, 500 + n, START_MS + (back + n) * MINUTE_MS) for n in range(2) for g in GATES]
    late = _envelope(gate, 900, START_MS + (back - before) * MINUTE_MS, direction=1)
    row = _final_rows([*_stream([], 3), *words, late])[late.start_ms]
    assert (row.ins, row.coverage) == (1, "unknown")


def _told(gate: str, minute: float, *, visible: int | None = None, health: Health | None = None) -> Envelope:
    at_ms = START_MS + round(minute * MINUTE_MS)
    return msgspec.structs.replace(_envelope(gate, at_ms, at_ms), visible=visible, health=health)


def _day(blind: dict[str, list[tuple[float, float]]], minutes: int, trouble: Health) -> list[Envelope]:
    """Each camera tells its health and a visible count of 7 each half minute and where a blindness begins or ends."""

    def health(gate: str, at: float) -> Health:
        return trouble if any(begin <= at < end for begin, end in blind.get(gate, [])) else SEES

    moments = {(m / 2, gate) for m in range(2 * minutes + 4) for gate in GATES}
    moments |= {(at, gate) for gate, spans in blind.items() for span in spans for at in span}
    return [_told(gate, at, visible=7, health=health(gate, at)) for at, gate in sorted(moments)]


SEES = Health(online=True, fps=25)
COVERED, OFFLINE = Health(online=True, fps=25, picture="covered"), Health(online=False, fps=0)
spans = st.tuples(st.floats(0.1, 11.9), st.floats(0.1, 11.9)).map(sorted).map(tuple)


@given(st.dictionaries(st.sampled_from(GATES), spans, max_size=3), st.sampled_from([COVERED, OFFLINE]))
def test_a_blind_camera_is_missed_at_once_and_comes_back_by_itself(
    blind: dict[str, tuple[float, float]], trouble: Health
) -> None:
    ms = {gate: [(round(begin * 60) / 60, round(end * 60) / 60)] for gate, (begin, end) in blind.items()}
    rows = _final_rows(_day(ms, MINUTES, trouble))
    for minute in range(MINUTES):
        out = sum(begin < minute + 1 and end > minute and begin < end for ((begin, end),) in ms.values())
        coverage = "full" if out == 0 else "unknown" if out == len(GATES) else "partial"
        assert (minute, rows[START_MS + minute * MINUTE_MS].coverage) == (minute, coverage)


def test_what_a_blind_camera_counts_as_visible_is_not_believed() -> None:
    everyone = {gate: [(3.25, 6.25)] for gate in GATES}
    rows = _final_rows(_day(everyone, 9, COVERED))
    visible = [rows[START_MS + minute * MINUTE_MS].visible for minute in range(9)]
    assert visible == [7, 7, 7, 7, None, None, 7, 7, 7]


def test_an_offline_camera_holds_no_minute_back_and_the_interval_widens() -> None:
    words = [
        e
        for e in _day({"west": [(2.25, 99.0)]}, 6, OFFLINE)
        if "west" not in e.camera_id or e.start_ms <= START_MS + 135_000
    ]
    rows = _final_rows(words)
    assert [rows[START_MS + minute * MINUTE_MS].coverage for minute in range(6)] == ["full"] * 2 + ["partial"] * 4
    assert rows[START_MS + 5 * MINUTE_MS].high > rows[START_MS + MINUTE_MS].high


def test_health_told_late_of_an_earlier_time_changes_nothing() -> None:
    state = ZoneState()
    for one in [_told("north", 2, health=SEES), _told("north", 1, health=COVERED)]:
        apply(state, one, RULES)
    assert not state.cameras["cam_gate_north"].blind


def _headcount(minute: float, persons: int, error: float = 1.0, name: str = "h") -> Headcount:
    return Headcount(
        schema_version=1,
        headcount_id=name,
        estate_id=SITE.estate.id,
        zone_id="estate",
        event_ms=START_MS + round(minute * MINUTE_MS),
        persons=persons,
        error_persons=error,
        by="operator",
    )


def _settled(messages: Iterable[Envelope | Headcount]) -> dict[int, OccupancyMinute]:
    """The last row of each minute, without what tells only when it was published."""
    state = ZoneState()
    rows: dict[int, OccupancyMinute] = {}
    for message in messages:
        if isinstance(message, Headcount):
            fresh = apply_headcount(state, message, RULES)
        else:
            fresh = apply(state, message, RULES)
        rows |= {row.minute_ms: msgspec.structs.replace(row, revision=0, watermark_ms=0) for row in fresh}
    return rows


def _mixed(envelopes: list[Envelope], told: list[tuple[Headcount, float]]) -> list[Envelope | Headcount]:
    """Each headcount before the envelopes of its minute, or up to five minutes after: (headcount, share of that)."""
    moments: list[tuple[float, Envelope | Headcount]] = [(one.start_ms, one) for one in envelopes]
    for one, share in told:
        moments.append((START_MS + share * (one.event_ms + 5 * MINUTE_MS - START_MS), one))
    return [message for _, message in sorted(moments, key=lambda pair: pair[0])]


headcounts = st.builds(
    _headcount,
    minute=st.floats(0, MINUTES - 0.01),
    persons=st.integers(0, 60),
    error=st.sampled_from([0.0, 1.0, 5.0]),
    name=st.sampled_from(["a", "b", "c", "d"]),
)
counts = st.lists(headcounts, min_size=1, max_size=4, unique_by=lambda one: one.headcount_id)


@given(passings, counts, st.lists(st.floats(0, 0.999), min_size=4, max_size=4), st.randoms(use_true_random=False))
def test_headcounts_give_the_same_rows_whenever_they_come(
    moves: list[Passing], told: list[Headcount], shares: list[float], rng: object
) -> None:
    import random

    assert isinstance(rng, random.Random)
    envelopes = _stream(moves, MINUTES + 8)
    first = _settled([*told, *envelopes])
    shuffled = rng.sample(told, len(told)) + rng.sample(told, len(told))
    later = _settled(_mixed(envelopes, list(zip(shuffled, [*shares, *shares], strict=False))))
    assert later == first
    assert {ms: row.balance for ms, row in first.items()} == {ms: r.balance for ms, r in _settled(envelopes).items()}


mends = st.lists(
    st.tuples(headcounts, st.floats(-2, 2), st.floats(0, 1), st.floats(1, 2)),
    min_size=1,
    max_size=4,
    unique_by=lambda one: one[0].headcount_id,
)


@given(passings, mends)
def test_a_headcount_whose_minute_and_number_are_mended_gives_the_same_rows_as_if_it_had_been_right(
    moves: list[Passing], told: list[tuple[Headcount, float, float, float]]
) -> None:
    envelopes = _stream(moves, MINUTES + 8)
    moments: list[tuple[float, Envelope | Headcount]] = [(one.start_ms, one) for one in envelopes]
    for right, off, soon, later in told:
        wrong_ms = max(START_MS, right.event_ms + round(off * MINUTE_MS))
        wrong = msgspec.structs.replace(right, event_ms=wrong_ms, persons=right.persons + 7)
        last_ms = max(wrong_ms, right.event_ms)
        moments += [(last_ms + soon * MINUTE_MS, wrong), (last_ms + later * MINUTE_MS, right)]
    mended = _settled(message for _, message in sorted(moments, key=lambda pair: pair[0]))
    assert mended == _settled([*(right for right, *_ in told), *envelopes])


def test_a_headcount_corrects_its_minute_and_those_after_but_not_the_balance() -> None:
    without, told = _settled(_stream([], 9)), _settled([*_stream([], 9), _headcount(6.5, 40)])
    before, after = START_MS + 5 * MINUTE_MS, START_MS + 6 * MINUTE_MS
    assert told[before] == without[before]
    assert told[after].occupancy > 39
    assert (told[after].balance, without[after].occupancy) == (0, 0)


def test_a_headcount_later_than_the_grace_is_counted_and_left_alone() -> None:
    state = ZoneState()
    for envelope in _stream([], 20):
        apply(state, envelope, RULES)
    assert apply_headcount(state, _headcount(1, 40), RULES) == []
    assert state.too_late == 1
    assert not state.headcounts


def test_the_same_headcount_again_is_a_duplicate_and_another_number_stands_in_for_it() -> None:
    state = ZoneState()
    for envelope in _stream([], 9):
        apply(state, envelope, RULES)
    first = apply_headcount(state, _headcount(7, 40), RULES)
    assert apply_headcount(state, _headcount(7, 40), RULES) == []
    assert state.duplicates == 1
    second = apply_headcount(state, _headcount(7, 20), RULES)
    assert (first[-1].occupancy > 39, second[-1].occupancy < 21) == (True, True)


def test_blindness_widens_the_interval_until_it_says_nothing_and_a_headcount_brings_it_back() -> None:
    """Half a day in which the cameras say that they see nothing, then a count by hand."""
    minutes = 12 * 60
    told = [_told(gate, m, health=OFFLINE) for m in range(1, minutes) for gate in GATES]
    rows = _settled([*(_told(gate, 0, health=SEES) for gate in GATES), *told, _headcount(minutes - 3.5, 800, 10.0)])
    hours = [rows[START_MS + hour * 60 * MINUTE_MS] for hour in range(1, 11)]
    widths = [row.high - row.low for row in hours]
    assert widths == sorted(widths)
    assert {row.coverage for row in hours} == {"unknown"}
    assert (hours[-1].low, hours[-1].high > SITE.zone["estate"].capacity * 0.9) == (0, True)
    counted = rows[START_MS + (minutes - 4) * MINUTE_MS]
    assert counted.low < 800 < counted.high
    assert counted.high - counted.low < 200


def test_the_interval_is_wider_after_a_gap_without_any_news() -> None:
    envelopes = [*_stream([Passing(START_MS + 5, "north", 1)], 3)]
    back = [_envelope(g, 500 + n, START_MS + (300 + n) * MINUTE_MS) for n in range(3) for g in GATES]
    rows = _settled([*envelopes, *back])
    before, after = rows[START_MS + MINUTE_MS], rows[max(rows)]
    assert after.minute_ms > START_MS + 290 * MINUTE_MS
    assert after.high > before.high + 500
