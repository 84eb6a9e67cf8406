"""A real Superset on the real ClickHouse: every chart shows something, the check notices, each sees their estate."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dashboards.superset import server
from dashboards.superset.api import Api, ApiError, connect
from dashboards.superset.assets import read_assets
from dashboards.superset.cli import dashboards
from dashboards.superset.embedded import guest_token, open_to_guests
from dashboards.superset.people import role_of
from dashboards.superset.transfer import export_assets, import_assets
from infra.errors import UserError
from infra.settings import Settings
from tests.dashboards.superset_api import chart_named, person, rows_of
from tests.dashboards.superset_estate import LAST, NOW, SITE, fill
from warehouse.client import connect as clickhouse
from warehouse.estate import record_site
from warehouse.migrate import migrate

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]  # the first run on a machine installs Superset

OTHER = "other_garden"
INCIDENT_CHARTS = {chart["slice_name"] for name, chart in read_assets().items() if name.startswith("charts/incident")}


@pytest.fixture
def superset(fresh: Settings, tmp_path: Path) -> Iterator[Settings]:
    """A started Superset over fifteen days of one estate and two of another."""
    fill(fresh, tmp_path)
    migrate(fresh, (OTHER,))
    other = SITE.model_copy(update={"estate": SITE.estate.model_copy(update={"id": OTHER})})
    with clickhouse(fresh, "loader") as client:
        record_site(client, other, NOW)
        client.execute(
            "INSERT INTO nightly_accounting (estate_id, day, raw, valid, zone_minutes) VALUES",
            [(OTHER, day, 7, 7, 9) for day in (LAST, LAST.replace(day=1))],
        )
    try:
        assert server.start(fresh)
        yield fresh
    finally:
        server.stop(fresh)


def test_superset_shows_the_warehouse_and_each_sees_their_estate(superset: Settings, tmp_path: Path) -> None:
    assert not server.start(superset), "a second start does nothing"
    api = connect(superset)
    _only_the_generated_password_opens(superset)

    assert import_assets(superset, api) == import_assets(superset, api) == len(read_assets())
    assert export_assets(api, tmp_path / "assets") == len(read_assets())
    assert _by_uuid(tmp_path / "assets") == _by_uuid()
    assert _check(superset, tmp_path / "good.json") == (0, set(), set())
    assert json.loads((tmp_path / "good.json").read_text())["charts"] >= 50

    _people_see_their_estate(superset, api)
    _a_guest_sees_one_dashboard_of_one_estate(superset, api)

    import_assets(superset, api, language="en")
    assert _check(superset, tmp_path / "english.json") == (0, set(), set())
    with pytest.raises(UserError, match="English"):
        export_assets(api, tmp_path / "assets")

    import_assets(superset, api)
    truncated = [f"TRUNCATE TABLE {table}" for table in ("incidents", "gate_passages", "daily_gates")]
    _run(superset, *truncated, "RENAME TABLE hourly_lines TO hourly_lines_away")
    code, failed, empty = _check(superset, tmp_path / "bad.json")
    bad = json.loads((tmp_path / "bad.json").read_text())
    assert (code, empty) == (1, set()), "what waits for a ledger is not empty"
    assert set(bad["waiting"]) == INCIDENT_CHARTS | {"各门禁通行"}
    assert "anfang ledger import incidents" in bad["waiting"]["近一年与此前一年"]
    assert {"最近一日进出小区人次", "分区之间的人流"} <= failed

    _run(superset, "RENAME TABLE hourly_lines_away TO hourly_lines", "TRUNCATE TABLE daily_cameras")
    assert _check(superset, tmp_path / "empty.json")[:2] == (1, set())
    assert "每日画面异常" in json.loads((tmp_path / "empty.json").read_text())["empty"]


def _only_the_generated_password_opens(settings: Settings) -> None:
    assert stat.S_IMODE(server.admin_password_file(settings).stat().st_mode) == 0o600
    assert stat.S_IMODE((server.superset_home(settings) / "superset.db").stat().st_mode) == 0o600
    with pytest.raises(ApiError, match="401"):
        Api(server.url(settings), "admin")


def _people_see_their_estate(settings: Settings, api: Api) -> None:
    days = chart_named(api, "已装载天数")
    assert _answer(api, days) == 17
    own, other = role_of(SITE.estate.id), role_of(OTHER)
    for names, expected in (([], 0), ([own], 15), ([other], 2), ([own, other], 17)):
        assert _answer(person(settings, api, ["Alpha", *names]), days) == expected, names
    with pytest.raises(ApiError, match="403"):
        _answer(person(settings, api, ["Gamma"]), days)


def _a_guest_sees_one_dashboard_of_one_estate(settings: Settings, api: Api) -> None:
    embedded = open_to_guests(api, "quality", ["http://127.0.0.1:8600"])
    assert embedded == open_to_guests(api, "quality", ["http://127.0.0.1:8600"])
    days, score = chart_named(api, "已装载天数"), chart_named(api, "得分率（%）")
    boards = {board["slug"]: board["id"] for board in api.everything("dashboard")}
    for estate, expected in ((SITE.estate.id, 15), (OTHER, 2), ("nobody", 0)):
        guest = Api.guest(server.url(settings), guest_token(api, embedded, estate))
        assert guest.get("/api/v1/dashboard/quality")["result"]["dashboard_title"] == "数据质量"
        assert _answer(guest, days, boards["quality"]) == expected
    for path in ("/api/v1/dashboard/kpi", f"/api/v1/chart/{score['id']}", "/api/v1/database/", "/api/v1/sqllab/"):
        with pytest.raises(ApiError, match=r"40[1345]"):
            guest.get(path)
    for board in (boards["quality"], boards["kpi"]):
        with pytest.raises(ApiError, match="403"):
            _answer(guest, score, board)
    bent = {**days, "query_context": days["query_context"].replace("days_loaded", "valid_sum")}
    guest = Api.guest(server.url(settings), guest_token(api, embedded, OTHER))
    assert _answer(guest, bent, boards["quality"]) == 14, "another question has the same rows only"
    with pytest.raises(ApiError, match=r"40[13]"):
        Api.guest(server.url(settings), "x.y.z").get("/api/v1/dashboard/quality")
    asked = {"user": {"username": "g"}, "resources": [{"type": "dashboard", "id": embedded}]}
    for rules in (
        [],
        [{"clause": "1 = 1"}],
        [{"clause": "estate_id = 'a' OR 1"}],
        [{"clause": "estate_id = 'a'", "dataset": 1}],
    ):
        with pytest.raises(ApiError, match="400"):
            api.post("/api/v1/security/guest_token/", {**asked, "rls": rules})
    with pytest.raises(UserError, match="not plain"):
        guest_token(api, embedded, "a' OR '1")


def _answer(api: Api, chart: dict[str, Any], dashboard: int | None = None) -> Any:
    """The one value that a chart's saved query gives."""
    ((value,),) = [row.values() for row in rows_of(api, chart, dashboard)]
    return value


def _by_uuid(folder: Path | None = None) -> dict[str, Any]:
    assets = read_assets(folder) if folder else read_assets()
    return {asset["uuid"]: asset for asset in assets.values() if "uuid" in asset}


def _check(settings: Settings, out: Path) -> tuple[int, set[str], set[str]]:
    """Exit code, failed and empty charts of `anfang dashboards check`; each of them is also named on the terminal."""
    ran = CliRunner().invoke(dashboards, ["check", "--out", str(out)], env=settings.as_environment())
    report = json.loads(out.read_text())
    for chart in report["failed"]:
        assert f"{chart}: FAILED" in ran.output
    for chart in report["empty"]:
        assert f"{chart}: EMPTY" in ran.output
    return ran.exit_code, set(report["failed"]), set(report["empty"])


def _run(settings: Settings, *statements: str) -> None:
    with clickhouse(settings, "migrator") as client:
        for statement in statements:
            client.execute(statement)
