"""Storms, by simulation: limits a minute hold, everything is sent, nothing waits long."""

from collections import Counter

from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from infra.clock import MINUTE_MS
from streams.delivery.courier import Pace
from streams.delivery.storms import GATHER_MS, plan, tally
from tests.streams.delivery.helpers import AT_MS, alert, closed

Sent = tuple[int, int, bool]  # when, how many, whether as a digest


def _simulate(arrivals_ms: list[int], limit: int) -> tuple[list[Sent], dict[int, int]]:
    """Run a subscriber whose receiver takes everything at once: what was sent, and when each arrival was."""
    pace, sent, told_ms = Pace(), list[Sent](), dict[int, int]()
    waiting, arrived, now_ms = list[int](), 0, 0
    while arrived < len(arrivals_ms) or waiting:
        while arrived < len(arrivals_ms) and arrivals_ms[arrived] <= now_ms:
            waiting.append(arrived)
            arrived += 1
        oldest_ms = arrivals_ms[waiting[0]] if waiting else now_ms
        step = plan(
            len(waiting),
            oldest_ms,
            singles_ms=pace.singles_ms,
            digest_ms=pace.digest_ms,
            limit=limit,
            now_ms=now_ms,
        )
        number = len(waiting) if step.digest else step.singles
        if number:
            sent.append((now_ms, number, step.digest))
            told_ms |= dict.fromkeys(waiting[:number], now_ms)
            del waiting[:number]
            if step.digest:
                pace.digest_ms = now_ms
            else:
                pace.note_singles(number, now_ms)
            continue
        moments = [step.at_ms] if step.at_ms is not None else []
        moments += arrivals_ms[arrived : arrived + 1]
        assert moments, "something waits and nobody will look again"
        assert min(moments) > now_ms, "it would spin"
        now_ms = min(moments)
    return sent, told_ms


arrivals = st.lists(st.integers(0, 20_000), max_size=120).map(
    lambda gaps: [sum(gaps[: i + 1]) for i in range(len(gaps))]
)


@hypothesis(max_examples=200)
@given(arrivals, st.integers(1, 12))
def test_no_minute_has_more_than_the_limit_and_one_digest(arrivals_ms: list[int], limit: int) -> None:
    sent, told_ms = _simulate(arrivals_ms, limit)
    assert sorted(told_ms) == list(range(len(arrivals_ms)))
    for start_ms, *_ in sent:
        window = [one for one in sent if start_ms <= one[0] < start_ms + MINUTE_MS]
        assert sum(number for _, number, digest in window if not digest) <= limit
        assert sum(digest for *_, digest in window) <= 1
    for index, at_ms in enumerate(arrivals_ms):
        assert 0 <= told_ms[index] - at_ms <= MINUTE_MS


@given(arrivals, st.integers(1, 12))
def test_who_gets_no_more_than_the_limit_gets_each_at_once(arrivals_ms: list[int], limit: int) -> None:
    calm = all(sum(at_ms - MINUTE_MS < other <= at_ms for other in arrivals_ms) <= limit for at_ms in arrivals_ms)
    if calm:
        sent, told_ms = _simulate(arrivals_ms, limit)
        assert not any(digest for *_, digest in sent)
        assert [told_ms[index] for index in range(len(arrivals_ms))] == arrivals_ms


def test_a_thousand_at_once_are_one_message() -> None:
    sent, _ = _simulate([5] * 1000, 20)
    assert sent == [(5, 1000, True)]


def test_a_thousand_in_a_minute_are_a_few_messages() -> None:
    sent, _ = _simulate([i * 60 for i in range(1000)], 20)
    singles, digests = (sum(n for _, n, d in sent if not d), [n for _, n, d in sent if d])
    assert singles == 20
    assert 1 <= len(digests) <= 2
    assert singles + sum(digests) == 1000


def test_no_limit_is_no_digest() -> None:
    assert plan(10**6, 0, singles_ms=[], digest_ms=None, limit=0, now_ms=0).singles == 10**6


def test_what_is_a_little_too_much_is_gathered_first() -> None:
    step = plan(3, 1000, singles_ms=[900] * 5, digest_ms=None, limit=5, now_ms=1000)
    assert (step.singles, step.digest, step.at_ms) == (0, False, 1000 + GATHER_MS)


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["plaza", "estate"]), st.booleans()), min_size=1))
def test_a_digest_counts_alerts_not_states(rows: list[tuple[int, str, bool]]) -> None:
    zone = {number: zone for number, zone, _ in rows}
    states = [
        (closed if ends else alert)(number) if zone[number] == "plaza" else alert(number, zone_id="estate")
        for number, _, ends in rows
    ]
    told = tally(states)
    counted = Counter(("over_capacity", zone[number]) for number in set(zone))
    assert {(rule, place): n for rule, place, n in told.by_rule_and_zone} == counted
    assert (told.states, told.alerts) == (len(rows), len(zone))
    assert (told.first_ms, told.last_ms) == (min(s.updated_ms for s in states), max(s.updated_ms for s in states))
    assert told.first_ms >= AT_MS
