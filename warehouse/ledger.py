"""The office's own ledgers from CSV: funds, incidents, surveys, spot checks.

A file is UTF-8 or GBK with a header row of column names. Nothing is overwritten: an entry that changed gets its next
version, one that did not is left alone. An entry is known by its `id` column, or where there is none by its content
(then a correction is a new entry). Times are local to the estate.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, Literal

import numpy as np
from clickhouse_driver import Client
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, model_validator

from infra.errors import UserError
from infra.events import derived_id
from infra.site import Site
from warehouse.client import ask_tables, identifier

Kind = Literal["funds", "incidents", "survey", "spot_checks"]
ENCODINGS: Final = ("utf-8-sig", "gb18030")


def _site(info: ValidationInfo) -> Site:
    assert isinstance(info.context, Site)
    return info.context


def _utc(local: datetime, info: ValidationInfo) -> datetime:
    aware = local if local.tzinfo is not None else local.replace(tzinfo=_site(info).tz)
    return aware.astimezone(UTC).replace(microsecond=0)


def _known_zone(zone: str, info: ValidationInfo) -> str:
    if zone and zone not in _site(info).zone:
        raise ValueError("expected a zone of the site file, or nothing")
    return zone


def _known_line(line: str, info: ValidationInfo) -> str:
    if line not in _site(info).line:
        raise ValueError("expected a line of the site file")
    return line


def _float32(number: float) -> float:
    return float(np.float32(number))


LocalTime = Annotated[datetime, AfterValidator(_utc)]
Count = Annotated[int, Field(ge=0, lt=2**32)]
Score = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False), AfterValidator(_float32)]


class Entry(BaseModel):
    """One row of a ledger's file. The fields of a subclass are the columns of its table, in the table's order."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    id: str = Field("", max_length=64)

    def content(self) -> dict[str, object]:
        """Its columns without the id."""
        return {name: getattr(self, name) for name in type(self).model_fields if name != "id"}


class Fund(Entry):
    """Money: planned, received or spent."""

    day: date
    kind: Literal["budget", "received", "spent"]
    amount_yuan: Decimal = Field(max_digits=14, decimal_places=2)
    purpose: str = ""


class Incident(Entry):
    """Something that was reported to the office."""

    event_time: LocalTime
    kind: Literal["theft", "public_order", "fight", "fire_lane", "other"]
    zone_id: Annotated[str, AfterValidator(_known_zone)] = ""
    description: str = ""


class Survey(Entry):
    """One question of one survey among residents."""

    day: date
    question: Literal["satisfaction", "safety"]
    respondents: Count
    score_mean: Score
    score_sd: Score


class SpotCheck(Entry):
    """Crossings of a line in both directions, counted by a person beside the camera."""

    start_time: LocalTime
    end_time: LocalTime
    line_id: Annotated[str, AfterValidator(_known_line)]
    manual_count: Count

    @model_validator(mode="after")
    def _ends_after_start(self) -> "SpotCheck":
        if self.end_time <= self.start_time:
            raise ValueError("expected end_time after start_time")
        return self


LEDGERS: Final[dict[Kind, tuple[str, type[Entry]]]] = {
    "funds": ("funds", Fund),
    "incidents": ("incidents", Incident),
    "survey": ("surveys", Survey),
    "spot_checks": ("spot_checks", SpotCheck),
}


@dataclass(frozen=True)
class Imported:
    """What an import did: entries that are new, that got a new version, that were as before."""

    new: int
    changed: int
    unchanged: int


def import_ledger(client: Client, kind: Kind, path: Path, site: Site, now: datetime) -> Imported:
    """Import a file into its ledger, as role `office`. Raises UserError listing every mistake, nothing imported."""
    table, model = LEDGERS[kind]
    entries = identified(read_entries(path, model, site))
    known = latest(client, table, site.estate.id)
    rows = [(*key, content) for key, content in new_versions(entries, known)]
    if rows:
        _insert(client, table, [{**head(site, *row[:2], now), **row[2]} for row in rows])
    added = sum(version == 1 for _, version, _ in rows)
    return Imported(added, len(rows) - added, len(entries) - len(rows))


def head(site: Site, entry_id: str, version: int, now: datetime) -> dict[str, object]:
    """The columns that every ledger has."""
    return {"estate_id": site.estate.id, "entry_id": entry_id, "version": version, "imported_at": now}


Content = dict[str, object]


def latest(client: Client, table: str, estate: str) -> dict[str, tuple[int, tuple[object, ...]]]:
    """For each entry its latest version and what that says."""
    rows = ask_tables(client, "latest_entries", {"table": table}, estate=estate)
    return {str(entry_id): (int(str(version)), tuple(said)) for entry_id, version, *said in rows}


def new_versions(
    entries: dict[str, Content], known: dict[str, tuple[int, tuple[object, ...]]]
) -> Iterator[tuple[tuple[str, int], Content]]:
    """What is to be written: entries that are not known or say something else than before."""
    for entry_id, content in entries.items():
        version, said = known.get(entry_id, (0, None))
        if said != tuple(content.values()):
            yield (entry_id, version + 1), content


def identified(entries: Iterable[Entry]) -> dict[str, Content]:
    """Contents by entry id; two equal entries without an id are two entries."""
    found: dict[str, Content] = {}
    seen: Counter[tuple[str, ...]] = Counter()
    for entry in entries:
        content = entry.content()
        told = tuple(map(str, content.values()))
        seen[told] += 1
        found[entry.id or derived_id(*told, seen[told])] = content
    return found


def read_entries(path: Path, model: type[Entry], site: Site) -> list[Entry]:
    """The rows of a file. Raises UserError that lists every mistake as `file:line: column: expected …`."""
    reader = csv.DictReader(io.StringIO(_text(path), newline=""), restkey="(more)", restval="")
    _check_header(path, reader.fieldnames or (), model)
    entries: list[Entry] = []
    mistakes: list[str] = []
    lines: dict[str, int] = {}
    for row in reader:
        try:
            entry = model.model_validate({name: cell for name, cell in row.items() if cell != ""}, context=site)
        except ValidationError as error:
            mistakes += _mistakes(f"{path}:{reader.line_num}", error)
            continue
        entries.append(entry)
        if entry.id and lines.setdefault(entry.id, reader.line_num) != reader.line_num:
            mistakes.append(
                f"{path}:{reader.line_num}: id: expected a new id, {entry.id!r} is in line {lines[entry.id]}"
            )
    if mistakes:
        raise UserError("\n".join(mistakes), f"mend these {len(mistakes)} and import again; nothing was imported")
    return entries


def _mistakes(where: str, error: ValidationError) -> list[str]:
    return [
        f"{where}: {'.'.join(map(str, e['loc'])) or 'row'}: {_expected(e['msg'])}"
        + ("" if e["type"] == "missing" or not e["loc"] else f" (got {e['input']!r})")
        for e in error.errors()
    ]


def _expected(said: str) -> str:
    said = said.removeprefix("Value error, ").removeprefix("Input should be ")
    return said if said.startswith("expected") else f"expected {said}"


def _check_header(path: Path, header: Iterable[str], model: type[Entry]) -> None:
    needed = {name for name, about in model.model_fields.items() if about.is_required()}
    wrong = sorted(needed - set(header)) + sorted(set(header) - set(model.model_fields))
    if wrong:
        wanted = ", ".join(model.model_fields)
        raise UserError(
            f"{path}:1: header: expected columns out of {wanted}; missing or unknown: {', '.join(wrong)}",
            "mend the header row; nothing was imported",
        )


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", "give the path of a CSV file") from error
    for encoding in ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UserError(f"{path}: neither UTF-8 nor GBK", "save it as CSV in UTF-8")


def _insert(client: Client, table: str, rows: list[dict[str, object]]) -> None:
    names = ", ".join(map(identifier, rows[0]))
    client.execute(f"INSERT INTO {identifier(table)} ({names}) VALUES", rows)
