"""The views that dashboards ask, against the same answers computed another way; and whose rows they show."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from clickhouse_driver import Client
from scipy.stats import binomtest

from infra.settings import SMALL_SITE, Settings
from infra.site import Site, load_site
from warehouse.access import VIEWS
from warehouse.client import connect
from warehouse.estate import line_name, record_site, site_rows
from warehouse.migrate import migrate
from warehouse.roll_ups import roll_up_missing

SITE = load_site(SMALL_SITE)
ESTATE = SITE.estate.id
DAY = date(2026, 3, 2)  # a Monday
NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)  # 12:00 in Shanghai
KINDS = ("theft", "public_order", "fight", "fire_lane", "other")


@pytest.fixture
def filled(fresh: Settings) -> Settings:
    """The small site's names, and rows of it and of another estate of the same ids."""
    migrate(fresh, (ESTATE,))
    with connect(fresh, "loader") as client:
        record_site(client, SITE, NOON)
        for estate in (ESTATE, "theirs"):
            _fill(client, estate)
            roll_up_missing(client, estate, SITE.estate.timezone)
    with connect(fresh, "migrator") as client:
        for estate in (ESTATE, "theirs"):
            _insert(client, "incidents", [_incident(estate, n, day) for n, day in enumerate(INCIDENT_DAYS)])
            undone = _incident(estate, 500, INCIDENT_DAYS[0])
            _insert(client, "incidents", [undone, undone | {"version": 2, "removed": 1}])
    return fresh


def _fill(client: Client, estate: str) -> None:
    row = {"estate_id": estate, "day": DAY}
    _insert(client, "nightly_accounting", [row])
    moves = [("gate_north", 1), ("gate_north", 1), ("gate_north", -1), ("plaza_edge", 1), ("no_such_line", 1)]
    crossings = [
        row | {"event_time": NOON, "crossing_id": f"{n}", "line_id": line, "direction": way, "object_class": "person"}
        for n, (line, way) in enumerate(moves)
    ]
    _insert(client, "crossings", [*crossings, crossings[0] | {"crossing_id": "bike", "object_class": "bicycle"}])
    minutes = [
        row
        | {"minute": NOON + timedelta(minutes=n), "zone_id": "plaza", "occupancy": 10.0 + n, "low": n, "high": 30 + n}
        for n in range(10)
    ]
    minutes = [m | {"coverage": "full", "batch_ins": 2, "ins": 2, "revision": 1} for m in minutes]
    _insert(client, "zone_minutes", [*minutes[:9], minutes[9] | {"coverage": "unknown", "occupancy": 900.0, "ins": 0}])
    _insert(client, "alerts", [row | alert for alert in ALERTS])
    _insert(client, "dispositions", [row | said for said in SAID])
    health = [row | {"minute": NOON + timedelta(minutes=n), "picture": "ok"} for n in range(4)]
    _insert(client, "camera_minutes", [h | {"camera_id": "cam_plaza", "online": 1} for h in health])
    bad = [h | {"camera_id": "cam_door_1", "online": int(n < 3), "clock_offset_ms": -n} for n, h in enumerate(health)]
    _insert(client, "camera_minutes", [*bad[:1], bad[1] | {"picture": "black"}, *bad[2:]])
    sequence = row | {"camera_id": "cam_door_1", "boot_id": "b", "zone_id": "building_1"}
    _insert(client, "camera_sequences", [sequence | {"first_seq": 1, "last_seq": 10, "received": 8}])
    passage = row | {"event_time": NOON, "gate_id": "turnstile_north", "granted": 1}
    _insert(client, "gate_passages", [passage | {"passage_id": "1"}, passage | {"passage_id": "2", "granted": 0}])


def _alert(name: str, local_hour: int, **more: object) -> dict[str, object]:
    opened = NOON + timedelta(hours=local_hour - 12)
    common: dict[str, object] = {
        "alert_id": name,
        "zone_id": "plaza",
        "subject_id": "plaza",
        "opened_time": opened,
        "rule": "gathering",
    }
    common["closed_time"] = None
    return common | {"published_time": opened + timedelta(seconds=2), "status": "closed", "severity": "warning"} | more


ALERTS = (
    _alert("day", 12, closed_time=NOON + timedelta(minutes=3)),
    _alert("night", 23, subject_id="cam_plaza"),
    _alert("line", 5, subject_id="gate_north", zone_id="no_such_zone"),
)
SAID = (
    {"alert_id": "day", "disposition_id": "1", "event_time": NOON + timedelta(minutes=5), "verdict": "unsure"},
    {"alert_id": "day", "disposition_id": "2", "event_time": NOON + timedelta(minutes=9), "verdict": "false"},
)
INCIDENT_DAYS = [date(2024, 1, 10) + timedelta(days=9 * n) for n in range(90)]


def _incident(estate: str, number: int, day: date) -> dict[str, object]:
    at = datetime(day.year, day.month, day.day, 17, tzinfo=UTC)  # 01:00 of the next day in Shanghai
    kind = KINDS[number % 3]
    return {"estate_id": estate, "entry_id": f"i{number}", "version": 1, "event_time": at, "kind": kind, "removed": 0}


def _insert(client: Client, table: str, rows: list[dict[str, object]]) -> None:
    client.execute(f"INSERT INTO {table} ({', '.join(rows[0])}) VALUES", rows)


def _asked(settings: Settings, sql: str) -> list[tuple[object, ...]]:
    with connect(settings, "analyst") as client:
        rows: list[tuple[object, ...]] = client.execute(sql)
        return rows


def test_a_line_is_called_by_its_gates_or_its_zones() -> None:
    assert line_name(SITE, SITE.line["gate_north"]) == "北门人行通道"
    assert line_name(SITE, SITE.line["clubhouse_door"]) == "中心广场–居民活动中心"


def test_shifts_cover_each_minute_of_the_week_once() -> None:
    spans = [(row["start_minute"], row["end_minute"]) for row in site_rows(SITE)["shifts"]]
    minutes = Counter(int(str(m)) % 10080 for start, end in spans for m in range(int(str(start)), int(str(end))))
    assert minutes == Counter(range(10080))


@pytest.mark.stack
def test_each_view_shows_an_analyst_its_own_estate_only(filled: Settings) -> None:
    for view in VIEWS:
        assert _asked(filled, f"SELECT DISTINCT estate_id FROM {view}") == [(ESTATE,)], view
        with connect(filled, "office") as client:
            assert client.execute(f"SELECT DISTINCT estate_id FROM {view}") == [(ESTATE,)], view


@pytest.mark.stack
def test_flows_go_from_zone_to_zone_by_name(filled: Settings) -> None:
    rows = _asked(filled, "SELECT line_name, way, from_name, to_name, hour, persons FROM zone_flows ORDER BY ALL")
    assert rows == [
        ("北门人行通道", -1, "小区", "", 12, 1),
        ("北门人行通道", 1, "", "小区", 12, 2),
        ("小区–中心广场", 1, "小区", "中心广场", 12, 1),
    ]


@pytest.mark.stack
def test_a_zones_day_leaves_out_minutes_in_which_nothing_was_known(filled: Settings) -> None:
    names = "zone_name, capacity, peak, peak_low, peak_high, entries, known_minutes, differing_minutes, person_minutes"
    assert _asked(filled, f"SELECT {names} FROM zone_days") == [("中心广场", 150, 18, 8, 38, 20, 9, 1, 14 * 1440)]


@pytest.mark.stack
def test_an_alert_tells_its_names_its_shift_and_what_was_said(filled: Settings) -> None:
    names = "alert_id, zone_name, subject_name, shift, verdict, response_minutes, open_minutes, delay_seconds"
    assert _asked(filled, f"SELECT {names} FROM alert_outcomes ORDER BY alert_id") == [
        ("day", "中心广场", "中心广场", "门岗", "false", 5, 3, 2),
        ("line", "no_such_zone", "北门人行通道", "夜间巡逻", "", None, None, 2),
        ("night", "中心广场", "广场全景", "夜间巡逻", "", None, None, 2),
    ]


@pytest.mark.stack
def test_each_device_of_todays_file_has_a_row_on_each_loaded_day(filled: Settings) -> None:
    names = "expected_minutes, online_minutes, bad_picture_minutes, numbered_envelopes, received_envelopes, in_use"
    rows = {row[0]: row[1:] for row in _asked(filled, f"SELECT device_id, {names} FROM device_days")}
    assert set(rows) == {*SITE.camera, *SITE.gate}
    assert rows["cam_door_1"] == (4, 3, 1, 10, 8, 1)
    assert rows["cam_plaza"] == (4, 4, 0, 0, 0, 1)
    assert rows["cam_perimeter"] == (4, 0, 0, 0, 0, 0)
    assert (rows["turnstile_north"][0], rows["turnstile_north"][-1], rows["turnstile_south"][-1]) == (0, 1, 0)
    passed = _asked(filled, "SELECT granted_passages, refused_passages FROM device_days WHERE device_id LIKE '%north'")
    assert sorted(passed) == [(0, 0), (1, 1)]

    smaller = SITE.model_copy(update={"cameras": SITE.cameras[:2], "gates": ()})
    with connect(filled, "loader") as client:
        record_site(client, smaller, NOON + timedelta(days=1))
    kept = {str(row[0]) for row in _asked(filled, "SELECT device_id FROM device_days")}
    assert kept == {camera.id for camera in smaller.cameras}
    assert len(_asked(filled, "SELECT name FROM devices FINAL")) == len(SITE.cameras) + len(SITE.gates)


@pytest.mark.stack
def test_months_of_incidents_know_zero_and_the_unknown(filled: Settings) -> None:
    local = [day + timedelta(days=1) for day in INCIDENT_DAYS]
    counted = Counter((day.replace(day=1), KINDS[n % 3]) for n, day in enumerate(local))
    names = "day, kind, incidents, incidents_year_before, handover"
    rows = _asked(filled, f"SELECT {names} FROM incident_months ORDER BY day")
    assert len(rows) == 5 * len({month for month, _ in counted})
    for month, kind, incidents, before, handover in rows:
        assert isinstance(month, date)
        earlier = month.replace(year=month.year - 1)
        assert incidents == counted[month, str(kind)]
        assert before == (counted[earlier, str(kind)] if month.year > 2024 else None)
        assert handover == 0


@pytest.mark.stack
def test_a_year_against_the_year_before_has_wilsons_interval(filled: Settings) -> None:
    local = [day + timedelta(days=1) for day in INCIDENT_DAYS]
    rows = _asked(
        filled, "SELECT kind, incidents, incidents_before, ratio, ratio_low, ratio_high FROM incident_changes"
    )
    assert {str(row[0]) for row in rows} == {"all", *KINDS[:3]}
    for kind, now, before, ratio, low, high in rows:
        ages = [(local[-1] - day).days for n, day in enumerate(local) if kind in ("all", KINDS[n % 3])]
        assert (now, before) == (sum(a < 365 for a in ages), sum(365 <= a < 730 for a in ages))
        assert isinstance(now, int)
        assert isinstance(before, int)
        share = binomtest(now, now + before).proportion_ci(method="wilson")
        expected = (now / before, share.low / (1 - share.low), share.high / (1 - share.high))
        assert (ratio, low, high) == pytest.approx(expected, rel=1e-4)


@pytest.mark.stack
def test_a_ledger_of_less_than_two_years_says_nothing_of_the_year_before(fresh: Settings) -> None:
    migrate(fresh, (ESTATE,))
    with connect(fresh, "migrator") as client:
        _insert(client, "incidents", [_incident(ESTATE, n, day) for n, day in enumerate(INCIDENT_DAYS[:60])])
    rows = _asked(fresh, "SELECT kind, incidents, incidents_before, ratio, ratio_low, ratio_high FROM incident_changes")
    assert ("all", 41, None, None, None, None) in rows
    assert {row[2:] for row in rows} == {(None, None, None, None)}


def _names(site: Site) -> set[str]:
    return {str(row["name"]) for table in ("zones", "lines", "devices") for row in site_rows(site)[table]}


def test_every_place_of_the_full_site_has_a_name_of_its_own() -> None:
    full = load_site(SMALL_SITE.with_name("tianjiaocheng.yaml"))
    rows = site_rows(full)
    assert len(rows["devices"]) == 601 + 16 + 18
    assert all(_names(full))
    lines = [row["name"] for row in rows["lines"]]
    assert len(set(lines)) == len(lines)
