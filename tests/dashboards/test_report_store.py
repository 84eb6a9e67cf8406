"""What a report said is in the warehouse as it is in its file; issued again for the same days it replaces itself."""

from pathlib import Path

import pytest

from dashboards.report.issue import run as issue_report
from dashboards.report.record import read_record
from infra.clock import FakeClock
from infra.settings import Settings
from tests.dashboards.superset_estate import FIRST, LAST, SITE, fill
from warehouse.client import connect

pytestmark = pytest.mark.stack
NAMES = "indicator_id, value, points, low, high, missing"


def test_what_a_report_said_is_in_the_warehouse(fresh: Settings, tmp_path: Path) -> None:
    fill(fresh, tmp_path)
    later = FakeClock(4_000_000_000_000)
    issued = issue_report(fresh, SITE, FIRST, LAST, ["json"], tmp_path, clock=later)
    record = read_record(issued.paths["json"])
    with connect(fresh, "analyst") as client:
        results = client.execute(f"SELECT {NAMES} FROM kpi_results FINAL ORDER BY position")
        reports = client.execute("SELECT points, percent, figures, grade, reported_at FROM kpi_reports FINAL")
        evidence = client.execute("SELECT query, row_number, column_name, value FROM kpi_evidence FINAL ORDER BY ALL")
    assert results == [(a.indicator_id, a.value, a.points, a.low, a.high, a.missing) for a in record.assessments]
    ((points, percent, figures, grade, reported_at),) = reports
    assert (points, percent, grade) == (record.score.points, record.score.percent, record.score.grade or "")
    assert figures == record.figures == issued.figures
    assert reported_at.timestamp() == later.now_ms() / 1000
    assert evidence == sorted(
        (found.query, number, name, "" if value is None else str(value))
        for found in record.evidence
        for number, row in enumerate(found.rows, start=1)
        for name, value in zip(found.columns, row, strict=True)
    )
