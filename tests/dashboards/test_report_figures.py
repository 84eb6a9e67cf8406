"""Permanent addresses: of the content and nothing else; and what lies there, whatever is loaded or altered later."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from dashboards.report.evidence import Evidence, addressed, content_hash, permanent_address
from dashboards.report.figures import find_figure, recomputed
from dashboards.report.indicators import DEFAULT_INDICATORS, digest_of
from dashboards.report.issue import run
from dashboards.report.narrative import write
from dashboards.report.record import Record, make_record, read_record
from dashboards.report.verify import verify
from dashboards.report.verify_file import verify_file
from dashboards.web.figures import Figures
from infra.clock import FakeClock
from infra.local.parts import fetch_parts
from infra.settings import Settings
from tests.dashboards.report_facts import facts, make_ask
from tests.dashboards.report_rows import DAYS, ESTATE, LEDGER_COLUMNS, SITE, insert, make_rows
from tests.dashboards.web.stage import Stage
from warehouse.client import connect
from warehouse.migrate import migrate

FUNDS = facts().evidence["kpi_funds"]
LATER = datetime(2024, 3, 6, tzinfo=UTC)


@given(
    st.sampled_from(
        [
            {"rows": [[*FUNDS.rows[0][:-1], 1.0]]},
            {"columns": ["a", *FUNDS.columns[1:]]},
            {"parameters": {**FUNDS.parameters, "estate": "elsewhere"}},
            {"sql_sha256": "0" * 64},
            {"id": "0" * 32},
            {"rows_read": 7},
            {"read": structs.replace(FUNDS.read, content_digest="other")},
        ]
    )
)
def test_every_change_of_the_content_is_another_address(change: dict[str, object]) -> None:
    assert content_hash(structs.replace(FUNDS, **change)) != content_hash(FUNDS)


def test_an_address_is_of_the_content_only_and_survives_json() -> None:
    there = addressed({"kpi_funds": FUNDS}, "https://guard.example.com/anfang/")["kpi_funds"]
    assert there.address == f"https://guard.example.com/anfang/figures/{FUNDS.id}/{content_hash(FUNDS)}"
    assert permanent_address(structs.replace(there, label="E99"), "") == permanent_address(FUNDS, "")
    read = msgspec.json.decode(msgspec.json.encode(there), type=Evidence)
    assert content_hash(read) == content_hash(FUNDS)


def test_an_address_that_is_not_of_its_content_is_found() -> None:
    found = facts()
    found = structs.replace(found, evidence=addressed(found.evidence, ""))
    record = make_record(found, write(found), digest_of(DEFAULT_INDICATORS))
    assert verify(record, make_ask()).problems == []
    moved = [
        structs.replace(one, address=one.address[:-1] + "x") if one.query == "kpi_funds" else one
        for one in record.evidence
    ]
    (problem,) = verify(structs.replace(record, evidence=moved), make_ask()).problems
    assert problem.endswith("kpi_funds: its permanent address is not that of its content")


@pytest.mark.stack
def test_what_lies_at_an_address_stays(fresh: Settings, tmp_path: Path) -> None:
    fetch_parts(fresh)
    migrate(fresh, (ESTATE,))
    with connect(fresh, "migrator") as client:
        insert(client, make_rows())
    settings = fresh.model_copy(update={"web_url": "https://guard.example.com"})
    issued = run(settings, SITE, *DAYS, out_dir=tmp_path, clock=FakeClock(1_709_600_000_000))
    record = read_record(issued.paths["json"])
    assert verify_file(settings, issued.paths["xlsx"]).problems == []
    check_all_are_there(settings, record)
    check_they_stand_in_the_workbook(record, issued.paths["xlsx"])
    check_a_correction_is_told(settings, record)
    check_the_pages(settings, record, tmp_path)
    check_an_altered_row_is_told(settings, record)


def path_of(record: Record, query: str = "kpi_funds") -> tuple[str, str]:
    """Id and content hash in the address that the report gives."""
    address = next(found.address for found in record.evidence if found.query == query)
    _, figure_id, content = address.rsplit("/", 2)
    return figure_id, content


def check_all_are_there(settings: Settings, record: Record) -> None:
    for found in record.evidence:
        assert found.address.startswith("https://guard.example.com/figures/")
        figure = find_figure(settings, [ESTATE], *path_of(record, found.query))
        assert figure is not None
        assert figure.evidence == found
        assert figure.intact
        assert recomputed(settings, figure).same
    assert find_figure(settings, ["elsewhere"], *path_of(record)) is None
    assert find_figure(settings, [ESTATE], path_of(record)[0], "0" * 64) is None
    assert find_figure(settings, [ESTATE], "x' OR 1=1", "0" * 64) is None


def check_they_stand_in_the_workbook(record: Record, path: Path) -> None:
    sheet = openpyxl.load_workbook(path)["证据清单"]
    column = next(cell.column for cell in sheet[3] if cell.value == "永久地址")
    told = [sheet.cell(row, column).value for row in range(4, 4 + len(record.evidence))]
    assert told == [found.address for found in record.evidence]


def check_a_correction_is_told(settings: Settings, record: Record) -> None:
    """Another entry and a report anew: the former address says what it said, and the new one what is new."""
    with connect(settings, "migrator") as client:
        entry = [(ESTATE, "in", 2, DAYS[0], "received", 700_000, "corrected", LATER)]
        client.execute(f"INSERT INTO funds ({LEDGER_COLUMNS['funds']}) VALUES", entry)
    before = find_figure(settings, [ESTATE], *path_of(record))
    assert before is not None
    assert recomputed(settings, before).differences[0] == "received_yuan was 800000.0, is 700000.0"
    again = run(settings, SITE, *DAYS, ["json"], settings.home / "again", clock=FakeClock(1_709_700_000_000))
    (figure_id, former), (same_id, latter) = path_of(record), path_of(read_record(again.paths["json"]))
    assert figure_id == same_id
    assert former != latter
    after = find_figure(settings, [ESTATE], figure_id, latter)
    assert after is not None
    assert recomputed(settings, after).same
    assert find_figure(settings, [ESTATE], figure_id, former) == before


def check_the_pages(settings: Settings, record: Record, folder: Path) -> None:
    """For who is logged in, and for keys, of this estate only."""
    stage = Stage(folder / "web", settings=settings)
    path = "/figures/" + "/".join(path_of(record))
    page = stage.logged_in("li").get(path)
    assert page.status_code == 200
    for told in ("资金台账合计", "结果不同", "received_yuan was 800000.0, is 700000.0", "FROM funds", "1000000"):
        assert told in page.text
    told = stage.logged_in("li").get(f"{path}.json").json()
    assert (told["same"], told["intact"], told["estate"]) == (False, True, ESTATE)
    assert told["rows"][0][told["columns"].index("received_yuan")] == 800_000
    assert stage.logged_in("fremd").get(path).status_code == 404
    assert stage.logged_in("fremd").get(f"{path}.json").status_code == 404
    assert stage.client().get(path).headers["location"] == "/login"
    ours, theirs = (stage.key_holder([estate]) for estate in (ESTATE, "elsewhere"))
    led = ours.get(path)
    assert (led.status_code, led.headers["location"]) == (307, f"/api/v1{path}")
    assert ours.get(led.headers["location"]).json() == told
    assert theirs.get(led.headers["location"]).status_code == 404
    same = stage.logged_in("li").get("/figures/" + "/".join(path_of(record, "kpi_crossings_total")))
    assert "结果相同" in same.text


def check_an_altered_row_is_told(settings: Settings, record: Record) -> None:
    """Somebody writes another number under an address: it is shown as altered, and nothing of it is asked."""
    figure_id, content = path_of(record, "kpi_surveys")
    with connect(settings, "migrator") as client:
        client.execute(
            "INSERT INTO kpi_figures SELECT * REPLACE (replaceOne(evidence, '\"rows\":[[', '\"rows\":[[1') AS evidence,"
            " reported_at + 1 AS reported_at) FROM kpi_figures WHERE figure_id = {figure:String}",
            {"figure": figure_id},
        )
    found = asyncio.run(Figures(settings, "").find([ESTATE], figure_id, content))
    assert found is not None
    assert (found.intact, found.same) == (False, None)
    assert found.address == f"/figures/{figure_id}/{content}"
