"""The office's ledgers as files: CSV (UTF-8 or GBK) or XLSX, a header row of column names, a row for each entry.

Column names and the words for kinds may be Chinese. Every mistake is told in Chinese, by row and column.
"""

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, Literal, get_args

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
from pydantic_core import ErrorDetails

from infra.errors import UserError
from infra.site import Site

Kind = Literal["funds", "incidents", "survey", "spot_checks"]
ENCODINGS: Final = ("utf-8-sig", "gb18030")
MOST_BYTES: Final = 50_000_000  # of an unpacked XLSX
COLUMNS: Final = {
    "id": "编号",
    "day": "日期",
    "kind": "类别",
    "amount_yuan": "金额（元）",
    "purpose": "用途",
    "event_time": "时间",
    "zone_id": "区域",
    "description": "说明",
    "question": "问题",
    "respondents": "人数",
    "score_mean": "平均分",
    "score_sd": "标准差",
    "start_time": "开始时间",
    "end_time": "结束时间",
    "line_id": "计数线",
    "manual_count": "人工计数",
}
WORDS: Final = {
    "预算": "budget",
    "到位": "received",
    "支出": "spent",
    "盗窃": "theft",
    "扰乱秩序": "public_order",
    "打架": "fight",
    "消防通道": "fire_lane",
    "其他": "other",
    "满意度": "satisfaction",
    "安全感": "safety",
}
EXPECTED: Final = {  # how pydantic's error types begin
    "missing": "缺少内容",
    "extra_forbidden": "没有对应的列名",
    "datetime_": "应为时间，如 2024-03-01 08:30",
    "date_": "应为日期，如 2024-03-01",
    "int_": "应为整数",
    "float_": "应为数字",
    "finite": "应为数字",
    "decimal_parsing": "应为数字",
    "decimal_": "至多14位数字，其中小数2位",
    "greater_than_equal": "应不小于{ge}",
    "less_than_equal": "应不大于{le}",
    "less_than": "应小于{lt}",
    "string_too_long": "至多{max_length}个字符",
}
ENGLISH: Final = {chinese: name for name, chinese in COLUMNS.items()}


def _site(info: ValidationInfo) -> Site:
    assert isinstance(info.context, Site)
    return info.context


def _utc(local: datetime, info: ValidationInfo) -> datetime:
    aware = local if local.tzinfo is not None else local.replace(tzinfo=_site(info).tz)
    return aware.astimezone(UTC).replace(microsecond=0)


def _known_zone(zone: str, info: ValidationInfo) -> str:
    if zone and zone not in _site(info).zone:
        raise ValueError("应为站点文件中的区域，或留空")
    return zone


def _known_line(line: str, info: ValidationInfo) -> str:
    if line not in _site(info).line:
        raise ValueError("应为站点文件中的计数线")
    return line


def _float32(number: float) -> float:
    return float(np.float32(number))


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
    amount_yuan: Decimal = Field(max_digits=14, decimal_places=2)
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
            raise ValueError("结束时间应晚于开始时间")
        return self


LEDGERS: Final[dict[Kind, tuple[str, type[Entry]]]] = {
    "funds": ("funds", Fund),
    "incidents": ("incidents", Incident),
    "survey": ("surveys", Survey),
    "spot_checks": ("spot_checks", SpotCheck),
}
Line = tuple[int, dict[str, str]]  # its number in the file, and its cells by column


def read_entries(path: Path, model: type[Entry], site: Site) -> list[Entry]:
    """The rows of a file. Raises UserError that lists every mistake as `file:row: 第N行 column：应为…`."""
    header, lines = _sheet(path) if path.suffix.lower() == ".xlsx" else _csv(path)
    _check_header(path, header, model)
    entries: list[Entry] = []
    mistakes: list[str] = []
    seen: dict[str, int] = {}
    for number, row in lines:
        try:
            entry = model.model_validate({name: cell for name, cell in row.items() if cell != ""}, context=site)
        except ValidationError as error:
            mistakes += [f"{path}:{number}: 第{number}行{_mistake(found, model)}" for found in error.errors()]
            continue
        entries.append(entry)
        if entry.id and seen.setdefault(entry.id, number) != number:
            mistakes.append(f"{path}:{number}: 第{number}行 编号（id）：{entry.id!r} 与第{seen[entry.id]}行重复")
    if mistakes:
        raise UserError("\n".join(mistakes), f"mend these {len(mistakes)} and import again; nothing was imported")
    return entries


def _mistake(found: ErrorDetails, model: type[Entry]) -> str:
    if not found["loc"]:
        return f"：{_expected(found, '', model)}"
    name = str(found["loc"][0])
    got = "" if found["type"] == "missing" else f"，实为 {found['input']!r}"
    return f" {COLUMNS.get(name, name)}（{name}）：{_expected(found, name, model)}{got}"


def _expected(found: ErrorDetails, name: str, model: type[Entry]) -> str:
    """What was expected, in Chinese; what our own validators say is Chinese already."""
    kind, limits = found["type"], found.get("ctx", {})
    if kind == "literal_error":
        words = {english: chinese for chinese, english in WORDS.items()}
        allowed = get_args(model.model_fields[name].annotation)
        return f"应为{'、'.join(f'{words[word]}（{word}）' for word in allowed)}之一"
    wanted = next((chinese for begin, chinese in EXPECTED.items() if kind.startswith(begin)), None)
    return wanted.format(**limits) if wanted else found["msg"].removeprefix("Value error, ")


def _check_header(path: Path, header: Iterable[str], model: type[Entry]) -> None:
    needed = {name for name, about in model.model_fields.items() if about.is_required()}
    wrong = sorted(needed - set(header)) + sorted(set(header) - set(model.model_fields))
    if wrong:
        wanted = "、".join(f"{COLUMNS[name]}（{name}）" for name in model.model_fields)
        raise UserError(
            f"{path}:1: 表头应取自：{wanted}；缺少或不认识：{'、'.join(wrong)}",
            "mend the header row; nothing was imported",
        )


def _csv(path: Path) -> tuple[list[str], Iterator[Line]]:
    reader = csv.reader(io.StringIO(_text(path), newline=""))
    header = [_name(cell) for cell in next(reader, [])]
    return header, ((reader.line_num, _row(header, cells)) for cells in reader if any(cells))


def _sheet(path: Path) -> tuple[list[str], Iterator[Line]]:
    """The first sheet of an XLSX."""
    try:
        with zipfile.ZipFile(path) as packed:
            if sum(member.file_size for member in packed.infolist()) > MOST_BYTES:
                raise UserError(f"{path}: larger than {MOST_BYTES // 1_000_000} MB", "divide it into several files")
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", "give the path of a CSV or XLSX file") from error
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise UserError(f"{path}: no XLSX file: {error}", "save it as .xlsx or as CSV") from error
    rows = [[_cell(value) for value in row] for row in book.worksheets[0].iter_rows(values_only=True)]
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


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", "give the path of a CSV or XLSX file") from error
    for encoding in ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UserError(f"{path}: neither UTF-8 nor GBK", "save it as CSV in UTF-8")
