"""`anfang watch`: state and frames without Kafka; the shell against the real one."""

import io
import time
from pathlib import Path

import pytest
from confluent_kafka import Producer
from rich.console import Console

from dashboards.watch import EMPTY, MOST_ZONES, State, age, decoded, frame, show, shown_zones, taken
from infra.clock import FakeClock
from infra.errors import UserError
from infra.events import Alert, OccupancyMinute, encoder
from infra.settings import FULL_SITE, Settings
from infra.site import load_site
from infra.topics import ALERTS, OCCUPANCY, topic_name
from tests.dashboards.web.messages import ESTATE, NOON, SITE, alert, minute


def shown(state: State, now_ms: int = NOON + 180_000) -> str:
    console = Console(file=io.StringIO(), width=140, record=True)
    console.print(frame(state, SITE, now_ms))
    return console.export_text()


def test_the_newest_minute_and_revision_win() -> None:
    later = NOON + 60_000
    messages = [
        minute("plaza"),
        minute("plaza", later, 95.0, 1),
        minute("plaza", later, 70.0, 0),
        minute("plaza", NOON, revision=9),
    ]
    assert taken(EMPTY, messages, ESTATE).minutes["plaza"].occupancy == 95.0


def test_the_highest_revision_of_an_alert_wins() -> None:
    state = taken(EMPTY, [alert("a", closed_ms=NOON, revision=2), alert("a", revision=1)], ESTATE)
    assert state.alerts["a"].status == "closed"


def test_other_estates_and_unreadable_messages() -> None:
    state = taken(EMPTY, [minute("plaza", estate="elsewhere"), None, decoded(True, b"{"), decoded(False, None)], ESTATE)
    assert state == State({}, {}, 3)
    assert "3 unreadable" in shown(state)


@pytest.mark.parametrize(
    "value", [b"", b"\xff", b'{"alert_id": "\xff\xfe"}', b'{"schema_version": 1, "more": ' + b"[" * 100_000]
)
def test_what_is_no_message_is_passed_over(value: bytes) -> None:
    assert decoded(True, value) is None
    assert decoded(False, value) is None


def test_decoded_reads_both_topics() -> None:
    assert decoded(True, encoder.encode(alert("a"))) == alert("a")
    assert decoded(False, encoder.encode(minute("plaza"))) == minute("plaza")


def test_a_frame_says_what_holds() -> None:
    told: list[OccupancyMinute | Alert] = [
        minute("plaza"),
        alert("a", why="why a"),
        alert("b", closed_ms=NOON, revision=2, why="why b"),
    ]
    text = shown(taken(EMPTY, told, ESTATE))
    line = next(line for line in text.splitlines() if "中心广场" in line)
    for part in ("90", "81–101", "60% of 150", "+7", "full", "2 min"):
        assert part in line
    assert "no data" in next(line for line in text.splitlines() if "水泵房" in line)
    assert "1 open, 1 closed" in text
    assert text.index("why a") < text.index("why b")
    assert "2024-03-01 11:55" in text


def test_a_large_site_shows_the_estate_and_its_fullest_zones() -> None:
    large = load_site(FULL_SITE)
    fullest = next(zone for zone in reversed(large.zones) if zone.capacity)
    state = State({fullest.id: minute(fullest.id, occupancy=fullest.capacity * 2.0)}, {})
    zones = shown_zones(state, large)
    assert len(zones) == MOST_ZONES
    assert zones[0].parent is None
    assert fullest in zones


@pytest.mark.parametrize(
    ("ms", "said"), [(-5, "0 s"), (59_000, "59 s"), (120_000, "2 min"), (7_200_000, "2 h"), (200 * 3_600_000, "8 d")]
)
def test_age(ms: int, said: str) -> None:
    assert age(ms) == said


def test_kafka_out_of_reach_is_said_within_ten_seconds() -> None:
    began = time.monotonic()
    with pytest.raises(UserError, match=r"127\.0\.0\.1:9 within"):
        show(Settings(kafka="127.0.0.1:9"), SITE, once=True)
    assert time.monotonic() - began < 10


@pytest.mark.stack
def test_one_frame_from_the_real_kafka(fresh: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    producer = Producer({"bootstrap.servers": fresh.kafka_address()})
    for revision in range(3):
        producer.produce(
            topic_name(OCCUPANCY, fresh), encoder.encode(minute("plaza", NOON, 40.0 + revision, revision)), "plaza"
        )
    producer.produce(topic_name(ALERTS, fresh), encoder.encode(alert("a")), "pump_room")
    producer.flush(10)
    show(fresh, SITE, once=True, svg=tmp_path / "watch.svg", clock=FakeClock(NOON + 90_000))
    out = capsys.readouterr().out
    assert "42" in out
    assert "1 open" in out
    assert "</svg>" in (tmp_path / "watch.svg").read_text()
