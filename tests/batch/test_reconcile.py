"""Where stream and batch differ and why, and when the operator is told."""

from datetime import UTC, datetime
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from batch.nightly import run
from batch.reconcile import Agreement, Told, next_state, tell
from infra.clock import FakeClock
from infra.events import Alert
from infra.limits import Reconciliation
from infra.settings import SMALL_SITE, Settings
from infra.site import Site, load_site
from infra.topics import ALERTS, DEAD_LETTERS, DETECTIONS, OCCUPANCY, topic_name
from tests.batch.feed import DAY, at, crossing_envelopes, message, minute_row, produce
from tests.kafka_helpers import read_all
from warehouse.client import connect
from warehouse.migrate import migrate

SITE: Final = load_site(SMALL_SITE)
ZONE: Final = "building_1"


def counted(differing: int, minutes: int = 1000) -> Agreement:
    return Agreement(DAY, minutes, differing)


def as_told(state: Alert) -> Told:
    return Told(state.revision, state.status, state.opened_ms, state.measured)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=12))
def test_the_alert_is_open_while_the_last_load_was_above_the_limit(loads: list[int]) -> None:
    told: Told | None = None
    for number, differing in enumerate(loads):
        state = next_state(SITE, counted(differing), {"late": differing}, told, 1000 + number)
        if state is not None:
            assert state.revision == (told.revision + 1 if told else 1)
            assert state.opened_ms == (told.opened_ms if told else 1000 + number)
            assert (state.closed_ms is not None) == (state.status == "closed")
            assert msgspec.json.decode(msgspec.json.encode(state), type=Alert) == state
            told = as_told(state)
        is_open = told is not None and told.status != "closed"
        assert is_open == (differing > 10)
        assert next_state(SITE, counted(differing), {"late": differing}, told, 5000) is None


def test_it_says_how_many_minutes_and_why() -> None:
    state = next_state(SITE, counted(25), {"late": 20, "unexplained": 5}, None, 1000)
    assert state is not None
    assert state.explanation == (
        "2026-03-01: streams and nightly differ in 25 zone-minutes (2.50%, limit 1%): late 20, unexplained 5"
    )
    assert state.measured == {
        "late": 20,
        "dead_letter": 0,
        "outage": 0,
        "unexplained": 5,
        "minutes": 1000,
        "share": 0.025,
    }


def test_the_limit_is_the_sites() -> None:
    limits = SITE.limits.model_copy(update={"reconciliation": Reconciliation(most_share=0.5)})
    site = SITE.model_copy(update={"limits": limits})
    assert next_state(site, counted(500), {}, None, 1) is None
    assert next_state(site, counted(501), {}, None, 1) is not None
    assert next_state(site, counted(0, 0), {}, None, 1) is None


@pytest.mark.stack
def test_each_difference_has_its_cause_and_the_operator_is_told_once(
    fresh: Settings, site: Site, spark: SparkSession
) -> None:
    migrate(fresh, (site.estate.id,))
    clocks = ("12:00:00", "12:01:00", "12:02:00", "12:03:00", "12:04:00")
    same, late, refused, outage, odd = (at(clock) for clock in clocks)
    sent = {
        ms: crossing_envelopes("door_1", "cam_door_1", (ZONE,), ms, 3 * n + 1)[0]
        for n, ms in enumerate(map(at, clocks))
    }
    after_grace = fresh.grace_minutes * 60_000 + 1_000
    produce(fresh, DETECTIONS, [message(one, ms + (after_grace if ms == late else 500)) for ms, one in sent.items()])
    produce(
        fresh,
        OCCUPANCY,
        [
            minute_row(ZONE, same, 1, 0),
            minute_row(ZONE, late, 0, 0),
            minute_row(ZONE, refused, 0, 0),
            minute_row(ZONE, odd, 3, 0),
        ],
    )
    letter = next(one for one in read_all(fresh, DETECTIONS) if one.timestamp()[1] == refused + 500)
    header: dict[str, str | bytes | None] = {
        "source_topic": topic_name(DETECTIONS, fresh),
        "source_partition": str(letter.partition()),
        "source_offset": str(letter.offset()),
        "source_timestamp_ms": str(refused + 500),
    }
    produce(fresh, DEAD_LETTERS, [("k", letter.value() or b"", refused + 900)], header)

    run(fresh, site, DAY, spark=spark)

    with connect(fresh, "analyst") as client:
        rows = client.execute(
            "SELECT toUnixTimestamp(minute) * 1000, cause, ins, batch_ins FROM differences ORDER BY 1"
        )
    assert rows == [
        (late, "late", 0, 1),
        (refused, "dead_letter", 0, 1),
        (outage, "outage", 0, 1),
        (odd, "unexplained", 3, 1),
    ]
    clock = FakeClock(int(datetime.now(UTC).timestamp() * 1000))
    with connect(fresh, "loader") as client:
        (state,) = tell(fresh, site, client, [DAY], clock)
        assert tell(fresh, site, client, [DAY], clock) == []
    assert [msgspec.json.decode(one.value() or b"", type=Alert) for one in read_all(fresh, ALERTS)] == [state]
    assert (state.rule, state.status, state.zone_id) == ("reconciliation", "opened", "estate")
    assert state.measured["outage"] == 1
