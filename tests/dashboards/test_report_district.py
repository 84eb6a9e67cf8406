"""One report on two estates: each estate's own figures, a score weighted by residents, files that verify."""

import io
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Final

import docx as word
import openpyxl
import pypdf
import pytest
from msgspec import structs
from typer.testing import CliRunner

from anfang import cli
from dashboards.report import docx, pdf, xlsx
from dashboards.report.charts import district_charts
from dashboards.report.content import Heading, Paragraph, Table
from dashboards.report.district import (
    LABELS_EACH,
    district_record,
    estate_records,
    write_district,
)
from dashboards.report.district_english import write_district_english
from dashboards.report.evidence import Answer, Ask, Parameter, gather
from dashboards.report.facts import Facts, make_facts, parameters, questions
from dashboards.report.indicators import DEFAULT_INDICATORS, PROCEDURES, Tree, digest_of, load_tree
from dashboards.report.issue import run, run_district
from dashboards.report.record import Record, read_record
from dashboards.report.sheets import ANSWERS, SCORES
from dashboards.report.verify import verify
from dashboards.report.verify_file import verify_file
from infra.alert_words import Language
from infra.clock import FakeClock
from infra.errors import UserError
from infra.local.parts import fetch_parts, fonts_folder
from infra.settings import SMALL_SITE, Settings
from infra.site import Site, load_site
from tests.dashboards.report_facts import PERIOD, Rows, changed, make_ask
from tests.dashboards.report_rows import DAYS, insert, make_rows
from tests.dashboards.test_report_english import chinese_in, said
from tests.dashboards.test_report_narrative import PARTS
from warehouse.client import connect
from warehouse.migrate import migrate
from warehouse.roll_ups import roll_up_missing

CLOCK: Final = FakeClock(1_709_600_000_000)
NAME: Final = "雨花街道"
POORER: Final = changed("kpi_camera_minutes", online_rate=80.0)  # 10 points of 30 below the target of the estate's tree


def other_site(folder: Path) -> Path:
    """The small site under another name, with three times as many residents."""
    text = SMALL_SITE.read_text(encoding="utf-8")
    own = load_site(SMALL_SITE).estate
    text = re.sub(rf"\bid: {own.id}\b", "id: river_bend", text, count=1)
    text = re.sub(rf"\bname: {own.name}", "name: 江湾小区", text, count=1)
    text = re.sub(rf"\bresidents: {own.residents}\b", f"residents: {3 * own.residents}", text, count=1)
    (folder / "river_bend.yaml").write_text(text, encoding="utf-8")
    return folder / "river_bend.yaml"


@pytest.fixture
def sites(tmp_path: Path) -> list[Site]:
    return [load_site(SMALL_SITE), load_site(other_site(tmp_path))]


def ask_of(changes: Mapping[str, Mapping[str, Rows]]) -> Ask:
    """A warehouse that answers by estate."""
    each = {estate: make_ask(rows) for estate, rows in changes.items()}

    def ask(sql: str, asked: Mapping[str, Parameter]) -> Answer:
        return each[str(asked.get("estate", next(iter(each))))](sql, asked)

    return ask


@pytest.fixture
def ask(sites: list[Site]) -> Ask:
    return ask_of({sites[0].estate.id: {}, sites[1].estate.id: POORER})


@pytest.fixture
def estates(sites: list[Site], ask: Ask) -> list[Facts]:
    return found_of(sites, ask, load_tree())


def found_of(sites: list[Site], ask: Ask, tree: Tree) -> list[Facts]:
    return [
        make_facts(
            site,
            PERIOD,
            date(2024, 3, 12),
            tree,
            gather(ask, questions(tree), parameters(site, PERIOD, tree), {}, LABELS_EACH * place + 1),
        )
        for place, site in enumerate(sites, start=1)
    ]


@pytest.fixture
def record(estates: list[Facts]) -> Record:
    return district_record(NAME, estates, digest_of(DEFAULT_INDICATORS), write_district)


def test_the_score_is_the_mean_by_residents(record: Record, estates: list[Facts]) -> None:
    good, poor = (facts.score.percent for facts in estates)
    assert good is not None
    assert poor is not None
    assert good - poor > 1
    assert record.score.percent == pytest.approx((good + 3 * poor) / 4, abs=0.005)
    assert record.score.points == pytest.approx(sum(facts.score.points for facts in estates))


def test_every_estate_has_its_eight_parts_and_labels_of_its_own(record: Record) -> None:
    headings = [block.text for block in record.document.blocks if isinstance(block, Heading) and block.level == 2]
    assert [text for text in headings if text in PARTS] == PARTS * 2
    assert len({found.label for found in record.evidence}) == len(record.evidence)
    for place, estate in enumerate(estate_records(record), start=1):
        assert {int(found.label[1:]) // 100 for found in estate.evidence} == {place}
        assert {found.read.estate for found in estate.evidence} == {estate.estate}
    texts = [block.text for block in record.document.blocks if isinstance(block, Paragraph)]
    cited = {label for text in texts for label in re.findall(r"\[(E\d+)\]", text)}
    assert cited <= {found.label for found in record.evidence}
    captions = [block.caption for block in record.document.blocks if isinstance(block, Table)]
    assert len(captions) == len(set(captions))


def test_what_differs_most_is_told(record: Record) -> None:
    text = "".join(block.text for block in record.document.blocks if isinstance(block, Paragraph))
    assert "各小区差异最大的指标：" in text
    assert "设备在线率" in text[text.index("各小区差异最大") :][:60]


def test_in_english_it_says_the_same(record: Record, estates: list[Facts]) -> None:
    english = write_district_english("Yuhua", estates, record.score)
    assert sorted(english.charts()) == sorted(record.document.charts())
    tables = {b.caption.split("  ")[-1]: b for b in record.document.blocks if isinstance(b, Table)}
    own = {b.caption.split("  ")[-1].strip(): b for b in english.blocks if isinstance(b, Table)}
    scores, indicators = (next(t for name, t in own.items() if word in name) for word in ("Scores", "Each indicator"))
    assert [row[1:6] for row in scores.rows] == [
        [cell.replace("／", " / ").replace("不评分", "not scored") for cell in row[1:6]]
        for row in tables["各小区得分"].rows
    ]
    cells = [re.findall(r"[\d.]+ points; E\d+", cell) for row in indicators.rows for cell in row[2:]]
    chinese = [re.findall(r"([\d.]+)分；(E\d+)", cell) for row in tables["三级指标逐项比较"].rows for cell in row[2:]]
    assert cells == [[f"{points} points; {label}" for points, label in found] for found in chinese]
    text = said(english)
    assert "The estates differ most in: Devices online" in text
    assert chinese_in(text, *estates) == []


def test_verify_asks_each_estate_again(record: Record, ask: Ask, sites: list[Site]) -> None:
    verdict = verify(record, ask)
    assert (verdict.verified, verdict.problems) == (record.figures, [])
    moved = ask_of({sites[0].estate.id: {}, sites[1].estate.id: {**POORER, **changed("kpi_funds", spent_yuan=1.0)}})
    assert [problem.split(":")[0] for problem in verify(record, moved).problems] == ["E220 kpi_funds"]


def test_a_changed_score_does_not_follow(record: Record, ask: Ask) -> None:
    raised = structs.replace(record, score=structs.replace(record.score, percent=100.0))
    assert any(problem.startswith("score: the report says") for problem in verify(raised, ask).problems)
    member = structs.replace(record.members[1], score=record.members[0].score)
    swapped = structs.replace(record, members=[record.members[0], member])
    assert any(problem.startswith("river_bend: score") for problem in verify(swapped, ask).problems)


def test_the_workbook_links_each_estate_to_its_own_sheets(record: Record) -> None:
    book = openpyxl.load_workbook(io.BytesIO(xlsx.render(record)))
    assert book.sheetnames == ["封面", f"1 {SCORES}", f"1 {ANSWERS}", f"2 {SCORES}", f"2 {ANSWERS}", "证据清单"]
    for place in (1, 2):
        formulas = [str(c.value) for row in book[f"{place} {SCORES}"] for c in row if str(c.value).startswith("=")]
        pointed = {name for text in formulas for name in re.findall(r"'(\d) [^']+'!", text)}
        assert pointed == {str(place)}
    cover = [[cell.value for cell in row] for row in book["封面"]]
    rows = [row for row in cover if row[0] in {member.name for member in record.members}]
    assert [str(row[2])[:8] for row in rows] == [f"='1 {SCORES}", f"='2 {SCORES}"]


@pytest.mark.parametrize("year", PROCEDURES)
def test_older_forms_ask_on_paper_of_each_estate(sites: list[Site], ask: Ask, year: str) -> None:
    """What can only be judged from papers reads no table, but is an estate's all the same."""
    path = PROCEDURES[year]
    estates = found_of(sites, ask, load_tree(path))
    record = district_record(NAME, estates, digest_of(path), write_district)
    assert verify(record, ask).problems == []
    for estate, facts in zip(estate_records(record), estates, strict=True):
        assert {found.query for found in estate.evidence} == facts.evidence.keys() >= {"kpi_on_paper"}
    book = openpyxl.load_workbook(io.BytesIO(xlsx.render(record)))
    names = {indicator.name for indicator in record.tree().indicators()}
    for place in (1, 2):
        assert names <= {row[2].value for row in book[f"{place} {SCORES}"].rows}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_documents_show_both_estates(record: Record, estates: list[Facts], language: Language) -> None:
    estates = [structs.replace(facts, language=language) for facts in estates]
    if language == "en":
        record = structs.replace(record, document=write_district_english(NAME, estates, record.score))
    settings = Settings()
    fetch_parts(settings)
    fonts = fonts_folder(settings)
    charts = district_charts(estates, record.document.charts(), fonts)
    assert set(charts) == set(record.document.charts())
    assert len(charts) == 12
    pages = pypdf.PdfReader(io.BytesIO(pdf.render(record.document, charts, fonts))).pages
    text = re.sub(r"\s+", "", "".join(page.extract_text() for page in pages))
    opened = word.Document(io.BytesIO(docx.render(record.document, charts)))
    for name in (member.name for member in record.members):
        assert name in text
        assert any(name in p.text for p in opened.paragraphs if p.style and p.style.name == "Heading 1")


@pytest.mark.stack
def test_a_district_from_the_warehouse(fresh: Settings, tmp_path: Path, sites: list[Site]) -> None:
    """Two estates' rows, of which one's are the other's under its name: the parts equal the estates' own reports."""
    fetch_parts(fresh)
    migrate(fresh, tuple(site.estate.id for site in sites))
    tables = make_rows()
    with connect(fresh, "migrator") as client:
        for site in sites:
            insert(client, {t: [(site.estate.id, *row[1:]) for row in rows] for t, rows in tables.items()})
            roll_up_missing(client, site.estate.id, site.estate.timezone)
    done = run_district(fresh, sites, *DAYS, out_dir=tmp_path, name=NAME, clock=CLOCK)
    record = read_record(done.paths["json"])
    for site, estate in zip(sites, estate_records(record), strict=True):
        own = read_record(run(fresh, site, *DAYS, ["json"], tmp_path, clock=CLOCK).paths["json"])
        assert (estate.score, estate.assessments) == (own.score, own.assessments)
        assert [found.rows for found in estate.evidence] == [found.rows for found in own.evidence]
    for path in (*done.paths.values(), done.bundle):
        verdict = verify_file(fresh, path, clock=CLOCK)
        assert (verdict.verified, verdict.problems) == (done.figures, [])
    sm2 = fresh.model_copy(update={"report_signature": "sm2"})
    english = run_district(sm2, sites, *DAYS, out_dir=tmp_path, name=NAME, language="en", clock=CLOCK)
    assert english.key != done.key
    assert english.paths["pdf"].stem == f"{done.paths['pdf'].stem}_en"
    assert read_record(english.paths["json"]).members == record.members
    verdict = verify_file(sm2, english.bundle, clock=CLOCK)
    assert (verdict.verified, verdict.problems) == (done.figures, [])
    check_command(fresh, tmp_path)


def check_command(settings: Settings, folder: Path) -> None:
    environment = {"ANFANG_HOME": str(settings.home), "ANFANG_CLICKHOUSE_DATABASE": settings.clickhouse_database}
    command = ["report", "--from", str(DAYS[0]), "--to", str(DAYS[1]), "--format", "json", "--out", str(folder / "cli")]
    both = [*command, "--site", str(SMALL_SITE), "--site", str(folder / "river_bend.yaml")]
    done = CliRunner().invoke(cli, [*both, "--district", NAME], env=environment)
    assert done.exit_code == 0, done.output
    assert "figures with evidence" in done.output
    refused = CliRunner().invoke(cli, both, env=environment)
    assert isinstance(refused.exception, UserError | SystemExit)
    assert refused.exit_code != 0
