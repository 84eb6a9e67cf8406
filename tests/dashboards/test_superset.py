"""A real Superset on the real ClickHouse: it starts, imports, every chart shows something, and the check notices."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dashboards.superset import server
from dashboards.superset.api import Api, ApiError, connect
from dashboards.superset.assets import read_assets
from dashboards.superset.cli import dashboards
from dashboards.superset.transfer import export_assets, import_assets
from infra.settings import Settings
from warehouse.client import connect as clickhouse
from warehouse.migrate import migrate, statements

pytestmark = pytest.mark.stack

ROWS = Path(__file__).with_name("superset_rows.sql")
CROSSING_CHARTS = {"最近一日通行人次", "每日通行人次（按计数线）", "通行热力：小时 × 星期"}
ALERT_CHARTS = {"最近一日告警数", "每日告警数（按规则）", "告警清单"}


@pytest.fixture
def superset(fresh: Settings) -> Iterator[Settings]:
    """A started Superset over fifteen days of rows."""
    migrate(fresh, ("demo_garden",))
    _run(fresh, *statements(ROWS.read_text(encoding="utf-8")))
    try:
        assert server.start(fresh)
        yield fresh
    finally:
        server.stop(fresh)


@pytest.mark.timeout(900)  # the first run on a machine installs Superset
def test_superset_shows_the_warehouse_and_the_check_notices_what_is_broken(superset: Settings, tmp_path: Path) -> None:
    assert not server.start(superset), "a second start does nothing"
    api = connect(superset)
    _only_the_generated_password_opens(superset)

    assert import_assets(superset, api) == import_assets(superset, api) == len(read_assets())
    assert export_assets(api, tmp_path / "assets") == len(read_assets())
    assert {asset["uuid"]: asset for asset in read_assets(tmp_path / "assets").values() if "uuid" in asset} == {
        asset["uuid"]: asset for asset in read_assets().values() if "uuid" in asset
    }

    assert _check(superset, tmp_path / "good.json") == (0, set(), set())
    assert json.loads((tmp_path / "good.json").read_text())["charts"] >= 12

    _run(superset, "TRUNCATE TABLE alerts", "RENAME TABLE crossings TO crossings_away")
    assert _check(superset, tmp_path / "bad.json") == (1, CROSSING_CHARTS, ALERT_CHARTS)


def _only_the_generated_password_opens(settings: Settings) -> None:
    assert stat.S_IMODE(server.admin_password_file(settings).stat().st_mode) == 0o600
    assert stat.S_IMODE((server.superset_home(settings) / "superset.db").stat().st_mode) == 0o600
    with pytest.raises(ApiError, match="401"):
        Api(server.url(settings), "admin")


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
