"""The files of a report, and `verify`, without a database."""

import io
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Final

import docx
import jsonschema
import msgspec
import pypdf
import pytest
from msgspec import structs

from dashboards.report import docx as word
from dashboards.report import issue as room
from dashboards.report import pdf
from dashboards.report.charts import CHARTS, draw
from dashboards.report.content import Align, Appendix, Block, Document, Heading, Paragraph, Table
from dashboards.report.evidence import Answer, Parameter, evidence_id, plain_value, used_parameters, what_is_read
from dashboards.report.facts import device_counts, parameters
from dashboards.report.indicators import DEFAULT_INDICATORS, digest_of, load_tree
from dashboards.report.narrative import write
from dashboards.report.record import SCHEMA, Record, encode, json_schema, make_record, read_record
from dashboards.report.verify import reasons, same, verify
from infra.clock import FakeClock
from infra.errors import UserError
from infra.local.parts import fetch_parts, fonts_folder
from infra.period import ended_period
from infra.settings import Settings
from tests.dashboards.report_facts import PERIOD, SITE, changed, facts, make_ask
from tests.dashboards.test_report_narrative import PARTS
from warehouse.client import query

PNG: Final = b"\x89PNG\r\n"


@pytest.fixture(scope="module")
def fonts() -> Path:
    settings = Settings()
    fetch_parts(settings)
    return fonts_folder(settings)


@pytest.fixture(scope="module")
def document() -> Document:
    return write(facts())


@pytest.fixture(scope="module")
def charts(document: Document, fonts: Path) -> dict[str, bytes]:
    return draw(facts(), document.charts(), fonts)


@pytest.fixture
def record() -> Record:
    found = facts()
    return make_record(found, write(found), digest_of(DEFAULT_INDICATORS))


def test_every_chart_is_drawn(charts: dict[str, bytes]) -> None:
    assert set(charts) == set(CHARTS)
    assert all(png.startswith(PNG) and len(png) > 10_000 for png in charts.values())


def test_the_pdf_has_its_parts_fonts_and_the_same_bytes_twice(
    document: Document, charts: dict[str, bytes], fonts: Path
) -> None:
    once, again = pdf.render(document, charts, fonts), pdf.render(document, charts, fonts)
    assert once == again
    assert b"/CreationDate" not in once
    pages = pypdf.PdfReader(io.BytesIO(once)).pages
    text = re.sub(r"\s+", "", "".join(page.extract_text() for page in pages))
    for part in [*PARTS, "附录一证据清单", "附录二术语对照", "示范花园小区智慧安防项目"]:
        assert part in text
    fonts_used = {str(font["/BaseFont"]) for page in pages for font in _fonts(page)}
    assert fonts_used
    assert all("Noto" in name for name in fonts_used)


def _fonts(page: pypdf.PageObject) -> list[Mapping[str, object]]:
    resources = page["/Resources"]
    assert isinstance(resources, Mapping)
    return [font.get_object() for font in resources.get("/Font", {}).values()]


def test_the_pdf_links_evidence_and_nothing_that_is_only_called_so(document: Document, fonts: Path) -> None:
    """Zones may be called E01 and [E99]."""
    align: list[Align] = ["left"]
    blocks: list[Block] = [
        Paragraph("Counted[E01], in the zone [E99]."),
        Table("Zones", ["Zone"], [["E01"], ["[E99]"], ["E98"]], [1.0], align),
        Appendix("Appendix"),
        Table("Evidence", ["Label"], [["E01"], ["E02"]], [1.0], align),
    ]
    pages = pypdf.PdfReader(io.BytesIO(pdf.render(structs.replace(document, blocks=blocks), {}, fonts))).pages
    linked = [link.get_object() for page in pages for link in page.get("/Annots", [])]
    assert [link["/Dest"][0].get_object()["/Contents"] for link in linked] == [pages[-1]["/Contents"]]


def test_the_docx_has_its_parts_charts_and_repeating_headers(document: Document, charts: dict[str, bytes]) -> None:
    opened = docx.Document(io.BytesIO(word.render(document, charts)))
    first = [p.text for p in opened.paragraphs if p.style and p.style.name == "Heading 1"]
    assert first[:8] == PARTS
    headings = [p for p in opened.paragraphs if p.style and p.style.name and p.style.name.startswith("Heading")]
    assert len(headings) == sum(isinstance(block, Heading) for block in document.blocks)
    assert len(opened.inline_shapes) == len(charts)
    assert all("w:tblHeader" in table.rows[0]._tr.xml for table in opened.tables)
    assert 'w:eastAsia="仿宋"' in opened.styles["Normal"].element.xml
    assert "PAGE" in opened.sections[0].footer._element.xml


def test_the_record_is_read_back(record: Record, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(encode(record))
    assert read_record(path) == msgspec.json.decode(encode(record), type=Record)
    assert verify(read_record(path), make_ask()).problems == []


def test_the_published_schema_is_the_records_and_fits(record: Record) -> None:
    """After a change: anfang report schema > dashboards/report/report.schema.json."""
    assert SCHEMA.read_bytes() == json_schema()
    schema = msgspec.json.decode(SCHEMA.read_bytes())
    jsonschema.validate(msgspec.json.decode(encode(record)), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(msgspec.json.decode(encode(record).replace(b'"figures"', b'"numbers"')), schema)


def test_a_file_that_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        read_record(tmp_path / "none.json")
    (tmp_path / "other.json").write_text('{"record_version": 2}')
    with pytest.raises(UserError, match="is not a report"):
        read_record(tmp_path / "other.json")


def test_all_figures_hold(record: Record) -> None:
    verdict = verify(record, make_ask())
    assert (verdict.verified, verdict.problems) == (verdict.figures, [])
    assert verdict.figures > 100


def test_a_changed_row_is_named(record: Record) -> None:
    verdict = verify(record, make_ask(changed("kpi_crossings_by_day", ins=61)))
    assert verdict.problems == ["E04 kpi_crossings_by_day: ins at 2024-03-01 was 60, is 61"]
    assert verdict.verified == verdict.figures - 1


def test_tampering_with_one_digit_is_named(record: Record) -> None:
    text = encode(record).decode()
    (points,) = (a.points for a in record.assessments if a.indicator_id == "satisfaction")
    assert points == 4.5
    tampered = msgspec.json.decode(text.replace('"points": 4.5', '"points": 4.9', 1), type=Record)
    assert any(p.startswith("satisfaction: ") for p in verify(tampered, make_ask()).problems)
    tampered = msgspec.json.decode(text.replace("99.5", "99.8", 1), type=Record)
    assert verify(tampered, make_ask()).problems


def test_days_on_which_the_periods_alerts_were_answered_are_reasons(record: Record) -> None:
    """The question on dispositions reads a week more than the period, the last day included."""
    loaded = ("2024-02-29", "2024-03-10", "2024-03-17", "2024-03-18")

    def ask(sql: str, asked: Mapping[str, Parameter]) -> Answer:
        if sql != query("loaded_since"):
            return Answer([], [], 0)
        return Answer([], [[day, "then"] for day in loaded if str(asked["first"]) <= day <= str(asked["last"])], 0)

    (read,) = (found.read for found in record.evidence if found.query == "kpi_dispositions")
    assert read.last_day == "2024-03-17"
    assert reasons(record, "2024-03-12T00:00:00+00:00", ask, date(2024, 3, 20)) == [
        "since the report: 2024-03-10 was loaded again at then UTC (late data)",
        "since the report: 2024-03-17 was loaded at then UTC (what was said of the period's alerts)",
    ]


def test_a_changed_question_is_named(record: Record) -> None:
    first, *rest = record.evidence
    other = msgspec.structs.replace(first, sql_sha256="0" * 64)
    verdict = verify(msgspec.structs.replace(record, evidence=[other, *rest]), make_ask())
    assert verdict.problems[0] == "E01 kpi_accounting: its query has changed since"
    other = msgspec.structs.replace(first, parameters={**first.parameters, "last": "2024-03-11"})
    verdict = verify(msgspec.structs.replace(record, evidence=[other, *rest]), make_ask())
    assert verdict.problems[0] == "E01 kpi_accounting: its parameters do not fit its id"
    other = msgspec.structs.replace(first, query="../migrations/001_crossings")
    verdict = verify(msgspec.structs.replace(record, evidence=[other, *rest]), make_ask())
    assert verdict.problems[0].endswith("its query is not known here")


def test_floats_may_differ_by_the_order_of_addition() -> None:
    assert same(0.1 + 0.2, 0.3)
    assert not same(0.3, 0.300001)
    assert not same(3, 4)
    assert not same(None, 0)


def test_the_id_is_of_name_sql_and_parameters() -> None:
    ids = {
        evidence_id(*c)
        for c in [("a", "s", {"x": 1}), ("b", "s", {"x": 1}), ("a", "t", {"x": 1}), ("a", "s", {"x": 2})]
    }
    assert len(ids) == 4
    assert evidence_id("a", "s", {"x": 1, "y": 2}) == evidence_id("a", "s", {"y": 2, "x": 1})


def test_what_a_question_reads() -> None:
    sql = "SELECT 1\nFROM crossings\nINNER JOIN funds ON 1 WHERE day >= {first:Date} AND day <= {last:Date}"
    asked = used_parameters(sql, {"first": "2024-03-01", "last": "2024-03-02", "tz": "UTC"})
    assert set(asked) == {"first", "last"}
    read = what_is_read(sql, asked, {"2024-03-01": "aa"})
    assert (read.tables, read.first_day, read.last_day) == (["crossings", "funds"], "2024-03-01", "2024-03-02")
    assert read.content_digest != what_is_read(sql, asked, {"2024-03-01": "ab"}).content_digest
    assert what_is_read("FROM funds", {}, {}).content_digest is None


def test_plain_values() -> None:
    assert plain_value(float("nan")) is None
    assert plain_value(date(2024, 3, 1)) == "2024-03-01"
    with pytest.raises(TypeError):
        plain_value(object())


def test_parameters_follow_the_site() -> None:
    asked = parameters(SITE, PERIOD, load_tree())
    assert asked["border_lines"] == asked["inward_lines"] == ["gate_north", "gate_south", "gate_west"]
    assert (asked["root_zone"], asked["days"]) == ("estate", 10)
    assert device_counts(SITE) == {"perimeter_cameras": 1, "counting_cameras": 7, "gates": 3}


@pytest.mark.parametrize("last", [date(2024, 3, 5), date(2024, 3, 6)])
def test_a_report_on_a_period_that_is_not_over_is_refused(tmp_path: Path, last: date) -> None:
    """Before anything is asked. It is 02:00 of 5 March on the estate, and still the 4th in UTC."""
    settings, clock = Settings(home=tmp_path), FakeClock(1_709_575_200_000)
    with pytest.raises(UserError, match=f"ends on {last}, which is not over") as error:
        room.run(settings, SITE, date(2024, 3, 1), last, out_dir=tmp_path, clock=clock)
    assert error.value.remedy == "give one that ends by 2024-03-04"
    with pytest.raises(UserError, match="which is not over"):
        room.run_district(settings, [SITE], date(2024, 3, 1), last, out_dir=tmp_path, name="x", clock=clock)
    assert ended_period(date(2024, 3, 1), date(2024, 3, 4), date(2024, 3, 5)).days == 4


def test_a_period_without_loaded_days_says_what_to_run() -> None:
    def nothing(sql: str, asked: Mapping[str, Parameter]) -> Answer:
        return Answer(["day", "content_hash"], [], 0)

    with pytest.raises(UserError) as error:
        room.collect(nothing, SITE, PERIOD, DEFAULT_INDICATORS, date(2024, 3, 12))
    assert "anfang nightly --date 2024-03-01 --days 10" in error.value.remedy
