"""The workbook's formulas, worked out by spreadsheet engines, come to the report's points; same data, same bytes."""

import io
import shutil
import subprocess
from pathlib import Path
from typing import Final

import formulas
import openpyxl
import pytest
from formulas.functions import wrap_ufunc
from openpyxl.worksheet.worksheet import Worksheet
from scipy.stats import beta

from dashboards.report import xlsx
from dashboards.report.indicators import DEFAULT_INDICATORS, digest_of
from dashboards.report.narrative import write
from dashboards.report.record import Record, make_record
from dashboards.report.sheets import FIRST_ROW, NO_GRADE, SCORES
from dashboards.report.wording import NOT_SCORED
from tests.dashboards.report_facts import NO_LEDGERS, Rows, changed, facts

CASES: Final[dict[str, dict[str, Rows]]] = {
    "as it is": {},
    "no ledgers": NO_LEDGERS,
    "a tie at half a hundredth": changed("kpi_cameras_online", counting_online=6.49, perimeter_online=0.00625),
    "zero incidents in both years": changed("kpi_incidents", theft=0, theft_previous=0),
    "none this year": changed("kpi_incidents", theft=0, public_order=0),
    "none last year": changed("kpi_incidents", theft=9, theft_previous=0, fire_lane_previous=0),
    "first year": changed("kpi_incidents", theft_previous=None, public_order_previous=None, fire_lane_previous=None),
    "few days": changed("kpi_accounting", days_loaded=5),
    "far off": changed("kpi_alert_delay", p95_seconds=601.0) | changed("kpi_camera_minutes", online_rate=71.3),
}


def record_of(changes: dict[str, Rows]) -> Record:
    found = facts(changes)
    return make_record(found, write(found), digest_of(DEFAULT_INDICATORS))


def worked_out(content: bytes, folder: Path) -> dict[str, object]:
    """{N8: value} of the score sheet from its formulas by the `formulas` engine; kept values are not read."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    path = folder / "report.xlsx"
    book.save(path)  # openpyxl writes formulas without their values
    formulas.get_functions()["BETAINV"] = wrap_ufunc(beta.ppf)
    solution = formulas.ExcelModel().loads(str(path)).finish().calculate()
    prefix = f"'[report.xlsx]{SCORES}'!"
    return {
        name.removeprefix(prefix): found.value[0, 0]
        for name, found in solution.items()
        if isinstance(name, str) and name.startswith(prefix) and ":" not in name
    }


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES.keys())
def test_a_spreadsheet_comes_to_the_same_score(changes: dict[str, Rows], tmp_path: Path) -> None:
    record = record_of(changes)
    check_scores(record, worked_out(xlsx.render(record), tmp_path))


def check_scores(record: Record, cells: dict[str, object]) -> None:
    """Every indicator's points, the total, the percentage and the grade, to the last digit."""
    for row, told in enumerate(record.assessments, start=FIRST_ROW):
        assert cells[f"N{row}"] == (NOT_SCORED if told.points is None else told.points), told.indicator_id
    last = FIRST_ROW + len(record.assessments) + len(record.tree().tree) + 1
    score = record.score
    assert [cells[f"{column}{last}"] for column in "LMN"] == [score.full, score.assessed, score.points]
    assert cells[f"N{last + 1}"] == (NOT_SCORED if score.percent is None else score.percent)
    assert cells[f"N{last + 2}"] == (score.grade or NO_GRADE)


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_libreoffice_comes_to_the_same_score(tmp_path: Path) -> None:
    records = {f"{number}.xlsx": record_of(changes) for number, changes in enumerate(CASES.values())}
    for name, record in records.items():
        openpyxl.load_workbook(io.BytesIO(xlsx.render(record))).save(tmp_path / name)
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    command = ["soffice", profile, "--headless", "--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir"]
    paths = [str(tmp_path / name) for name in records]
    subprocess.run([*command, str(tmp_path / "out"), *paths], check=True, capture_output=True)
    for name, record in records.items():
        sheet = openpyxl.load_workbook(tmp_path / "out" / name, data_only=True)[SCORES]
        check_scores(record, {cell.coordinate: cell.value for row in sheet.iter_rows() for cell in row})


def test_the_kept_values_are_those_of_the_report() -> None:
    """Programs that do not calculate (previews, protected view) show what was written beside the formulas."""
    record = record_of({})
    check_scores(record, {c.coordinate: c.value for row in page(record, kept=True).iter_rows() for c in row})


def page(record: Record, *, kept: bool = False) -> Worksheet:
    return openpyxl.load_workbook(io.BytesIO(xlsx.render(record)), data_only=kept)[SCORES]


def test_a_changed_answer_changes_the_score(tmp_path: Path) -> None:
    """The sheet is alive: an answer typed over gives the points that the report would have given."""
    book = openpyxl.load_workbook(io.BytesIO(xlsx.render(record_of({}))))
    answers = book["原始汇总"]
    (place,) = (c for row in answers.iter_rows() for c in row if c.value == "satisfaction")
    answers.cell(place.row + 1, place.column).value = 71.0
    target = io.BytesIO()
    book.save(target)
    check_scores(record_of(changed("kpi_surveys", satisfaction=71.0)), worked_out(target.getvalue(), tmp_path))


def test_same_data_same_bytes() -> None:
    assert xlsx.render(record_of({})) == xlsx.render(record_of({}))
    assert xlsx.render(record_of({})) != xlsx.render(record_of(changed("kpi_surveys", safety=91.0)))


def test_all_answers_and_all_evidence_are_there() -> None:
    record = record_of({})
    book = openpyxl.load_workbook(io.BytesIO(xlsx.render(record)))
    assert book.sheetnames == ["封面", SCORES, "证据清单", "原始汇总"]
    listed = [row[0].value for row in book["证据清单"].iter_rows(min_row=4)]
    assert listed == [found.label for found in record.evidence]
    numbers = [
        c.value for row in book["原始汇总"].iter_rows(min_col=2) for c in row if isinstance(c.value, int | float)
    ]
    assert len(numbers) == record.figures
    assert book[SCORES].freeze_panes == f"D{FIRST_ROW}"
