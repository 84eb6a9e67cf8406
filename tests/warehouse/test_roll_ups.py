"""Roll-ups say what the rows say: by the questions asked of raw rows (`raw_questions/`), and by plain Python."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

import pytest
from clickhouse_driver import Client

from dashboards.report.facts import parameters
from dashboards.report.indicators import load_tree
from infra.clock import day_start_ms
from infra.errors import UserError
from infra.period import Period
from infra.settings import SMALL_SITE, Settings
from infra.site import load_site
from warehouse.access import LOAD_TABLES
from warehouse.client import Parameter, connect, query
from warehouse.estate import estate_parameters
from warehouse.load import INSERT_SETTINGS
from warehouse.migrate import migrate
from warehouse.roll_ups import ROLL_UPS, roll_up, roll_up_missing

pytestmark = pytest.mark.stack
SITE: Final = load_site(SMALL_SITE)
ESTATE: Final = SITE.estate.id
RAW: Final = Path(__file__).parent / "raw_questions"
QUESTIONS: Final = sorted(path.stem for path in RAW.glob("*.sql"))
DAYS: Final = [date(2026, 3, 1) + timedelta(days=n) for n in range(4)]  # of the third nothing is known
PERIOD: Final = Period(DAYS[0], DAYS[-1])
Rows = dict[str, list[dict[str, object]]]


def made(estate: str, seed: int) -> Rows:
    """Rows of every kind that is summed up, in all hours, with much that is equal, unknown, offline or refused."""
    random, rows = Random(seed), defaultdict[str, list[dict[str, object]]](list)
    for day in (DAYS[0], DAYS[1], DAYS[3]):
        start = datetime.fromtimestamp(day_start_ms(day, SITE.tz) / 1000, UTC)
        row: dict[str, object] = {"estate_id": estate, "day": day}
        rows["nightly_accounting"].append(row)
        for number in range(900):
            at = {
                "event_time": start + timedelta(milliseconds=random.randrange(86_400_000)),
                "crossing_id": f"{number}",
            }
            of = {"line_id": random.choice([*SITE.line, "gone"]), "direction": random.choice((1, -1))}
            rows["crossings"].append(row | at | of | {"object_class": random.choice(("person", "person", "bicycle"))})
        for number in range(120):
            at = {"event_time": start + timedelta(seconds=number), "passage_id": f"{number}"}
            rows["gate_passages"].append(row | at | {"gate_id": random.choice([*SITE.gate]), "granted": number % 7 > 0})
        for minute in range(0, 1440, 9):
            at = row | {"minute": start + timedelta(minutes=minute)}
            rows["zone_minutes"] += [at | _zone(random, zone) for zone in SITE.zone]
            rows["camera_minutes"] += [at | _camera(random, camera) for camera in [*[*SITE.camera][1:], "gone"]]
    return rows


def _zone(random: Random, zone: str) -> dict[str, object]:
    ins, persons = random.randrange(4), random.randrange(12) / 2
    return {
        "zone_id": zone,
        "coverage": random.choice(("full", "partial", "unknown")),
        "occupancy": persons,
        "low": persons - random.randrange(3),
        "high": persons + random.randrange(3),
        "ins": ins,
        "batch_ins": ins + (random.random() < 0.1),
        "revision": 1,
    }


def _camera(random: Random, camera: str) -> dict[str, object]:
    return {
        "camera_id": camera,
        "online": int(random.random() < 0.6),
        "fps": random.choice((0.0, 9.99, 10.0, 24.5, 1e9)),
        "decode_errors": random.choice((0, 0, 3)),
        "picture": random.choice(("ok", "ok", "black")),
        "clock_offset_ms": random.choice((0.0, -499.5, 500.0, 500.5, -2000.0)),
        "dropped": random.randrange(4),
        "thinned": random.choice((0, 0, 0, 70)),
    }


def put(client: Client, rows: Rows) -> None:
    """Insert them with the load id that rows have by themselves."""
    for table, some in rows.items():
        client.execute(f"INSERT INTO {table} ({', '.join(some[0])}) VALUES", some)


@pytest.fixture
def filled(fresh: Settings) -> tuple[Settings, Rows]:
    """Rows of the site's estate and of another, whose roll-ups are made, too; and those of the site's."""
    migrate(fresh, (ESTATE,))
    rows = made(ESTATE, 1)
    with connect(fresh, "loader") as client:
        for estate, some in ((ESTATE, rows), ("theirs", made("theirs", 2))):
            put(client, some)
            assert roll_up_missing(client, estate, SITE.estate.timezone) == 3 * len(ROLL_UPS)
            assert roll_up_missing(client, estate, SITE.estate.timezone) == 0
    with connect(fresh, "office") as client:
        checks = {"estate_id": ESTATE, "version": 1, "line_id": "gate_north", "manual_count": 4, "removed": 0}
        spans = [(rows["crossings"][0]["event_time"], n) for n in range(2)]
        for start, number in spans:
            assert isinstance(start, datetime)
            check = checks | {"entry_id": f"{number}", "start_time": start, "end_time": start + timedelta(hours=number)}
            client.execute(f"INSERT INTO spot_checks ({', '.join(check)}) VALUES", [check])
    return fresh, rows


def asked() -> dict[str, Parameter]:
    """All that any question may want to know."""
    named = dict(parameters(SITE, PERIOD, load_tree())) | estate_parameters(SITE)
    return named | {"least_fps": 10, "most_clock_offset_ms": 500}


def test_every_question_is_answered_as_of_the_raw_rows(filled: tuple[Settings, Rows]) -> None:
    with connect(filled[0], "analyst") as client:
        for name in QUESTIONS:
            raw = client.execute((RAW / f"{name}.sql").read_text(encoding="utf-8"), asked())
            found = client.execute(query(name), asked())
            assert found, name
            assert _rounded(found) == _rounded(raw), name


def _rounded(rows: list[tuple[object, ...]]) -> list[list[object]]:
    """Sums of floats may differ in their last digits, by the order in which they were added up."""
    return [[f"{value:.12g}" if isinstance(value, float) else value for value in row] for row in rows]


def test_sums_are_those_that_python_makes(filled: tuple[Settings, Rows]) -> None:
    settings, rows = filled
    hours: Counter[tuple[object, ...]] = Counter()
    for one in rows["crossings"]:
        at = one["event_time"]
        assert isinstance(at, datetime)
        hours[one["day"], one["line_id"], at.astimezone(SITE.tz).hour, one["direction"], one["object_class"]] += 1
    days: Counter[tuple[object, ...]] = Counter()
    for (day, line, _, direction, kind), number in hours.items():
        days[day, line, direction, kind] += number
    known = [one for one in rows["zone_minutes"] if one["coverage"] != "unknown"]
    highest: dict[tuple[object, object], dict[str, object]] = {}
    for one in known:  # in the order of time: the first of equals stays
        key = one["day"], one["zone_id"]
        if key not in highest or float(str(one["occupancy"])) > float(str(highest[key]["occupancy"])):
            highest[key] = one
    online = Counter((one["day"], one["camera_id"]) for one in rows["camera_minutes"] if one["online"])
    lost: Counter[tuple[object, ...]] = Counter()
    for one in rows["camera_minutes"]:
        for name in ("dropped", "thinned"):
            lost[one["day"], one["camera_id"], name] += int(str(one[name]))
    granted = Counter((one["day"], one["gate_id"]) for one in rows["gate_passages"] if one["granted"])
    with connect(settings, "analyst") as client:
        found = client.execute("SELECT day, line_id, hour, direction, object_class, crossings FROM hourly_lines")
        assert {row[:-1]: row[-1] for row in found} == hours
        found = client.execute("SELECT day, line_id, direction, object_class, crossings FROM daily_lines")
        assert {row[:-1]: row[-1] for row in found} == days
        found = client.execute("SELECT day, zone_id, peak, peak_low, peak_high, peak_minute FROM daily_zones")
        peaks = {
            key: tuple(one[name] for name in ("occupancy", "low", "high", "minute")) for key, one in highest.items()
        }
        assert {row[:2]: (*row[2:5], row[5].astimezone(UTC)) for row in found} == peaks
        found = client.execute("SELECT day, camera_id, online_minutes, told_minutes FROM daily_cameras")
        assert {row[:2]: row[2] for row in found} == online
        assert {row[3] for row in found} == {160}
        found = client.execute("SELECT day, camera_id, dropped, thinned FROM daily_cameras")
        assert {(*row[:2], name): row[at] for row in found for at, name in ((2, "dropped"), (3, "thinned"))} == lost
        found = client.execute("SELECT day, gate_id, granted_passages FROM daily_gates")
        assert {row[:2]: row[2] for row in found} == granted


def test_a_load_has_roll_ups_of_its_own_and_they_must_add_up(filled: tuple[Settings, Rows]) -> None:
    settings, rows = filled
    load = 77
    with connect(settings, "loader") as client:
        for table in ("crossings", "zone_minutes", "camera_minutes", "gate_passages"):
            some = [one | {"load_id": load} for one in rows[table] if one["day"] == DAYS[1]]
            client.execute(f"INSERT INTO {table} ({', '.join(some[0])}) VALUES", some, settings=INSERT_SETTINGS)
        before = _seen(settings)
        roll_up(client, ESTATE, SITE.estate.timezone, [load])
        assert _seen(settings) == before  # no reader sees a load that no account names
        for one in ROLL_UPS:
            ours = f"SELECT * FROM {one.table} WHERE estate_id = '{ESTATE}' AND day = '{DAYS[1]}' AND load_id "
            assert client.execute(f"{ours} = {load} ORDER BY ALL") == client.execute(f"{ours} != {load} ORDER BY ALL")
        with pytest.raises(UserError, match="hourly_lines counts 1800 rows of crossings, there are 900"):
            roll_up(client, ESTATE, SITE.estate.timezone, [load])
    assert {one.table for one in ROLL_UPS} < set(LOAD_TABLES)


def _seen(settings: Settings) -> list[object]:
    with connect(settings, "analyst") as client:
        return [client.execute(f"SELECT * FROM {one.table} ORDER BY ALL") for one in ROLL_UPS]
