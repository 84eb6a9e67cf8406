"""Ask every question of a report again and say which numbers no longer hold."""

import math
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from dashboards.report.evidence import Answer, Ask, Evidence, Scalar, evidence_id, sql_digest
from dashboards.report.facts import evaluate
from dashboards.report.indicators import Tree
from dashboards.report.record import Record
from warehouse.client import QUERIES, query


class Verdict(Struct, frozen=True):
    """How many figures there are, how many hold, and what is wrong in words."""

    figures: int
    verified: int
    problems: list[str]


def verify(record: Record, ask: Ask) -> Verdict:
    """Recompute the record's evidence by `ask`, and its points from that evidence."""
    verified, problems = 0, []
    for found in record.evidence:
        holds, differences = _check(found, ask)
        verified += holds
        problems += [f"{found.label} {found.query}: {difference}" for difference in differences]
    return Verdict(record.figures, verified, problems + list(_check_points(record)))


def _check(found: Evidence, ask: Ask) -> tuple[int, list[str]]:
    """How many of its figures hold, and what differs."""
    if not (QUERIES / f"{found.query}.sql").is_file() or "/" in found.query:
        return 0, ["its query is not known here"]
    sql = query(found.query)
    if sql_digest(sql) != found.sql_sha256:
        return 0, ["its query has changed since"]
    if evidence_id(found.query, sql, found.parameters) != found.id:
        return 0, ["its parameters do not fit its id"]
    answer = ask(sql, found.parameters)
    differences = list(_differences(found, answer))
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
    tree = Tree.model_validate_json(msgspec.json.encode(record.indicators))
    rows = {found.query: found.records()[0] for found in record.evidence if found.rows}
    assessments, score = evaluate(tree, rows, record.device_counts, record.period)
    for told, follows in zip(record.assessments, assessments, strict=False):
        if told != follows:
            yield f"{told.indicator_id}: the report says {_brief(told)}, its evidence gives {_brief(follows)}"
    if len(record.assessments) != len(assessments):
        yield f"the report has {len(record.assessments)} indicators, its indicator file {len(assessments)}"
    if record.score != score:
        yield f"score: the report says {_brief(record.score)}, its evidence gives {_brief(score)}"
    if record.figures != sum(found.figures() for found in record.evidence):
        yield f"figures: the report says {record.figures}, it holds {sum(e.figures() for e in record.evidence)}"


def _brief(value: Struct) -> str:
    return msgspec.json.encode(value).decode()
