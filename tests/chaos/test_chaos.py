"""A short round of chaos in each test run; `make chaos SEEDS=20` is the long one."""

import pytest

from infra.settings import Settings
from tests.chaos.feed import messages
from tests.chaos.run import Wrong, differences, run_seed
from tests.chaos.soak import growth


def test_the_same_seed_is_the_same_input_and_another_is_not() -> None:
    assert messages(3, 0.2) == messages(3, 0.2) != messages(4, 0.2)


def test_differences_are_counted_both_ways() -> None:
    a, b = Wrong(1, 2), Wrong(2, 1)
    assert differences({"x": a, "y": b}, {"x": a, "y": b}) == Wrong(0, 0)
    assert differences({"x": b, "z": a}, {"x": a, "y": b}) == Wrong(missing=2, extra=1)


def test_growth_is_the_late_peak_by_the_early_sample() -> None:
    start_up = [50.0] * 10
    assert growth([*start_up, *[100.0] * 50, 104.0, *[100.0] * 179]) == pytest.approx(104.0 / 100.0)
    assert growth([100.0] * 240) == 1.0


@pytest.mark.stack
@pytest.mark.timeout(900)
def test_exact_through_kills_a_broker_restart_a_zombie_and_rebalances(fresh: Settings) -> None:
    found = run_seed(fresh, seed=3, kills=4, broker_restarts=1, hours=1)  # its wrong clock is not a gate's camera's
    assert (found.missing, found.extra) == (0, 0)
    assert found.plain_faust.missing + found.plain_faust.extra > 0, "plain Faust came through: this proves nothing"
