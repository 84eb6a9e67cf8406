"""Permanent addresses of figures: made of the question's id and a hash of what it answered, so never of anything else.

What lies there is kept in the warehouse when a report is issued (`store.py`), and stays whatever is loaded later.
"""

import re
from collections.abc import Collection, Iterator
from datetime import date, datetime
from typing import Final

import msgspec
from msgspec import Struct, structs

from dashboards.report.evidence import Evidence, content_hash, office_ask, sql_digest
from dashboards.report.record import Record
from dashboards.report.verify import recheck
from infra.settings import Settings
from warehouse.client import ask, connect, query

FIGURE_ID: Final = re.compile(r"[0-9a-f]{32}")
CONTENT_HASH: Final = re.compile(r"[0-9a-f]{64}")


class Figure(Struct, frozen=True):
    """Stored evidence with its SQL, and the last report that said it. `intact`: it is still what its address says."""

    estate: str
    sql: str
    evidence: Evidence
    first_day: date
    last_day: date
    reported_at: datetime
    intact: bool


class Now(Struct, frozen=True):
    """A figure recomputed: whether it is the same, and if not what differs or why it could not be asked again."""

    same: bool
    differences: list[str]


def figure_rows(record: Record) -> Iterator[dict[str, object]]:
    """The rows that keep a report's figures; estate, days and time of the report come to them in `store.py`."""
    for found in record.evidence:
        yield {
            "figure_id": found.id,
            "content_hash": content_hash(found),
            "label": found.label,
            "sql": query(found.query),
            "evidence": msgspec.json.encode(found).decode(),
        }


def find_figure(settings: Settings, estates: Collection[str], figure_id: str, content: str) -> Figure | None:
    """What lies at an address, for who may see these estates. Raises UserError where ClickHouse does not answer."""
    if not FIGURE_ID.fullmatch(figure_id) or not CONTENT_HASH.fullmatch(content):
        return None
    with connect(settings, "office") as client:
        rows = ask(client, "figure", figure=figure_id, content=content)
    row = next((row for row in rows if row[0] in estates), None)
    return None if row is None else _figure(row, figure_id, content)


def _figure(row: tuple[object, ...], figure_id: str, content: str) -> Figure:
    estate, label, sql, stored, first_day, last_day, reported_at = row
    evidence = structs.replace(msgspec.json.decode(str(stored), type=Evidence), label=str(label))
    fits = (evidence.id, content_hash(evidence), evidence.sql_sha256) == (figure_id, content, sql_digest(str(sql)))
    assert isinstance(first_day, date)
    assert isinstance(last_day, date)
    assert isinstance(reported_at, datetime)
    return Figure(str(estate), str(sql), evidence, first_day, last_day, reported_at, fits)


def recomputed(settings: Settings, figure: Figure) -> Now:
    """Ask the figure's question again. Only if it is still one of ours: what is stored is never run as it is."""
    with office_ask(settings) as again:
        _, differences = recheck(figure.evidence, again)
    return Now(not differences, differences)
