"""What the benchmarks of the streams send and reckon: pace, percentiles, alarming and bad envelopes; no stack."""

from collections import Counter
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.events import Alert
from infra.topics import DETECTIONS
from infra.validate import Refusal, judge
from producers.simulate.faults import POISONS
from streams.durable import ZoneValue
from streams.zone import ZoneState
from streams.zone_alerts import ZoneAlerts, envelope_rules
from tests.benchmarks.alert_latency import NAP_S, figures, paced, percentile
from tests.benchmarks.feed import ZONES, alarming_envelopes, alarms, envelopes, one_way_site, synthetic_site
from tests.benchmarks.poison import LARGE_IN, ONE_IN, bad_messages, poisoned
from tests.benchmarks.restart import zone_values

START_MS = 1_716_768_000_000


class Timer:
    """A clock that moves when one sleeps, and by `work_s` whenever it is looked at."""

    def __init__(self, work_s: float) -> None:
        self.now_s, self._work_s = 1000.0, work_s

    def look(self) -> float:
        """The time; looking takes some."""
        self.now_s += self._work_s
        return self.now_s

    def sleep(self, seconds: float) -> None:
        """Oversleep a little, as one does."""
        self.now_s += seconds * 1.1


@given(st.floats(1, 2_000), st.floats(0, 1e-4))
def test_nothing_is_sent_before_its_time_and_lateness_does_not_add_up(per_second: float, work_s: float) -> None:
    timer = Timer(work_s)
    start_s = timer.now_s + work_s
    late_s = [timer.now_s - start_s - n / per_second for n in paced(range(2_000), per_second, timer.look, timer.sleep)]
    assert min(late_s) > -1e-6
    most_oversleep_s = 0.1 * max(NAP_S, 1 / per_second) + NAP_S
    assert max(late_s) < most_oversleep_s + 2 * work_s + 1e-6


def test_after_a_hold_up_what_is_due_is_sent_at_once() -> None:
    timer = Timer(0.0)
    at_s = []
    for number in paced(range(100), 10, timer.look, timer.sleep):
        timer.now_s += 5.0 if number == 10 else 0.0
        at_s.append(timer.now_s - 1000)
    assert at_s[10:60] == pytest.approx([at_s[10]] * 50)
    assert at_s[-1] == pytest.approx(9.9, abs=0.02)


@given(st.lists(st.integers(0, 10_000), min_size=1), st.integers(1, 100))
def test_percentile_is_numpy_s_by_nearest_rank(values: list[int], share: int) -> None:
    assert percentile(values, share) == np.percentile(values, share, method="inverted_cdf")


def test_half_load_has_a_name_of_its_own() -> None:
    found = figures("faust_", {10: [1, 2, 3], 50: [10, 20], 80: [5]})
    assert found["faust_p99_ms_half_load"] == found["faust_p99_ms_50"] == 20
    assert found["faust_p50_ms_10"] == 2
    assert found["faust_alerts"] == 6


def test_each_alarming_envelope_opens_an_alert_of_its_own_and_no_other_does() -> None:
    site, states = one_way_site(), {zone.id: ZoneAlerts() for zone in one_way_site().zones}
    messages = alarming_envelopes(130 * ZONES, START_MS)
    told: list[Alert] = []
    for _, value, sent_ms in messages:
        envelope = judge(value, sent_ms, site)
        assert not isinstance(envelope, Refusal)
        told += envelope_rules(states[envelope.zone_id], envelope, sent_ms, site)
    causes = [cause for _, _, cause in alarms(messages)]
    assert [alert.evidence for alert in told if alert.status == "opened"] == [[cause] for cause in causes]
    assert set(Counter(zone_id for _, zone_id, _ in alarms(messages)).values()) == {130 // 60, 130 // 60 + 1}
    gaps = [after - before for before, after in pairwise(place for place, _, _ in alarms(messages))]
    assert max(gaps) <= ZONES


def test_one_message_in_a_hundred_is_bad_of_every_kind_in_turn_and_the_others_are_untouched() -> None:
    site, messages = synthetic_site(), envelopes(2 * LARGE_IN * (ONE_IN - 1))
    sent = list(poisoned(messages))
    refused = [judged for one in sent if isinstance(judged := judge(one[1], one[2], site), Refusal)]
    bad = {value for _, value, _ in bad_messages()}
    assert len(bad) == len(POISONS)
    assert [one for one in sent if one[1] not in bad] == messages
    assert len(refused) == len(sent) - len(messages) == pytest.approx(len(sent) / ONE_IN, abs=1)
    times = Counter(one.reason for one in refused)
    assert times.pop("too_large") == 2
    assert len(times) == len(POISONS) - 1
    assert max(times.values()) - min(times.values()) <= 1


def test_a_kept_zone_is_what_occupancy_keeps_of_a_zone_with_history() -> None:
    values = zone_values(4)
    found = [msgspec.msgpack.decode(value, type=ZoneValue[ZoneState]) for value in values]
    assert [value.partition for value in found] == [0, 1, 2, 3]
    assert len({len(value) for value in values}) == 1
    assert found[0].state.closed_ms > 0
    assert found[0].state.base.balance != 0
    assert DETECTIONS.name in found[0].applied
