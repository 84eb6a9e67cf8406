"""The seed's own estate, 16 + 601 cameras and 18 gates, 100 of 100 万元: every indicator against plain arithmetic.

Two days of 2024 and the same two of 2023 are made up by a rule (`made_up_day.sql`), so that each value follows from the
rule; the ledgers are imported as the office does.
"""

import io
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import docx
import pytest

from dashboards.report import ReportFiles, run, verify_file
from dashboards.report.record import read_record
from infra.chance import rate_ratio
from infra.clock import FakeClock, day_start_ms
from infra.local.parts import fetch_parts
from infra.settings import FULL_SITE, Settings
from infra.site import load_site
from tests.dashboards.made_up_day import ALERTS, CROSSINGS, fill_day
from tests.dashboards.test_report_narrative import PARTS
from warehouse.client import connect
from warehouse.ledger import import_ledger
from warehouse.migrate import migrate

pytestmark = pytest.mark.stack
SITE: Final = load_site(FULL_SITE)
THIS, LAST = ((date(year, 3, 1), date(year, 3, 2)) for year in (2024, 2023))
CLOCK: Final = FakeClock(1_709_600_000_000)
THEFTS: Final = {2024: 3, 2023: 30}
LEDGERS: Final = {
    "funds": "日期,类别,金额（元）\n2023-01-10,预算,1000000\n2023-01-20,到位,1000000\n2023-02-20,支出,1000000\n",
    "incidents": "编号,时间,类别\n"
    + "".join(f"{year}-{n},{year}-03-01 10:{n:02},盗窃\n" for year, many in THEFTS.items() for n in range(many)),
    "survey": "日期,问题,人数,平均分,标准差\n2024-03-01,满意度,400,92,8\n2024-03-02,安全感,400,88,10\n",
    "spot_checks": f"开始时间,结束时间,计数线,人工计数\n2024-03-01 10:00,2024-03-01 11:00,{SITE.lines[0].id},5\n",
}


@pytest.fixture
def issued(fresh: Settings, tmp_path: Path) -> dict[int, ReportFiles]:
    """The reports of both years' days."""
    fetch_parts(fresh)
    migrate(fresh, (SITE.estate.id,))
    with connect(fresh, "migrator") as client:
        for day in (*THIS, *LAST):
            fill_day(client, SITE, day)
    with connect(fresh, "office") as client:
        for kind, text in LEDGERS.items():
            (tmp_path / f"{kind}.csv").write_text(text, encoding="utf-8")
            at = datetime(2024, 3, 4, tzinfo=UTC)
            import_ledger(client, kind, tmp_path / f"{kind}.csv", SITE, at, by="王")  # type: ignore[arg-type]
    return {days[0].year: run(fresh, SITE, *days, out_dir=tmp_path, clock=CLOCK) for days in (THIS, LAST)}


def test_every_indicator_is_what_the_rule_makes_it(fresh: Settings, issued: dict[int, ReportFiles]) -> None:
    values = {a.indicator_id: a.value for a in read_record(issued[2024].paths["json"]).assessments}
    wanted = expected()
    assert {name for name, value in values.items() if value is None} == {n for n, v in wanted.items() if v is None}
    assert values == {
        name: pytest.approx(value, rel=1e-9) if value is not None else None for name, value in wanted.items()
    }
    check_first_year(issued[2023])
    check_text(issued[2024])
    for files in issued.values():
        verdict = verify_file(fresh, files.bundle, clock=CLOCK)
        assert (verdict.verified, verdict.problems) == (verdict.figures, [])


def expected() -> dict[str, float | None]:
    """Every value of 2024, from the rule."""
    minutes = range(1440 * len(SITE.cameras))
    online = [n for n in minutes if n % 997]
    first_line = crossings_of_first_line()
    theft = rate_ratio(THEFTS[2024], 2, THEFTS[2023], 2).ratio
    assert theft is not None
    return {
        **dict.fromkeys(("funds_received", "budget_execution", "cost_control"), 100),
        "cost_per_resident": 1e6 / SITE.estate.residents,
        "perimeter_cameras_online": 16,
        "counting_cameras_online": 601,
        "gates_in_use": 18,
        "online_rate": 100 * len(online) / len(minutes),
        "picture_rate": 100 * sum(n % 991 > 0 for n in online) / len(online),
        **dict.fromkeys(("frame_rate", "decode_rate", "clock_rate", "cameras_in_use", "border_coverage"), 100),
        "data_completeness": 100 * 86_390 / 86_400,
        "accepted_rate": 99.6,
        "counting_accuracy": 100 * (1 - abs(first_line - 5) / 5),
        "occupancy_precision": 100 * 20 / (100 + 1439 / 2),
        **dict.fromkeys(("stream_batch_agreement", "accounting_balance", "stored_rate", "availability"), 100),
        "alert_delay": 2,
        **dict.fromkeys(("timely_disposition", "answered_rate", "closed_rate", "gate_day_rate", "days_loaded"), 100),
        "in_time_rate": 100 * 990 / 991,
        "theft_change": 100 * (theft - 1),
        "public_order_change": 100 * (theft - 1),
        "fire_lane_change": None,  # none in either year
        "fire_lane_minutes": 10 * len(range(1, ALERTS, 3)),
        "false_alert_rate": 100 * len(range(0, ALERTS, 7)) / ALERTS,
        "satisfaction": 92,
        "safety": 88,
    }


def crossings_of_first_line() -> int:
    """How many of the first line's crossings fall between 10 and 11."""
    start = day_start_ms(THIS[0], SITE.tz) / 1000
    at = [start + n * 86_400 / CROSSINGS for n in range(0, CROSSINGS, len(SITE.lines))]
    return sum(start + 36_000 <= moment < start + 39_600 for moment in at)


def check_first_year(files: ReportFiles) -> None:
    """2023 has nothing to compare with: said, and not scored."""
    record = read_record(files.paths["json"])
    changes = [a for a in record.assessments if a.indicator_id.endswith("_change")]
    assert {(a.points, a.missing) for a in changes} == {(None, "未提供上年同期数据，无法比较")}
    missing = {a.indicator_id for a in record.assessments if a.points is None}
    assert missing == {a.indicator_id for a in changes} | {"satisfaction", "safety", "counting_accuracy"}


def check_text(files: ReportFiles) -> None:
    """The eight parts, with the numbers of the office's own report."""
    opened = docx.Document(io.BytesIO(files.paths["docx"].read_bytes()))
    headings = [p.text for p in opened.paragraphs if p.style and p.style.name == "Heading 1"]
    assert headings[:8] == PARTS
    text = re.sub(r"\[E\d+\]", "", "".join(p.text for p in opened.paragraphs))
    for sentence in (
        "周界视频监控前端16台",
        "人员统计智能前端（客流摄像机）601台",
        "人员出入管控系统人行门禁18台",
        "项目累计预算100万元，到位100万元（到位率100%），支出100万元（预算执行率100%）",
        "盗窃警情本期3起，上年同期30起，发生率变化-90%",
        "下降超出偶然波动范围，可以认定下降",
    ):
        assert sentence in text, sentence
