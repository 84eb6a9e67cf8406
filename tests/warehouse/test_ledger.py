"""The office's CSV files: read as they come, mistakes told by line and column, corrections kept as versions."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest

from infra.errors import UserError
from infra.settings import SMALL_SITE, Settings
from infra.site import load_site
from warehouse.client import ask, connect
from warehouse.ledger import (
    Fund,
    Imported,
    Incident,
    Kind,
    Note,
    SpotCheck,
    entry_history,
    history,
    identified,
    import_ledger,
    latest,
    read_entries,
    undo,
)
from warehouse.migrate import migrate

SITE = load_site(SMALL_SITE)
NOW = datetime(2026, 3, 2, tzinfo=UTC)
FUNDS = "day,kind,amount_yuan,purpose\n2026-01-05,budget,120000.50,周界改造\n2026-02-01,spent,3000,维护\n"


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    """A CSV file with this text."""
    path = folder / "ledger.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_utf8_and_gbk_read_the_same(tmp_path: Path, encoding: str) -> None:
    first, _ = read_entries(written(tmp_path, FUNDS, encoding), Fund, SITE)
    assert first == Fund(day=date(2026, 1, 5), kind="budget", amount_yuan=Decimal("120000.50"), purpose="周界改造")


def test_one_amount_is_one_entry_however_it_is_spelled(tmp_path: Path) -> None:
    spelled = [FUNDS, FUNDS.replace("120000.50", "120000.5").replace("3000", "3000.00")]
    once, again = (identified(read_entries(written(tmp_path, text), Fund, SITE)) for text in spelled)
    assert once == again
    assert len(once) == 2


def test_a_spot_check_lies_within_a_local_day(tmp_path: Path) -> None:
    head, row = "start_time,end_time,line_id,manual_count\n", "2026-03-01 {},2026-03-0{},gate_north,12\n"
    assert len(read_entries(written(tmp_path, head + row.format("23:30", "2 00:00")), SpotCheck, SITE)) == 1
    with pytest.raises(UserError, match="零点"):
        read_entries(written(tmp_path, head + row.format("23:30", "2 00:30")), SpotCheck, SITE)


def test_local_times_become_utc(tmp_path: Path) -> None:
    text = "event_time,kind,zone_id,description\n2026-03-01 00:30,theft,plaza,电动车被盗\n"
    (entry,) = read_entries(written(tmp_path, text), Incident, SITE)
    assert isinstance(entry, Incident)
    assert entry.event_time == datetime(2026, 2, 28, 16, 30, tzinfo=UTC)


def test_every_mistake_has_its_line_and_column(tmp_path: Path) -> None:
    text = (
        "id,start_time,end_time,line_id,manual_count\n"
        "a,2026-03-01 08:00,2026-03-01 09:00,gate_north,12\n"
        "b,2026-03-01 08:00,2026-03-01 07:00,gate_north,12\n"
        "c,yesterday,2026-03-01 09:00,gate_moon,-1\n"
        "a,2026-03-01 08:00,2026-03-01 09:00,gate_north,\n"
        "a,2026-03-01 08:00,2026-03-01 09:00,gate_north,13\n"
    )
    with pytest.raises(UserError) as error:
        read_entries(written(tmp_path, text), SpotCheck, SITE)
    told = [line.partition("ledger.csv:")[2].partition(" ")[2] for line in error.value.problem.splitlines()]
    assert told == [
        "第3行：结束时间应晚于开始时间",
        "第4行 开始时间（start_time）：应为时间，如 2024-03-01 08:30，实为 'yesterday'",
        "第4行 计数线（line_id）：应为站点文件中的计数线，实为 'gate_moon'",
        "第4行 人工计数（manual_count）：应不小于0，实为 '-1'",
        "第5行 人工计数（manual_count）：缺少内容",
        "第6行 编号（id）：'a' 与第2行重复",
    ]


def test_wrong_words_and_numbers_are_told_in_chinese(tmp_path: Path) -> None:
    text = "day,kind,amount_yuan\n2026-13-05,gift,much\n2026-01-05,支出,1.234\n2026-01-05,支出,1,2\n"
    with pytest.raises(UserError) as error:
        read_entries(written(tmp_path, text), Fund, SITE)
    told = [line.partition("ledger.csv:")[2].partition(" ")[2] for line in error.value.problem.splitlines()]
    assert told == [
        "第2行 日期（day）：应为日期，如 2024-03-01，实为 '2026-13-05'",
        "第2行 类别（kind）：应为预算（budget）、到位（received）、支出（spent）之一，实为 'gift'",
        "第2行 金额（元）（amount_yuan）：应为数字，实为 'much'",
        "第3行 金额（元）（amount_yuan）：至多14位数字，其中小数2位，实为 '1.234'",
        "第4行 (more)（(more)）：没有对应的列名，实为 '2'",
    ]


def test_chinese_headers_and_words(tmp_path: Path) -> None:
    chinese = "日期,类别,金额(元),用途\n2026-01-05,预算,120000.50,周界改造\n2026-02-01,支出,3000,维护\n"
    assert read_entries(written(tmp_path, chinese), Fund, SITE) == read_entries(written(tmp_path, FUNDS), Fund, SITE)


def test_a_workbook_reads_as_the_csv(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    page = book.worksheets[0]
    page.append(["日期", "类别", "金额（元）", "用途", None])
    page.append([datetime(2026, 1, 5), "预算", 120000.5, "周界改造"])  # noqa: DTZ001 spreadsheets know no zones
    page.append([None, None])
    page.append(["2026-02-01", "spent", 3000, "维护"])
    book.save(tmp_path / "ledger.xlsx")
    assert read_entries(tmp_path / "ledger.xlsx", Fund, SITE) == read_entries(written(tmp_path, FUNDS), Fund, SITE)
    page["C4"] = "三千"
    book.save(tmp_path / "ledger.xlsx")
    with pytest.raises(UserError, match=r"ledger\.xlsx:4: 第4行 金额（元）（amount_yuan）：应为数字，实为 '三千'"):
        read_entries(tmp_path / "ledger.xlsx", Fund, SITE)
    (tmp_path / "ledger.xlsx").write_bytes(b"no workbook")
    with pytest.raises(UserError, match="no XLSX file"):
        read_entries(tmp_path / "ledger.xlsx", Fund, SITE)


@pytest.mark.parametrize("header", ["day,kind\n", FUNDS.replace("purpose", "reason"), ""])
def test_a_wrong_header_says_what_is_expected(tmp_path: Path, header: str) -> None:
    with pytest.raises(UserError, match="表头应取自：编号（id）、日期（day）、类别（kind）"):
        read_entries(written(tmp_path, header), Fund, SITE)


def test_equal_rows_are_two_entries_with_stable_ids() -> None:
    fund = Fund(day=date(2026, 1, 5), kind="spent", amount_yuan=Decimal(3))
    entries = identified([fund, fund, fund.model_copy(update={"id": "x"})])
    assert len(entries) == 3
    assert list(entries) == list(identified([fund, fund, fund.model_copy(update={"id": "x"})]))


@pytest.mark.stack
def test_a_correction_is_the_next_version(fresh: Settings, tmp_path: Path) -> None:
    migrate(fresh, (SITE.estate.id,))
    survey = "id,day,question,respondents,score_mean,score_sd\ns1,2026-01-05,safety,120,{mean},8.1\n"
    incident = "event_time,kind,zone_id,description\n2026-03-01 00:30,theft,,电动车被盗\n"
    cases: Sequence[tuple[Kind, str, Imported]] = [
        ("survey", survey.format(mean=87.3), Imported(1, 0, 0)),
        ("survey", survey.format(mean=87.3), Imported(0, 0, 1)),
        ("survey", survey.format(mean=78.3), Imported(0, 1, 0)),
        ("incidents", incident, Imported(1, 0, 0)),
        ("incidents", incident, Imported(0, 0, 1)),
        ("funds", FUNDS, Imported(2, 0, 0)),
        ("funds", FUNDS + "2026-02-01,spent,3000,维护\n", Imported(1, 0, 2)),
        (
            "spot_checks",
            "start_time,end_time,line_id,manual_count\n2026-03-01 08:00,2026-03-01 09:00,gate_west,12\n",
            Imported(1, 0, 0),
        ),
    ]
    with connect(fresh, "office") as client:
        for kind, text, expected in cases:
            assert import_ledger(client, kind, written(tmp_path, text), SITE, NOW) == expected
        versions = client.execute("SELECT version, round(score_mean, 1) FROM surveys ORDER BY version")
        assert versions == [(1, pytest.approx(87.3)), (2, pytest.approx(78.3))]


@pytest.mark.stack
def test_corrections_and_undo_keep_the_history(fresh: Settings, tmp_path: Path) -> None:
    """Import, correct, undo the correction, undo the undo, take out the first: each step stands in the history."""
    migrate(fresh, (SITE.estate.id,))
    survey = "id,day,question,respondents,score_mean,score_sd\ns1,2026-01-05,safety,120,{mean},8\n"
    files = [written(tmp_path, survey.format(mean=80))]
    at = [NOW + timedelta(minutes=minute) for minute in range(9)]
    estate = SITE.estate.id
    with connect(fresh, "office") as client:

        def mean() -> float | None:
            said = latest(client, "surveys", estate)["s1"][1]
            return None if said is None else float(str(said[3]))

        import_ledger(client, "survey", files[0], SITE, at[0], by="王")
        corrected = written(tmp_path, survey.format(mean=90))
        with pytest.raises(UserError, match=r"1 entries of .* correct earlier ones"):
            import_ledger(client, "survey", corrected, SITE, at[1], by="李")
        import_ledger(client, "survey", corrected, SITE, at[1], by="李", why="录入错误")
        assert mean() == 90
        first = history(client, "survey", estate)[1]
        with pytest.raises(UserError, match="later imports corrected entries"):
            undo(client, "survey", SITE, Note(at[2], "李"), first.import_id)
        assert undo(client, "survey", SITE, Note(at[2], "李", "核对后撤回")) == Imported(0, 1, 0)
        assert mean() == 80
        undo(client, "survey", SITE, Note(at[3], "李"))
        assert mean() == 90
        undo(client, "survey", SITE, Note(at[4], "李"))
        columns, versions = entry_history(client, "survey", estate, "s1")
        told = [dict(zip(columns, row, strict=True)) for row in versions]
        assert [row["score_mean"] for row in told] == [80, 90, 80, 90, 80]
        assert [row["imported_by"] for row in told] == ["王", "李", "李", "李", "李"]
        assert [row["reason"] for row in told[:3]] == ["", "录入错误", "核对后撤回"]
        with pytest.raises(UserError, match="no entry 's2'"):
            entry_history(client, "survey", estate, "s2")


@pytest.mark.stack
def test_an_undone_import_counts_no_longer(fresh: Settings, tmp_path: Path) -> None:
    migrate(fresh, (SITE.estate.id,))
    spent: dict[str, str | int] = {"estate": SITE.estate.id, "last": "2026-12-31", "residents": 1000}
    with connect(fresh, "office") as client:
        with pytest.raises(UserError, match="funds has no import"):
            undo(client, "funds", SITE, Note(NOW, "王"))
        import_ledger(client, "funds", written(tmp_path, FUNDS), SITE, NOW, by="王")
        assert ask(client, "kpi_funds", **spent)[0][:4] == (2, 120000.5, 0, 3000)
        assert undo(client, "funds", SITE, Note(NOW + timedelta(seconds=1), "王")) == Imported(2, 0, 0)
        assert ask(client, "kpi_funds", **spent)[0][:4] == (0, 0, 0, 0)
        found = import_ledger(
            client, "funds", written(tmp_path, FUNDS), SITE, NOW + timedelta(seconds=2), by="王", why="补录"
        )
        assert found == Imported(0, 2, 0)
        assert ask(client, "kpi_funds", **spent)[0][:4] == (2, 120000.5, 0, 3000)
        assert [(i.new, i.changed, i.removed) for i in history(client, "funds", SITE.estate.id)] == [
            (0, 2, 0),
            (0, 0, 2),
            (2, 0, 0),
        ]
