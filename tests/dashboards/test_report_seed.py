"""The seed's own estate, 16 + 601 cameras, 18 gates, 100 of 100 万元: every figure of its report against the truth.

The truth (`seed/years.py`) is made in Python: what happened, what devices told of it, what the office wrote down. What
the report must then say is computed from it by plain Python (`seed/`); nothing here asks the warehouse. Sums and means
must be equal to the last digit; points and the ends of intervals, which other libraries compute, to nine.

`make test` does so for the first days of March in 2023 and 2024, `long` for both whole years.
"""

import io
import math
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import docx
import pytest

from dashboards.report.evidence import Scalar
from dashboards.report.indicators import DEFAULT_INDICATORS, load_tree
from dashboards.report.issue import ReportFiles, run
from dashboards.report.record import Record, read_record
from dashboards.report.verify_file import verify_file
from infra.clock import FakeClock
from infra.local.parts import fetch_parts
from infra.settings import Settings
from tests.dashboards.seed import QUESTIONS
from tests.dashboards.seed.points import scored
from tests.dashboards.seed.truth import Row, Truth
from tests.dashboards.seed.write import import_ledgers, write_days
from tests.dashboards.seed.years import ESTATE, SITE, loaded_days, make_ledgers
from tests.dashboards.test_report_narrative import PARTS
from tests.warehouse.columns import connect_for_columns
from warehouse.client import connect
from warehouse.migrate import migrate

pytestmark = pytest.mark.stack
CLOCK: Final = FakeClock(1_735_700_000_000)
YEARS: Final = (2023, 2024)
TREE: Final = load_tree(DEFAULT_INDICATORS)


@dataclass(frozen=True)
class Span:
    """Days of each year from `first` to `last` (month, day), devices heard every so many minutes."""

    first: tuple[int, int]
    last: tuple[int, int]
    every: int


MARCH: Final = Span((3, 1), (3, 12), 120)
WHOLE_YEARS: Final = Span((1, 1), (12, 31), 240)


@pytest.mark.parametrize(
    "span", [pytest.param(MARCH, id="days"), pytest.param(WHOLE_YEARS, id="years", marks=pytest.mark.long)]
)
def test_every_figure_is_what_the_truth_makes_it(fresh: Settings, tmp_path: Path, span: Span) -> None:
    truths = fill(fresh, tmp_path, span)
    for truth in truths:
        issued = run(fresh, SITE, truth.first, truth.last, out_dir=tmp_path, clock=CLOCK)
        record = read_record(issued.paths["json"])
        answers = {name: question(truth) for name, question in QUESTIONS.items()}
        check_answers(record, answers)
        check_points(record, answers, truth)
        check_text(issued, truth)
        verdict = verify_file(fresh, issued.bundle, clock=CLOCK)
        assert (verdict.verified, verdict.problems) == (record.figures, [])


def fill(settings: Settings, folder: Path, span: Span) -> list[Truth]:
    """Both years in the warehouse, and the truth of each."""
    fetch_parts(settings)
    migrate(settings, (ESTATE,))
    ledgers = make_ledgers(YEARS)
    import_ledgers(settings, ledgers, folder)
    periods = [(date(year, *span.first), date(year, *span.last)) for year in YEARS]
    days = [list(loaded_days(first, last, span.every)) for first, last in periods]
    with connect_for_columns(settings, "migrator") as client, connect(settings, "migrator") as plain:
        for year in days:
            assert write_days(client, plain, year) == len(year)
    written = frozenset(day.day for year in days for day in year)
    return [Truth(first, last, year, written, ledgers) for (first, last), year in zip(periods, days, strict=True)]


def check_answers(record: Record, answers: dict[str, list[Row]]) -> None:
    """Every question's every value."""
    assert {found.query for found in record.evidence} == set(answers)
    compared = 0
    for found in record.evidence:
        rows = found.records()
        assert len(rows) == len(answers[found.query]), found.query
        for told, true in zip(rows, answers[found.query], strict=True):
            assert told.keys() == true.keys(), found.query
            wrong = {name: (told[name], true[name]) for name in true if not same(told[name], true[name])}
            assert not wrong, (found.query, wrong, told)
            compared += sum(isinstance(value, int | float) for value in true.values())
    assert compared == record.figures > 400


def same(told: Scalar, true: Scalar) -> bool:
    """Equal; floats but for the last of 53 bits, in which the order of a product's factors shows."""
    if isinstance(told, float) and isinstance(true, int | float):
        return math.isclose(told, true, rel_tol=4e-16)
    return told == true


def check_points(record: Record, answers: dict[str, list[Row]], truth: Truth) -> None:
    """Value, points and interval of every indicator, and the score."""
    wanted = scored(answers, truth, TREE)
    assert [told.indicator_id for told in record.assessments] == list(wanted)
    for told in record.assessments:
        true = wanted[told.indicator_id]
        for name in ("value", "points", "low", "high"):
            value = getattr(true, name)
            close = None if value is None else pytest.approx(value, rel=1e-9)
            assert getattr(told, name) == close, (told, true)
    points = [true.points for true in wanted.values() if true.points is not None]
    assert record.score.points == pytest.approx(sum(points), abs=1e-9)
    assert record.score.indicators_assessed == len(points)


def check_text(files: ReportFiles, truth: Truth) -> None:
    """The eight parts, each with something in it, and the numbers of the office's own report."""
    opened = docx.Document(io.BytesIO(files.paths["docx"].read_bytes()))
    headings = [p.text for p in opened.paragraphs if p.style and p.style.name == "Heading 1"]
    assert headings[:8] == PARTS
    text = re.sub(r"\[E\d+\]", "", "\n".join(p.text for p in opened.paragraphs))
    parts = re.split("|".join(map(re.escape, PARTS)), text.split("\f")[-1])
    assert all(len(part) > 40 for part in parts[-8:])
    received, spent = (
        sum(yuan for day, of, yuan in truth.ledgers.funds if of == kind and day <= truth.last) // 10_000
        for kind in ("received", "spent")
    )
    for sentence in (
        "周界视频监控前端16台",
        "人员统计智能前端（客流摄像机）601台",
        "人员出入管控系统人行门禁18台",
        f"项目累计预算100万元，到位{received}万元（到位率{received}%），支出{spent}万元（预算执行率{spent}%）",
    ):
        assert sentence in text, sentence
    if truth.first.year == YEARS[0]:
        assert "未提供上年同期数据，无法比较" in text
