"""The office's ledgers as files: CSV (UTF-8 or GBK) or XLSX, a header row of column names, a row for each entry.

Column names and the words for kinds may be Chinese. Every mistake is told in Chinese, by row and column.
"""

import csv
import io
import zipfile
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, Literal, get_args
from xml.etree.ElementTree import ParseError

import numpy as np
import openpyxl
from openpyxl.utils.exceptions import InvalidFileException
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from infra.errors import UserError
from infra.site import Site
from warehouse.ledger_words import COLUMNS, ENGLISH, WORDS, Mistake, expected, one_of

Kind = Literal["funds", "incidents", "survey", "spot_checks"]
ENCODINGS: Final = ("utf-8-sig", "gb18030")
MOST_BYTES: Final = 50_000_000  # of an unpacked XLSX


def _site(info: ValidationInfo) -> Site:
    assert isinstance(info.context, Site)
    return info.context


def _utc(local: datetime, info: ValidationInfo) -> datetime:
    aware = local if local.tzinfo is not None else local.replace(tzinfo=_site(info).tz)
    return aware.astimezone(UTC).replace(microsecond=0)


def _known_zone(zone: str, info: ValidationInfo) -> str:
    if zone and zone not in _site(info).zone:
        raise PydanticCustomError("unknown_zone", "expected a zone of the site file")
    return zone


def _known_line(line: str, info: ValidationInfo) -> str:
    if line not in _site(info).line:
        raise PydanticCustomError("unknown_line", "expected a line of the site file")
    return line


def _float32(number: float) -> float:
    return float(np.float32(number))


def _in_fen(amount: Decimal) -> Decimal:
    """In one spelling, whether a file says 500000 or 500000.00: entries without an id are known by what they say."""
    return amount.quantize(Decimal("0.01"))


def _english(word: object) -> object:
    return WORDS.get(word.strip(), word) if isinstance(word, str) else word


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
    kind: Annotated[Literal["budget", "received", "spent"], BeforeValidator(_english)]
    amount_yuan: Annotated[Decimal, Field(max_digits=14, decimal_places=2), AfterValidator(_in_fen)]
    purpose: str = ""


class Incident(Entry):
    """Something that was reported to the office."""

    event_time: LocalTime
    kind: Annotated[Literal["theft", "public_order", "fight", "fire_lane", "other"], BeforeValidator(_english)]
    zone_id: Annotated[str, AfterValidator(_known_zone)] = ""
    description: str = ""


class Survey(Entry):
    """One question of one survey among residents."""

    day: date
    question: Annotated[Literal["satisfaction", "safety"], BeforeValidator(_english)]
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
            raise PydanticCustomError("ends_before_start", "ends before it starts")
        return self

    @model_validator(mode="after")
    def _within_a_day(self, info: ValidationInfo) -> "SpotCheck":
        tz, last = _site(info).tz, self.end_time - timedelta(seconds=1)
        if self.start_time.astimezone(tz).date() != last.astimezone(tz).date():
            raise PydanticCustomError("over_midnight", "lies on two days")
        return self


LEDGERS: Final[dict[Kind, tuple[str, type[Entry]]]] = {
    "funds": ("funds", Fund),
    "incidents": ("incidents", Incident),
    "survey": ("surveys", Survey),
    "spot_checks": ("spot_checks", SpotCheck),
}
Line = tuple[int, dict[str, str]]  # its number in the file, and its cells by column


class MistakesError(UserError):
    """All that is wrong in a file, row by row."""

    def __init__(self, name: str, mistakes: list[Mistake]) -> None:
        told = (f"{name}:{m.row}: 第{m.row}行{' ' if m.column else ''}{m.told('zh')}" for m in mistakes)
        super().__init__("\n".join(told), f"mend these {len(mistakes)} and import again; nothing was imported")
        self.mistakes = mistakes


def read_entries(path: Path, model: type[Entry], site: Site) -> list[Entry]:
    """The rows of a file. Raises UserError that lists every mistake as `file:row: 第N行 column：应为…`."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", "give the path of a CSV or XLSX file") from error
    return parse_entries(str(path), content, model, site)


def parse_entries(name: str, content: bytes, model: type[Entry], site: Site) -> list[Entry]:
    """The rows of a file of that name and content. Raises MistakesError, or UserError where it is unreadable."""
    header, lines = _sheet(name, content) if name.lower().endswith(".xlsx") else _csv(name, content)
    _check_header(name, header, model)
    entries: list[Entry] = []
    mistakes: list[Mistake] = []
    seen: dict[str, int] = {}
    for number, row in lines:
        try:
            entry = model.model_validate({name: cell for name, cell in row.items() if cell != ""}, context=site)
        except ValidationError as error:
            mistakes += [_mistake(number, found, model) for found in error.errors()]
            continue
        entries.append(entry)
        if entry.id and (first := seen.setdefault(entry.id, number)) != number:
            told = expected("repeated", {"got": repr(entry.id), "row": first})
            mistakes.append(Mistake(number, "id", told))
    if mistakes:
        raise MistakesError(name, mistakes)
    return entries


def _mistake(number: int, found: ErrorDetails, model: type[Entry]) -> Mistake:
    kind, column = found["type"], str(found["loc"][0]) if found["loc"] else ""
    if kind == "literal_error":
        wanted = one_of(get_args(model.model_fields[column].annotation))
    else:
        wanted = expected(kind, found.get("ctx", {}), found["msg"])
    got = "" if kind == "missing" or not column else repr(found["input"])
    return Mistake(number, column, wanted, got)


def _check_header(name: str, header: Iterable[str], model: type[Entry]) -> None:
    needed = {name for name, about in model.model_fields.items() if about.is_required()}
    wrong = sorted(needed - set(header)) + sorted(set(header) - set(model.model_fields))
    if wrong:
        wanted = "、".join(f"{COLUMNS[name]}（{name}）" for name in model.model_fields)
        raise UserError(
            f"{name}:1: 表头应取自：{wanted}；缺少或不认识：{'、'.join(wrong)}",
            "mend the header row; nothing was imported",
        )


def _csv(name: str, content: bytes) -> tuple[list[str], Iterable[Line]]:
    reader = csv.reader(io.StringIO(_text(name, content), newline=""))
    try:
        header = [_name(cell) for cell in next(reader, [])]
        return header, [(reader.line_num, _row(header, cells)) for cells in reader if any(cells)]
    except csv.Error as error:
        raise UserError(f"{name}:{reader.line_num}: {error}", "save it as CSV in UTF-8") from error


def _sheet(name: str, content: bytes) -> tuple[list[str], Iterable[Line]]:
    """The first sheet of an XLSX."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if sum(member.file_size for member in packed.infolist()) > MOST_BYTES:
                raise UserError(f"{name}: larger than {MOST_BYTES // 1_000_000} MB", "divide it into several files")
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        rows = [[_cell(value) for value in row] for row in book.worksheets[0].iter_rows(values_only=True)]
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, ParseError, IndexError) as error:
        raise UserError(f"{name}: no XLSX file: {error}", "save it as .xlsx or as CSV") from error
    book.close()
    header = [_name(cell) for cell in rows[0]] if rows else []
    while header and not header[-1]:
        header.pop()
    return header, ((n, _row(header, cells)) for n, cells in enumerate(rows[1:], start=2) if any(cells))


def _row(header: list[str], cells: list[str]) -> dict[str, str]:
    """Cells by column; what stands beside the columns is kept, to be told of."""
    row = dict(zip(header, cells, strict=False))
    beside = "、".join(cell for cell in cells[len(header) :] if cell)
    return row | ({"(more)": beside} if beside else {})


def _cell(value: object) -> str:
    """A spreadsheet's cell as it would stand in CSV."""
    match value:
        case None:
            return ""
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case datetime() | date():
            return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value).strip()


def _name(cell: str) -> str:
    plain = cell.strip().replace("(", "（").replace(")", "）")
    return ENGLISH.get(plain, cell.strip())


def _text(name: str, content: bytes) -> str:
    for encoding in ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UserError(f"{name}: neither UTF-8 nor GBK", "save it as CSV in UTF-8")
