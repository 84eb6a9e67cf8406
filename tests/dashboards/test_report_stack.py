"""The whole way on a real ClickHouse: rows in, report out, each figure against plain Python, verify, change, verify."""

import io
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import docx
import pypdf
import pytest
from typer.testing import CliRunner

from anfang import cli
from dashboards.report.evidence import Scalar
from dashboards.report.issue import ReportFiles, explained, run
from dashboards.report.record import Record, read_record
from dashboards.report.verify_file import verify_file
from infra.chance import rate_ratio
from infra.clock import FakeClock
from infra.errors import UserError
from infra.local.parts import fetch_parts
from infra.period import make_period
from infra.settings import Settings
from tests.dashboards.report_rows import DAYS, ESTATE, LEDGER_COLUMNS, SITE, Rows, insert, instant, make_rows, where
from tests.dashboards.test_report_narrative import PARTS
from warehouse.client import connect
from warehouse.migrate import migrate

pytestmark = pytest.mark.stack
CLOCK: Final = FakeClock(1_709_600_000_000)
MINUTES: Final = 2 * 1440
AT_NOON: Final = f"WHERE day = '{DAYS[0]}' AND minute = toDateTime('{DAYS[0]} 04:00:00', 'UTC')"
ALTERED: Final = {  # by the sums that it belies
    "daily_zones": f"zone_minutes UPDATE low = low - 1 {AT_NOON} AND zone_id = 'plaza'",
    "daily_cameras": f"camera_minutes UPDATE fps = 3 {AT_NOON} AND camera_id = '{SITE.cameras[0].id}'",
    "daily_gates": f"gate_passages UPDATE granted = 1 - granted WHERE passage_id = '{DAYS[0]}-p7'",
}


@pytest.fixture
def filled(fresh: Settings) -> dict[str, Rows]:
    fetch_parts(fresh)
    migrate(fresh, (ESTATE,))
    tables = make_rows()
    with connect(fresh, "migrator") as client:
        insert(client, tables)
    return tables


def test_report_equals_plain_python(fresh: Settings, filled: dict[str, Rows], tmp_path: Path) -> None:
    issued = run(fresh, SITE, *DAYS, out_dir=tmp_path, clock=CLOCK)
    record = read_record(issued.paths["json"])
    values = {a.indicator_id: a.value for a in record.assessments}
    expected = expected_values(filled)
    assert {name for name, value in values.items() if value is None} == {n for n, v in expected.items() if v is None}
    for name, value in expected.items():
        assert value is None or values[name] == pytest.approx(value, rel=1e-6), name
    check_statistics(record, filled)
    check_files(issued)
    check_verify(fresh, issued, record)
    check_same_bytes(fresh, tmp_path)
    check_explained(fresh)
    check_reasons(fresh, tmp_path)
    with pytest.raises(UserError, match="is loaded"):
        run(fresh, SITE, datetime(2024, 5, 1).date(), datetime(2024, 5, 2).date(), out_dir=tmp_path)  # noqa: DTZ001


def expected_values(tables: dict[str, Rows]) -> dict[str, float | None]:
    """Every indicator's value, from the rows by plain Python."""
    cameras = tables["camera_minutes"]
    online = where(cameras, 4, 1)
    kind = {camera.id: camera.kind for camera in SITE.cameras}
    daily = Counter((kind[str(c)], day) for c, day in {(row[3], row[1]) for row in online})
    by_camera = Counter(str(row[3]) for row in online)
    known = [row for row in where(tables["zone_minutes"], 3, "estate") if row[12] != "unknown"]
    sequences = tables["camera_sequences"]
    minutes = tables["zone_minutes"]
    counted = [
        row
        for row in where(tables["crossings"], 4, "gate_north")
        if isinstance(row[2], datetime) and instant(DAYS[0], 36_000) <= row[2] < instant(DAYS[0], 39_600)
    ]
    theft, order = rate_ratio(2, 2, 15, 2).ratio, rate_ratio(3, 2, 15, 2).ratio
    assert theft is not None
    assert order is not None
    return {
        "funds_received": 80.0,
        "budget_execution": 65.0,
        "cost_control": 65.0,
        "perimeter_cameras_online": sum(daily["perimeter", day] for day in DAYS) / 2,
        "counting_cameras_online": sum(daily["counting", day] for day in DAYS) / 2,
        "gates_in_use": float(len({row[4] for row in tables["gate_passages"]})),
        "border_coverage": 100 * 4 / 6,  # nobody went over the west gate
        "frame_rate": 100.0,
        "decode_rate": 100.0,
        "clock_rate": 100.0,
        "cameras_in_use": 100 * sum(n >= MINUTES / 2 for n in by_camera.values()) / len(SITE.cameras),
        "accepted_rate": 99.5,
        "occupancy_precision": 100 * 20 * len(known) / sum(float(str(row[8])) for row in known),
        "stored_rate": 100.0,
        "answered_rate": 100 * 4 / 6,
        "closed_rate": 100 * 4 / 6,
        "in_time_rate": 100 * 980 / 983,
        "cost_per_resident": 650_000 / SITE.estate.residents,
        "fire_lane_minutes": 0.0,
        "gate_day_rate": 100 * len({(row[4], row[1]) for row in tables["gate_passages"]}) / (2 * len(SITE.gates)),
        "online_rate": 100 * len(online) / (len(SITE.cameras) * MINUTES),
        "picture_rate": 100 * len(where(online, 7, "ok")) / len(online),
        "data_completeness": 100 * sum(int(str(row[7])) for row in sequences) / (1440 * len(sequences)),
        "counting_accuracy": 100 * (1 - abs(len(counted) - 30) / 30),
        "stream_batch_agreement": 100 * sum(row[4] == row[6] for row in minutes) / len(minutes),
        "accounting_balance": 100.0,
        "alert_delay": 70.0,
        "timely_disposition": 100 * 2 / 6,
        "theft_change": 100 * (theft - 1),
        "public_order_change": 100 * (order - 1),
        "fire_lane_change": None,
        "false_alert_rate": 50.0,
        "availability": 100 * (MINUTES - 72) / MINUTES,
        "days_loaded": 100.0,
        "satisfaction": 87.5,
        "safety": None,
    }


def check_statistics(record: Record, tables: dict[str, Rows]) -> None:
    border = [row for row in tables["crossings"] if row[4] != "plaza_edge"]
    by_day = Counter((row[1], row[4], row[6]) for row in border)
    for row in answer(record, "kpi_crossings_by_day"):
        day = next(day for day in DAYS if str(day) == row["day"])
        assert (row["ins"], row["outs"]) == (by_day[day, row["line_id"], 1], by_day[day, row["line_id"], -1])
    (total,) = answer(record, "kpi_crossings_total")
    assert (total["crossings"], total["ins"]) == (len(border), len(where(border, 6, 1)))
    known = [row for row in where(tables["zone_minutes"], 3, "estate") if row[12] != "unknown"]
    for row in answer(record, "kpi_occupancy_by_day"):
        assert row["peak"] == max(float(str(r[8])) for r in known if str(r[1]) == row["day"])
    local = Counter((r[2].astimezone(SITE.tz).hour, str(r[1])) for r in border if isinstance(r[2], datetime))
    for row in answer(record, "kpi_crossings_by_hour"):
        day = next(day for day in DAYS if day.isoweekday() == row["day_of_week"])
        assert row["crossings_per_hour"] == local[int(str(row["hour_of_day"])), str(day)]
    worst = answer(record, "kpi_cameras_least_online")
    assert [row["camera"] for row in worst[:2]] == ["cam_door_2", "cam_plaza"]
    assert worst[1]["online_rate"] == pytest.approx(100 * 1340 / 1440)
    (rule,) = answer(record, "kpi_alerts_by_rule")
    assert list(rule.values())[:6] == ["restricted_hours", 6, 2, 2, 2, 2]
    found = next(e for e in record.evidence if e.query == "kpi_crossings_total")
    # The sums of lines and ways; and the readers' row filter looks up in the accounts which loads count.
    sums = {(row[1], row[4], row[6]) for row in tables["crossings"]}
    assert found.rows_read == len(sums) + len(tables["nightly_accounting"])
    assert found.read.content_digest is not None


def answer(record: Record, query: str) -> list[dict[str, Scalar]]:
    return next(found.records() for found in record.evidence if found.query == query)


def check_files(issued: ReportFiles) -> None:
    pages = pypdf.PdfReader(issued.paths["pdf"]).pages
    text = re.sub(r"\s+", "", "".join(page.extract_text() for page in pages))
    assert all(part in text for part in PARTS)
    opened = docx.Document(io.BytesIO(issued.paths["docx"].read_bytes()))
    headings = [p.text for p in opened.paragraphs if p.style and p.style.name == "Heading 1"]
    assert headings[:8] == PARTS


def check_verify(settings: Settings, issued: ReportFiles, record: Record) -> None:
    """All hold; then a row more or another, in rows alone or in sums: verify names what changed and exits with 1."""
    environment = {
        "ANFANG_HOME": str(settings.home),
        "ANFANG_CLICKHOUSE_DATABASE": settings.clickhouse_database,
    }
    command = ["report", "verify", str(issued.paths["json"])]
    done = CliRunner().invoke(cli, command, env=environment)
    assert done.exit_code == 0, done.output
    assert f"{record.figures} of {record.figures} figures hold" in done.output
    extra = (ESTATE, DAYS[1], instant(DAYS[1], 100), "extra", "gate_south", "cam_gate_south", 1, 1, "person")
    done = CliRunner().invoke(cli, ["report", "verify", str(issued.bundle)], env=environment)
    assert done.exit_code == 0, done.output
    assert f"signed with key {issued.key}" in done.output
    with connect(settings, "migrator") as client:
        client.execute("INSERT INTO crossings VALUES", [extra])
        for alteration in ALTERED.values():
            client.execute(f"ALTER TABLE {alteration} SETTINGS mutations_sync = 1")
    done = CliRunner().invoke(cli, [*command, "--offline"], env=environment)
    assert done.exit_code == 0, done.output
    done = CliRunner().invoke(cli, command, env=environment)
    assert done.exit_code == 1
    for table in ("hourly_lines", "daily_lines"):
        assert f"{table} of {DAYS[1]} is not what crossings of {ESTATE} adds up to" in done.output
    for table in ALTERED:
        assert f"does not hold: {table} of {DAYS[0]} is not what" in done.output
    assert "kpi_stored_days: days_whole was 2, is 1" in done.output
    assert "kpi_crossings_by_day" not in done.output
    with connect(settings, "migrator") as client:
        client.execute("INSERT INTO daily_lines VALUES", [(ESTATE, DAYS[1], "gate_south", 1, "person", 1)])
    done = CliRunner().invoke(cli, command, env=environment)
    assert done.exit_code == 1
    assert "daily_lines of" not in done.output
    assert "since the report" not in done.output
    assert "kpi_crossings_by_day: ins at 2024-03-02 was" in done.output
    assert "kpi_funds" not in done.output


def check_same_bytes(settings: Settings, folder: Path) -> None:
    """Issued twice on the same day, a report is the same to the byte, its manifest and bundle as well."""
    once, twice = (run(settings, SITE, *DAYS, out_dir=folder / name, clock=CLOCK) for name in ("once", "twice"))
    for path in (*once.paths.values(), once.manifest, once.bundle):
        assert path.read_bytes() == (folder / "twice" / path.name).read_bytes(), path.name
    assert once.figures == twice.figures


def check_explained(settings: Settings) -> None:
    """From the points to the rows: the ledger's entries, the latest version of each."""
    title, sections = explained(settings, SITE, make_period(*DAYS), "资金到位率", clock=CLOCK)
    assert title.endswith("资金到位率")
    assert sections[0].rows[0][-1] == "2.4分"
    rows = sections[-1].rows
    amounts = {row[sections[-1].columns.index("amount_yuan")] for row in rows}
    assert amounts == {"1000000.0", "800000.0", "650000.0", "100000.0"}
    _, sections = explained(settings, SITE, make_period(*DAYS), "timely_disposition", clock=CLOCK)
    assert {section.title[:10] for section in sections[-2:]} == {"六、alerts 在", "六、dispositi"[:10]}
    _, sections = explained(settings, SITE, make_period(*DAYS), "counting_accuracy", clock=CLOCK)
    assert any(section.title.startswith("六、nightly_accounting") and len(section.rows) == 2 for section in sections)


def check_reasons(settings: Settings, folder: Path) -> None:
    """A day loaded again and a ledger corrected after the report: what changed is named, and why."""
    issued = run(settings, SITE, *DAYS, ["json"], folder / "later", clock=CLOCK)
    later = datetime.fromtimestamp(CLOCK.now_ms() / 1000 + 3600, UTC)
    with connect(settings, "migrator") as client:
        client.execute(
            "INSERT INTO nightly_accounting (estate_id, day, raw, valid, content_hash, loaded_at) VALUES",
            [(ESTATE, DAYS[1], 900, 900, "another hash", later)],
        )
        corrected = [(ESTATE, "in", 2, DAYS[0], "received", 700_000, "corrected", later)]
        client.execute(f"INSERT INTO funds ({LEDGER_COLUMNS['funds']}) VALUES", corrected)
    verdict = verify_file(settings, issued.paths["json"], clock=CLOCK)
    told = "\n".join(verdict.problems)
    assert "content_hash at 2024-03-02 was hash of 2024-03-02, is another hash" in told
    assert "received_yuan was 800000.0, is 700000.0" in told
    assert verdict.notes[1:] == [
        "since the report: 2024-03-02 was loaded again at 2024-03-05 01:53:20 UTC (late data)",
        "since the report: funds: 1 entries were imported or corrected since, last at 2024-03-05 01:53:20 UTC",
    ]
