"""The check: each chart of each dashboard asks its saved query through Superset's API; none may fail or be empty."""

import json
from pathlib import Path
from typing import Any, Final

import msgspec

from dashboards.superset.api import Api, ApiError

NO_QUERY: Final = (
    "it has no saved query: open it in Superset and save it, or `anfang dashboards screenshot --save-queries`"
)


class ChartResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one chart's query. `error` is empty where it went well; `rows` counts those with any value."""

    chart: str
    dashboards: list[str]
    rows: int
    error: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of a check: all charts, and the names of those that failed or were empty."""

    charts: list[ChartResult]
    failed: list[str]
    empty: list[str]

    @property
    def ok(self) -> bool:
        """Whether there are charts and each showed something."""
        return bool(self.charts) and not self.failed and not self.empty


def check(api: Api) -> Report:
    """Ask every chart of every dashboard."""
    charts = [ask(api, chart, names) for chart, names in _charts_of_dashboards(api)]
    return Report(
        charts=charts,
        failed=[chart.chart for chart in charts if chart.error],
        empty=[chart.chart for chart in charts if not chart.error and not chart.rows],
    )


def ask(api: Api, chart: int, dashboards: list[str]) -> ChartResult:
    """Run one chart's saved query, past every cache."""
    saved = api.get(f"/api/v1/chart/{chart}")["result"]
    name = str(saved["slice_name"])
    if not saved["query_context"]:
        return ChartResult(chart=name, dashboards=dashboards, rows=0, error=NO_QUERY)
    try:
        answers = api.get(f"/api/v1/chart/{chart}/data/?force=true")["result"]
    except ApiError as error:
        return ChartResult(chart=name, dashboards=dashboards, rows=0, error=error.problem)
    problem = "; ".join(str(answer["error"]) for answer in answers if answer.get("error"))
    rows = min((filled_rows(answer.get("data") or []) for answer in answers), default=0)
    return ChartResult(chart=name, dashboards=dashboards, rows=rows, error=problem)


def filled_rows(rows: list[dict[str, Any]]) -> int:
    """How many rows hold any value at all."""
    return sum(any(value is not None for value in row.values()) for row in rows)


def write_report(report: Report, path: Path) -> None:
    """Write `{charts, failed, empty}` as JSON: the number of charts and the names of the others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    summary = {
        "charts": len(report.charts),
        "failed": report.failed,
        "empty": report.empty,
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
