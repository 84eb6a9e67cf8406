"""Ask every question of a report again: say which numbers no longer hold, and what has happened since."""

import math
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Final

import msgspec
from msgspec import Struct

from dashboards.report.district import district_score, estate_records
from dashboards.report.evidence import (
    SOURCES,
    Answer,
    Ask,
    Evidence,
    Parameter,
    Scalar,
    at_once,
    evidence_id,
    permanent_address,
    sql_digest,
    used_parameters,
)
from dashboards.report.facts import evaluate
from dashboards.report.record import Record
from warehouse.client import QUERIES, query

RETENTION_DAYS: Final = 5 * 365  # the tables' TTL


class Verdict(Struct, frozen=True):
    """How many figures there are, how many hold, what is wrong in words, and what explains it or is to be known."""

    figures: int
    verified: int
    problems: list[str]
    notes: list[str] = []


def verify(record: Record, ask: Ask) -> Verdict:
    """Recompute the record's evidence by `ask`, and its points from that evidence."""
    verified, problems = 0, []
    checked = at_once(lambda found: recheck(found, ask), record.evidence)
    for found, (holds, differences) in zip(record.evidence, checked, strict=True):
        verified += holds
        problems += [f"{found.label} {found.query}: {difference}" for difference in differences]
    return Verdict(record.figures, verified, problems + list(_check_points(record)))


def check_roll_ups(record: Record, ask: Ask) -> list[str]:
    """Where the sums that questions read (roll-ups) are not what their rows add up to: then somebody altered either.

    A question reads sums in seconds, this reads every row: it is asked by `verify_file`, not before issuing.
    """
    read = {(found.read.estate, table) for found in record.evidence for table in found.read.tables if table in SOURCES}
    asked: dict[str, Parameter] = {
        "first": record.period.first.isoformat(),
        "last": record.period.last.isoformat(),
    }
    zones = {found.read.estate: found.parameters["tz"] for found in record.evidence if "tz" in found.parameters}

    def one(pair: tuple[str, str]) -> str | None:
        estate, table = pair
        of: dict[str, Parameter] = {**asked, "estate": estate, "tz": zones.get(estate, "UTC")}
        days = [str(day) for (day,) in _rows(ask, f"unlike_{table}", of)]
        return f"{table} of {', '.join(days)} is not what {SOURCES[table]} of {estate} adds up to" if days else None

    return [problem for problem in at_once(one, sorted(read)) if problem]


def recheck(found: Evidence, ask: Ask) -> tuple[int, list[str]]:
    """How many of its figures hold, and what differs."""
    if not (QUERIES / f"{found.query}.sql").is_file() or "/" in found.query:
        return 0, ["its query is not known here"]
    sql = query(found.query)
    if sql_digest(sql) != found.sql_sha256:
        return 0, ["its query has changed since"]
    if evidence_id(found.query, sql, found.parameters) != found.id:
        return 0, ["its parameters do not fit its id"]
    answer = ask(sql, found.parameters)
    misplaced = found.address and not found.address.endswith(permanent_address(found, ""))
    differences = ["its permanent address is not that of its content"] if misplaced else []
    differences += _differences(found, answer)
    return max(found.figures() - len(differences), 0), differences


def _differences(found: Evidence, answer: Answer) -> Iterator[str]:
    if len(answer.rows) != len(found.rows):
        yield f"had {len(found.rows)} rows, has {len(answer.rows)}"
    for then, now in zip(found.rows, answer.rows, strict=False):
        for column, before, after in zip(found.columns, then, now, strict=True):
            if not same(before, after):
                at = f" at {now[0]}" if isinstance(now[0], str) else ""
                yield f"{column}{at} was {before}, is {after}"


def same(before: Scalar, after: Scalar) -> bool:
    """Equal, floats up to the order in which they were added."""
    if isinstance(before, float) and isinstance(after, int | float):
        return math.isclose(before, after, rel_tol=1e-9, abs_tol=1e-9)
    return before == after


def _check_points(record: Record) -> Iterator[str]:
    """Points, score and count of figures that do not follow from the record's own evidence."""
    if record.figures != sum(found.figures() for found in record.evidence):
        yield f"figures: the report says {record.figures}, it holds {sum(e.figures() for e in record.evidence)}"
    if not record.members:
        yield from _check_estate(record)
        return
    for estate in estate_records(record):
        yield from (f"{estate.estate}: {problem}" for problem in _check_estate(estate))
    if record.score != (score := district_score(record.tree(), record.members)):
        yield f"score: the report says {_brief(record.score)}, its estates' give {_brief(score)}"


def _check_estate(record: Record) -> Iterator[str]:
    rows = {found.query: found.records()[0] for found in record.evidence if found.rows}
    assessments, score = evaluate(record.tree(), rows, record.device_counts, record.period)
    for told, follows in zip(record.assessments, assessments, strict=False):
        if told != follows:
            yield f"{told.indicator_id}: the report says {_brief(told)}, its evidence gives {_brief(follows)}"
    if len(record.assessments) != len(assessments):
        yield f"the report has {len(record.assessments)} indicators, its indicator file {len(assessments)}"
    if record.score != score:
        yield f"score: the report says {_brief(record.score)}, its evidence gives {_brief(score)}"


def reasons(record: Record, computed_at: str, ask: Ask, today: date) -> list[str]:
    """What has happened since the report was computed that may have changed its numbers, in words.

    Days after the period enter, too: those on which people may still have answered its alerts.
    """
    since = int(datetime.fromisoformat(computed_at).timestamp())
    if record.members:
        each = [(estate, reasons(estate, computed_at, ask, today)) for estate in estate_records(record)]
        return [f"{estate.estate}: {reason}" for estate, found in each for reason in found]
    period = record.period
    asked: dict[str, Parameter] = {
        "estate": record.estate,
        "first": period.first.isoformat(),
        "last": period.until(record.tree().parameters.disposition_days).isoformat(),
        "since_s": since,
    }
    found = [
        f"{day} was loaded again at {loaded_at} UTC (late data)"
        if str(day) <= period.last.isoformat()
        else f"{day} was loaded at {loaded_at} UTC (what was said of the period's alerts)"
        for day, loaded_at in _rows(ask, "loaded_since", asked)
    ]
    found += [
        f"{ledger}: {entries} entries were imported or corrected since, last at {last} UTC"
        for ledger, entries, last in _rows(ask, "corrected_since", asked)
    ]
    if period.first <= today - timedelta(days=RETENTION_DAYS):
        found.append(f"days before {today - timedelta(days=RETENTION_DAYS)} are past the retention of 5 years")
    return [f"since the report: {reason}" for reason in found]


def _rows(ask: Ask, name: str, asked: Mapping[str, Parameter]) -> list[list[Scalar]]:
    sql = query(name)
    return ask(sql, used_parameters(sql, asked)).rows


def _brief(value: Struct) -> str:
    return msgspec.json.encode(value).decode()
