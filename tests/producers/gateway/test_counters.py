"""Counters against a simulated true counter: never more persons than passed, and all of them when nothing was lost."""

import random
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.gateway.counters import MAX_AT_ONCE, Counter, plausible, spread_ms, step

START_MS = 1_716_768_000_000


@dataclass
class Push:
    """What the camera told, and how many had truly passed by then since the first push."""

    event_ms: int
    total: int
    passed: int


def camera_day(
    seed: int, pushes: int, resets: float, restored: bool, begin: int = 0, bits: int | None = None
) -> list[Push]:
    """A camera's pushes: persons pass; it restarts at zero, or, `restored`, once at an old value not below half."""
    dice = random.Random(seed)
    total, passed, told = begin, 0, list[Push]()
    once = dice.randrange(pushes)
    for i in range(pushes):
        if i == once if restored else dice.random() < resets:
            total = dice.randint((total + 1) // 2, total) if restored else 0
        more = dice.choice([0, 0, 1, 1, 2, 5, 30])
        passed += more
        total = (total + more) % 2**bits if bits else total + more
        since_ms = told[-1].event_ms if told else START_MS
        told.append(Push(since_ms + dice.choice([1, 2, 60]) * 1000, total, passed))
    return told


def persons(pushes: list[Push], bits: Literal[16, 32] | None = None) -> int:
    """How many persons the gateway finds in these pushes."""
    counter: Counter | None = None
    found = 0
    for push in pushes:
        told = step(counter, push.total, push.event_ms, bits)
        assert not told.implausible
        counter, found = told.counter, found + told.persons
    return found


@settings(max_examples=300)
@given(st.integers(0, 10**6), st.floats(0, 0.3), st.booleans(), st.floats(0, 0.7))
def test_never_more_than_passed_whatever_is_lost_repeated_or_out_of_order(
    seed: int, resets: float, restored: bool, loss: float
) -> None:
    dice = random.Random(seed)
    told = camera_day(seed, 60, resets, restored)
    kept = [told[0]] + [push for push in told[1:] if dice.random() >= loss]
    arrived = [push for push in kept for _ in range(dice.choice([1, 1, 2]))]
    for _ in range(10):
        i = dice.randrange(1, len(arrived)) if len(arrived) > 1 else 0
        j = min(len(arrived) - 1, i + dice.randint(0, 3))
        arrived[i], arrived[j] = arrived[j], arrived[i]
    assert persons(arrived) <= told[-1].passed - told[0].passed


@given(st.integers(0, 10**6))
def test_all_of_them_when_nothing_was_lost(seed: int) -> None:
    told = camera_day(seed, 60, 0, False)
    assert persons(told) == told[-1].passed - told[0].passed
    some = [told[0], *random.Random(seed).sample(told[1:-1], 20), told[-1]]
    assert persons(sorted(some, key=lambda push: push.event_ms)) == told[-1].passed - told[0].passed


@given(st.integers(0, 10**6), st.sampled_from([16, 32]))
def test_a_rollover_is_exact_where_the_site_file_tells_the_bits(seed: int, bits: Literal[16, 32]) -> None:
    told = camera_day(seed, 60, 0, False, begin=2**bits - 200, bits=bits)
    assert persons(told, bits) == told[-1].passed - told[0].passed
    assert persons(told) <= told[-1].passed - told[0].passed


@given(st.integers(1, 200), st.data())
def test_a_midnight_reset_loses_only_what_passed_between_the_last_push_and_it(before: int, data: st.DataObject) -> None:
    lost, after = data.draw(st.integers(0, 20)), data.draw(st.integers(0, (before - 1) // 2))
    told = [Push(START_MS, 0, 0), Push(START_MS + 60_000, before, before)]
    told.append(Push(START_MS + 120_000, after, before + lost + after))
    assert persons(told) == before + after


def test_two_persons_in_one_second_and_a_late_push_of_that_second() -> None:
    first = step(None, 70, 1000)
    second = step(first.counter, 71, 1000)
    assert (second.persons, second.counter) == (1, Counter(71, 1000))
    assert step(second.counter, 70, 1000).persons == 0
    after_restart = step(second.counter, 0, 2000)
    assert step(after_restart.counter, 72, 2000).persons == 0  # of the second of the restart: from before it


def test_a_glitch_counts_nobody_and_is_told() -> None:
    last = Counter(70, 0)
    glitch = step(last, 4_000_000_000, 60_000)
    assert "3999999930 persons in 60 s" in glitch.implausible
    assert glitch.counter is None
    assert step(glitch.counter, 71, 120_000) == step(None, 71, 120_000)


def test_what_can_pass() -> None:
    assert plausible(MAX_AT_ONCE, 0)
    assert not plausible(MAX_AT_ONCE + 1, 0)
    assert plausible(MAX_AT_ONCE + 20 * 60, 60_000)
    assert not plausible(20_001, 10**12)


@given(st.integers(0, 500), st.integers(0, 10**6), st.integers(0, 10**6))
def test_times_lie_inside_the_interval_in_order_and_evenly(number: int, from_ms: int, length: int) -> None:
    times = spread_ms(number, from_ms, from_ms + length)
    assert len(times) == number
    assert times == sorted(times)
    assert all(from_ms <= at <= from_ms + length for at in times)
    gaps = [b - a for a, b in pairwise(times)]
    assert not gaps or max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize("persons_told", [0, 1])
def test_the_first_total_counts_nobody(persons_told: int) -> None:
    assert step(None, persons_told, 5).persons == 0
