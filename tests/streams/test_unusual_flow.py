"""Unusual flow and absence: hand-made hours, and the tails against scipy's distribution."""

from datetime import datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nbinom, poisson

from infra.clock import MINUTE_MS
from infra.events import Baseline, Crossings, Envelope, Health
from streams.baselines import latest
from streams.negative_binomial import at_least, at_most
from streams.rules import unusual_flow
from tests.streams.stories import SMALL

EIGHT_MS = int(datetime(2024, 5, 27, 8, tzinfo=SMALL.tz).timestamp() * 1000)  # a Monday
LINE = "gate_north"


def baseline(mean: float, dispersion: float = 0.05, line: str = LINE) -> Baseline:
    """The same in every hour of the week; ten times as many on holidays."""
    return Baseline(
        schema_version=1,
        estate_id=SMALL.estate.id,
        line_id=line,
        version="v",
        days=28,
        mean=[mean] * 168,
        dispersion=[dispersion] * 168,
        holiday_mean=[10 * mean] * 24,
        holiday_dispersion=[dispersion] * 24,
    )


def told(at_ms: int, persons: int = 0, health: Health | None = None) -> Envelope:
    """What the gate's camera tells in one half second."""
    columns = {
        "crossing_id": [f"c{at_ms}.{n}" for n in range(persons)],
        "event_ms": [at_ms] * persons,
        "line_id": [LINE] * persons,
        "direction": [(1, -1)[n % 2] for n in range(persons)],
        "track_id": list(range(persons)),
        "object_class": ["person"] * persons,
    }
    return Envelope(
        schema_version=1,
        estate_id=SMALL.estate.id,
        zone_id="estate",
        camera_id="cam_gate_north",
        boot_id="b",
        seq=at_ms,
        start_ms=at_ms,
        end_ms=at_ms + 500,
        crossings=msgspec.convert(columns, Crossings) if persons else None,
        health=health,
    )


def alerts(story: list[Envelope], known: Baseline | None) -> list[tuple[str, str, float, float]]:
    """(rule, status, minutes since eight, persons) of all that is told."""
    states: dict[str, unusual_flow.State] = {}
    usual = {known.line_id: known} if known else {}
    news = [alert for one in story for alert in unusual_flow.step(states, one, usual, SMALL)]
    return [(a.rule, a.status, (a.updated_ms - EIGHT_MS - 500) / MINUTE_MS, a.measured["persons"]) for a in news]


def minutes(counts: list[int], start: int = -60) -> list[Envelope]:
    """One envelope a minute with so many crossings, from `start` minutes after eight on."""
    return [told(EIGHT_MS + (start + n) * MINUTE_MS, persons) for n, persons in enumerate(counts)]


def test_too_many_are_told_as_soon_as_they_are_and_until_an_hour_is_as_usual() -> None:
    limit = next(k for k in range(1_000) if at_least(k, 60, 0.05) < 1e-4)
    needed = -(-limit // 4)  # minutes at four persons each
    first, *updates, last = alerts(minutes([1] * 60 + [4] * 70 + [1] * 60), baseline(60))
    assert first == ("unusual_flow", "opened", needed - 1, needed * 4)
    assert all(status == "updated" for _, status, _, _ in updates)
    assert updates[-1] == ("unusual_flow", "updated", 60 - 500 / MINUTE_MS, 240)
    assert last[:3] == ("unusual_flow", "closed", 120 - 500 / MINUTE_MS)


def test_few_are_never_too_many_and_without_a_baseline_nothing_is_known() -> None:
    assert alerts(minutes([0] * 60 + [1] * 19 + [0] * 60), baseline(0.1, 0.0)) == []
    assert alerts(minutes([1] * 60 + [50] * 60 + [0] * 180), None) == []


def test_on_a_holiday_other_numbers_are_usual() -> None:
    shift = int(datetime(2024, 10, 1, 8, tzinfo=SMALL.tz).timestamp() * 1000) - EIGHT_MS
    story = [told(one.start_ms + shift, 10) for one in minutes([10] * 60, start=0)]
    assert alerts(story, baseline(60)) == []
    assert alerts(minutes([10] * 60, start=0), baseline(60)) != []


def test_a_whole_hour_without_people_is_told_at_its_end_and_ends_when_enough_come() -> None:
    found = alerts(minutes([1] * 60 + [0] * 61 + [1] * 60), baseline(60))
    assert found[0] == ("unusual_absence", "opened", 60 - 500 / MINUTE_MS, 0)
    (_, status, at, _) = found[-1]
    few = next(k for k in range(1_000) if at_most(k, 60, 0.05) >= 1e-4)
    assert (status, at) == ("closed", 61 + few - 1)


@pytest.mark.parametrize(
    "excuse",
    [
        {20: None, 21: None, 22: None, 23: None},
        {20: Health(online=False, fps=0.0)},
        {20: Health(online=True, fps=25.0, picture="covered")},
    ],
)
def test_a_camera_that_cannot_be_trusted_all_the_hour_says_nothing(excuse: dict[int, Health | None]) -> None:
    silence = {EIGHT_MS + minute * MINUTE_MS: health for minute, health in excuse.items()}
    story = minutes([1] * 60 + [0] * 120 + [1] * 1)
    spoilt = [told(one.start_ms, 0, silence[one.start_ms]) if one.start_ms in silence else one for one in story]
    spoilt = [one for one in spoilt if silence.get(one.start_ms, one) is not None]
    opened = [row for row in alerts(spoilt, baseline(60)) if row[1] == "opened"]
    assert opened == [("unusual_absence", "opened", 120 - 500 / MINUTE_MS, 0)]


def test_late_ones_of_an_hour_that_is_over_are_not_counted() -> None:
    story = [*minutes([1] * 61), told(EIGHT_MS - 30 * MINUTE_MS, 500)]
    assert alerts(story, baseline(60)) == []


def test_the_last_baseline_of_a_line_counts_and_what_is_none_is_left_out() -> None:
    sent = [baseline(1), baseline(2), baseline(3, line="nowhere"), baseline(4, line="door_1")]
    values = [msgspec.json.encode(one) for one in sent]
    assert {line: one.mean[0] for line, one in latest([*values, b"{", None], SMALL).items()} == {LINE: 2, "door_1": 4}


@given(count=st.integers(0, 400), mean=st.floats(0.01, 300), dispersion=st.floats(0.001, 5))
def test_tails_are_those_of_the_distribution(count: int, mean: float, dispersion: float) -> None:
    size = 1 / dispersion
    known = nbinom(size, size / (size + mean))
    assert at_least(count, mean, dispersion) == pytest.approx(float(known.sf(count - 1)), rel=1e-6, abs=1e-12)
    assert at_most(count, mean, dispersion) == pytest.approx(float(known.cdf(count)), rel=1e-6, abs=1e-12)
    assert at_least(count, mean, 0.0) == pytest.approx(float(poisson(mean).sf(count - 1)), abs=1e-9)
    assert at_most(count, mean, 0.0) == pytest.approx(float(poisson(mean).cdf(count)), abs=1e-9)
