"""The check: each chart of each dashboard asks its saved query through Superset's API; none may fail or be empty.

But for charts of what people have to give first (`waits_for.yaml`): they may be empty while there is none of it at all.
"""

import json
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from dashboards.superset.api import Api, ApiError
from dashboards.superset.assets import read_assets
from infra.settings import Settings
from warehouse.client import ask_tables, connect

NO_QUERY: Final = (
    "it has no saved query: open it in Superset and save it, or `anfang dashboards screenshot --save-queries`"
)


WAITS_FOR: Final = Path(__file__).with_name("waits_for.yaml")


class Wait(msgspec.Struct, frozen=True):
    """What gives a table its first rows, and the charts (names of their files) that are empty until then."""

    do: str
    charts: list[str]


class ChartResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one chart's query. `error` is empty where it went well; `rows` counts those with any value;
    `waits` says what an empty chart waits for, where it may.
    """

    chart: str
    uuid: str
    dashboards: list[str]
    rows: int
    error: str
    waits: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of a check: all charts, and the names of those that failed or were empty."""

    charts: list[ChartResult]
    failed: list[str]
    empty: list[str]

    @property
    def ok(self) -> bool:
        """Whether there are charts and each showed something."""
        return bool(self.charts) and not self.failed and not self.empty


def check(settings: Settings, api: Api) -> Report:
    """Ask every chart of every dashboard."""
    waits = waiting(settings)
    asked = [ask(api, chart, names) for chart, names in _charts_of_dashboards(api)]
    charts = [
        msgspec.structs.replace(chart, waits="" if chart.error or chart.rows else waits.get(chart.uuid, ""))
        for chart in asked
    ]
    return Report(
        charts=charts,
        failed=[chart.chart for chart in charts if chart.error],
        empty=[chart.chart for chart in charts if not (chart.error or chart.rows or chart.waits)],
    )


def read_waits() -> dict[str, Wait]:
    """By table."""
    return msgspec.convert(yaml.safe_load(WAITS_FOR.read_text(encoding="utf-8")), dict[str, Wait])


def waiting(settings: Settings) -> dict[str, str]:
    """What charts wait for now, by their uuid: those of tables in which Superset's user sees no row."""
    assets = read_assets()
    found: dict[str, str] = {}
    with connect(settings, "analyst") as client:
        for table, wait in read_waits().items():
            ((rows,),) = ask_tables(client, "rows_seen", {"table": table})
            if not rows:
                found |= {
                    str(assets[f"charts/{name}.yaml"]["uuid"]): f"no {table} yet: {wait.do}" for name in wait.charts
                }
    return found


def ask(api: Api, chart: int, dashboards: list[str]) -> ChartResult:
    """Run one chart's saved query, past every cache."""
    saved = api.get(f"/api/v1/chart/{chart}")["result"]
    result = ChartResult(
        chart=str(saved["slice_name"]), uuid=str(saved["uuid"]), dashboards=dashboards, rows=0, error=""
    )
    if not saved["query_context"]:
        return msgspec.structs.replace(result, error=NO_QUERY)
    try:
        answers = api.get(f"/api/v1/chart/{chart}/data/?force=true")["result"]
    except ApiError as error:
        return msgspec.structs.replace(result, error=error.problem)
    problem = "; ".join(str(answer["error"]) for answer in answers if answer.get("error"))
    rows = min((filled_rows(answer.get("data") or []) for answer in answers), default=0)
    return msgspec.structs.replace(result, rows=rows, error=problem)


def filled_rows(rows: list[dict[str, Any]]) -> int:
    """How many rows hold any value at all."""
    return sum(any(value is not None for value in row.values()) for row in rows)


def write_report(report: Report, path: Path) -> None:
    """Write `{charts, failed, empty, waiting}` as JSON: the number of charts, and names of others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    summary = {
        "charts": len(report.charts),
        "failed": report.failed,
        "empty": report.empty,
        "waiting": {chart.chart: chart.waits for chart in report.charts if chart.waits},
        "results": msgspec.to_builtins(report.charts),
    }
    path.write_text(json.dumps(summary, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _charts_of_dashboards(api: Api) -> list[tuple[int, list[str]]]:
    """Ids of the charts that stand on a dashboard, with the names of their dashboards."""
    found: dict[int, list[str]] = {}
    for dashboard in api.everything("dashboard"):
        for chart in api.get(f"/api/v1/dashboard/{dashboard['id']}/charts")["result"]:
            found.setdefault(int(chart["id"]), []).append(str(dashboard["dashboard_title"]))
    return sorted(found.items())
