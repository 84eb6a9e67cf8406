"""The office's CSV files: read as they come, mistakes told by line and column, corrections kept as versions."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from infra.errors import UserError
from infra.settings import SMALL_SITE, Settings
from infra.site import load_site
from warehouse.client import connect
from warehouse.ledger import Fund, Imported, Incident, Kind, SpotCheck, identified, import_ledger, read_entries
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
    lines = [line.partition("ledger.csv:")[2] for line in error.value.problem.splitlines()]
    assert [line.split(": ")[:2] for line in lines] == [
        ["3", "row"],
        ["4", "start_time"],
        ["4", "line_id"],
        ["4", "manual_count"],
        ["5", "manual_count"],
        ["6", "id"],
    ]
    assert all("expected" in line for line in lines)


@pytest.mark.parametrize("header", ["day,kind\n", FUNDS.replace("purpose", "reason"), ""])
def test_a_wrong_header_says_what_is_expected(tmp_path: Path, header: str) -> None:
    with pytest.raises(UserError, match="expected columns out of id, day, kind, amount_yuan, purpose"):
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
