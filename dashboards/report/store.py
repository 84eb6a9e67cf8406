"""What a report said, into the warehouse, where dashboards show it: points, values, and the rows of the evidence."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from clickhouse_driver import Client

from dashboards.report.facts import Facts
from dashboards.report.figures import figure_rows
from dashboards.report.record import Record
from infra.settings import Settings
from warehouse.client import connect, identifier

WRITTEN: Final = (
    "kpi_figures",
    "kpi_evidence",
    "kpi_results",
    "kpi_reports",
)  # the last says that the others are there


def store(settings: Settings, facts: Facts, record: Record, computed_at: str) -> None:
    """Write the rows of a report made at `computed_at` (ISO, UTC), as role `office`, over one on the same days."""
    rows = {
        "kpi_figures": list(figure_rows(record)),
        "kpi_evidence": list(evidence_rows(record)),
        "kpi_results": list(result_rows(facts)),
        "kpi_reports": [report_row(record)],
    }
    common = {
        "estate_id": record.estate,
        "first_day": record.period.first,
        "last_day": record.period.last,
        "reported_at": datetime.fromisoformat(computed_at),
    }
    with connect(settings, "office") as client:
        for table in WRITTEN:
            _insert(client, table, [{**common, **row} for row in rows[table]])


def report_row(record: Record) -> dict[str, object]:
    """The score."""
    score = record.score
    return {
        "points": score.points,
        "assessed": score.assessed,
        "percent": score.percent,
        "grade": score.grade or "",
        "indicators": score.indicators,
        "indicators_assessed": score.indicators_assessed,
        "figures": record.figures,
    }


def result_rows(facts: Facts) -> Iterator[dict[str, object]]:
    """Each indicator with its value and points."""
    position = 0
    for first in facts.tree.tree:
        for group in first.groups:
            for indicator in group.indicators:
                position += 1
                assessed = facts.by_indicator[indicator.id]
                yield {
                    "indicator_id": indicator.id,
                    "position": position,
                    "first_level": first.name,
                    "group_name": group.name,
                    "indicator": indicator.name,
                    "unit": indicator.unit,
                    "weight": indicator.weight,
                    "target": assessed.target,
                    "value": assessed.value,
                    "low": assessed.low,
                    "high": assessed.high,
                    "points": assessed.points,
                    "missing": assessed.missing,
                    "source": indicator.source,
                    "query": indicator.query,
                    "column_name": indicator.column,
                }


def evidence_rows(record: Record) -> Iterator[dict[str, object]]:
    """Each value of each answer."""
    for found in record.evidence:
        for number, row in enumerate(found.rows, start=1):
            for name, value in zip(found.columns, row, strict=True):
                yield {
                    "query": found.query,
                    "label": found.label,
                    "evidence_id": found.id,
                    "tables": ", ".join(found.read.tables),
                    "rows_read": found.rows_read,
                    "row_number": number,
                    "column_name": name,
                    "value": "" if value is None else str(value),
                }


def _insert(client: Client, table: str, rows: list[dict[str, object]]) -> None:
    names = ", ".join(map(identifier, rows[0]))
    client.execute(f"INSERT INTO {identifier(table)} ({names}) VALUES", rows)
