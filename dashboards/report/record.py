"""The report as data: everything in it, as JSON that machines read and `verify` checks."""

from datetime import date
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct

from dashboards.report.content import Document
from dashboards.report.evidence import Evidence
from dashboards.report.facts import Facts
from dashboards.report.indicators import Tree
from dashboards.report.score import Assessment, Score
from infra.errors import UserError
from infra.period import Period

RECORD_VERSION: Final = 2
SCHEMA: Final = Path(__file__).with_name("report.schema.json")


class Member(Struct, frozen=True, kw_only=True):
    """One estate of a district's report. Its evidence is what the record's evidence read of this estate."""

    estate: str
    name: str
    residents: int
    device_counts: dict[str, int]
    score: Score
    assessments: list[Assessment]


class Record(Struct, frozen=True, kw_only=True):
    """A report. `indicators` is the indicator file's content, `figures` how many numbers the evidence holds.

    A district's report has `members`: their evidence stands one after the other, `assessments` are theirs alone, and
    `score` is what `district.py` makes of theirs.
    """

    record_version: Literal[2]
    estate: str
    office: str
    period: Period
    issued: date
    device_counts: dict[str, int]
    indicators_sha256: str
    indicators: dict[str, msgspec.Raw]
    figures: int
    score: Score
    assessments: list[Assessment]
    evidence: list[Evidence]
    document: Document
    members: list[Member] = []

    def tree(self) -> Tree:
        """The indicators it was scored by."""
        return Tree.model_validate_json(msgspec.json.encode(self.indicators))


def make_record(facts: Facts, document: Document, indicators_sha256: str) -> Record:
    """The record of a report."""
    tree = facts.tree.model_dump_json(by_alias=True)
    return Record(
        record_version=RECORD_VERSION,
        estate=facts.site.estate.id,
        office=facts.site.estate.office,
        period=facts.period,
        issued=facts.issued,
        device_counts=facts.counts,
        indicators_sha256=indicators_sha256,
        indicators=msgspec.json.decode(tree, type=dict[str, msgspec.Raw]),
        figures=sum(found.figures() for found in facts.evidence.values()),
        score=facts.score,
        assessments=facts.assessments,
        evidence=list(facts.evidence.values()),
        document=document,
    )


def encode(record: Record) -> bytes:
    """Indented JSON, keys in the order of the structs."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"


def json_schema() -> bytes:
    """The JSON Schema of a report's JSON file (published as `report.schema.json`)."""
    return msgspec.json.format(msgspec.json.encode(msgspec.json.schema(Record), order="sorted"), indent=2) + b"\n"


def read_record(path: Path) -> Record:
    """A report's JSON file. Raises UserError saying what is wrong with it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", "give the JSON file that `anfang report` wrote") from error
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise UserError(f"{path} is not a report: {error}", "give the JSON file that `anfang report` wrote") from error
