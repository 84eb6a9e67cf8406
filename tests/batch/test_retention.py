"""What is due goes, what is not stays, and the proof says so; on real parts, with a clock of the test's own."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import KafkaException
from hypothesis import given
from hypothesis import strategies as st

from batch.archive import MANIFEST, Manifest, archived_days, day_folder, day_sha256
from batch.retention import Store, broken, due, prove, run
from infra.clock import DAY_MS, FakeClock, local_day
from infra.local.files import write_private
from infra.local.process import wait_until
from infra.settings import Settings
from infra.site import Site
from infra.topics import DETECTIONS, set_retention
from tests.batch.feed import drop_all, envelope, message, produce
from warehouse.client import ask, connect
from warehouse.migrate import migrate

NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)


@given(st.lists(st.dates(date(2026, 1, 1), date(2026, 4, 1)), unique=True), st.integers(0, 60))
def test_after_deleting_what_is_due_the_proof_holds(days: list[date], allowed: int) -> None:
    today = date(2026, 4, 1)
    gone = due(days, allowed, today)
    left = set(days) - set(gone)
    assert Store(name="s", oldest=min(left, default=None), allowed_days=allowed).kept_to(today)
    assert all(not Store(name="s", oldest=day, allowed_days=allowed).kept_to(today) for day in gone)


@pytest.fixture
def kept_since_long(fresh: Settings, site: Site, tmp_path: Path) -> tuple[Settings, date]:
    """Archive, a topic and `visitors` with records of today and of yesterday, by the real clock."""
    settings = fresh.model_copy(update={"archive": tmp_path / "archive"})
    migrate(settings, (site.estate.id,))
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    today = local_day(now_ms, site.tz)
    for day in (today - timedelta(days=1), today):
        folder = day_folder(settings, site, day)
        manifest = Manifest(
            estate_id=site.estate.id, day=day, timezone="Asia/Shanghai", sha256=day_sha256([]), files=[]
        )
        write_private(folder / MANIFEST, msgspec.json.encode(manifest))
    produce(settings, DETECTIONS, [message(envelope("cam_plaza", "plaza", 1, now_ms - DAY_MS))])
    rows = [(site.estate.id, today - timedelta(days=n), f"t{n}") for n in range(2)]
    with connect(settings, "loader") as client:
        client.execute("INSERT INTO visitors (estate_id, day, token) VALUES", rows)
    return settings, today


@pytest.mark.stack
def test_what_is_due_goes_and_the_rest_stays(kept_since_long: tuple[Settings, date], site: Site) -> None:
    settings, today = kept_since_long
    at_first = FakeClock(int(datetime.now(UTC).timestamp() * 1000))
    found, _ = prove(settings, site, at_first)
    assert broken(found, today) == []
    assert run(settings, site, at_first) == []
    later = FakeClock(at_first.now_ms() + 30 * DAY_MS)
    found, then = prove(settings, site, later)
    assert [store.name for store in broken(found, then)] == ["topic detections", "archive", "table visitors"]
    yesterday = today - timedelta(days=1)
    assert run(settings, site, later) == [f"archive: {yesterday}", f"table visitors: {yesterday}"]
    assert archived_days(settings, site) == [today]
    with connect(settings, "loader") as client:
        assert client.execute("SELECT day, token FROM visitors") == [(today, "t0")]
    drop_all(settings, DETECTIONS)
    found, then = prove(settings, site, later)
    assert broken(found, then) == []
    with connect(settings, "office") as client:
        answer = ask(client, "kpi_retention", estate=site.estate.id, first=today, last=then)
    looks = 2 * len(found)
    assert answer == [(looks, 2, 0, 100.0)]  # the last look of each day counts


@pytest.mark.stack
def test_topics_get_their_limits(fresh: Settings) -> None:
    settings = fresh.model_copy(update={"keep_all_history": False})
    changed: set[str] = set()

    def stays() -> bool:
        with suppress(KafkaException):  # topics and limits that are new become known a moment later
            wrong = set_retention(settings)
            changed.update(wrong)
            return not wrong
        return False

    wait_until(stays, 30, "limits that stay")
    assert f"{settings.topic_prefix}detections" in changed
    assert f"{settings.topic_prefix}baselines" not in changed
