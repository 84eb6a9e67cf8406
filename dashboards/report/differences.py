"""What a file of a report says otherwise than the signed record: each kind of file read back and compared.

Each function yields differences in words; nothing where the file says the same.
"""

import io
import re
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from pathlib import Path
from typing import Final

import docx as word
import msgspec
import openpyxl
import pypdf
from docx.oxml.ns import qn

from dashboards.report import docx, pdf, xlsx
from dashboards.report.charts import blank
from dashboards.report.record import Record, encode

AROUND: Final = 12  # characters shown on each side of a difference
EVIDENCE: Final = re.compile(r"^evidence\.(\d+)\.(?:rows\.(\d+)\.(\d+)|(.*))$")


def json_differences(record: Record, content: bytes, _fonts: Path | None) -> Iterator[str]:
    """Values of the JSON that are not the record's."""
    for path, before, after in _walk("", msgspec.json.decode(encode(record)), msgspec.json.decode(content)):
        yield f"{_where(path, record)} was signed as {_short(before)}, is {_short(after)}"


def _walk(path: str, before: object, after: object) -> Iterator[tuple[str, object, object]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before | after:
            yield from _walk(f"{path}{key}.", before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list):
        for index, (old, new) in enumerate(zip_longest(before, after)):
            yield from _walk(f"{path}{index}.", old, new)
    elif before != after:
        yield path.removesuffix("."), before, after


def _where(path: str, record: Record) -> str:
    """A path as people name it: the evidence by label, query, row and column."""
    found = EVIDENCE.match(path)
    if not found or int(found[1]) >= len(record.evidence):
        return path
    evidence = record.evidence[int(found[1])]
    about = f"{evidence.label} {evidence.query}"
    if found[4] is not None or int(found[3]) >= len(evidence.columns):
        return f"{about}: {found[4] or path}"
    return f"{about}: {evidence.columns[int(found[3])]} in row {int(found[2]) + 1}"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def xlsx_differences(record: Record, content: bytes, _fonts: Path | None) -> Iterator[str]:
    """Cells that hold another value or another formula."""
    told: set[str] = set()
    for kept_values in (False, True):
        before, after = (_cells(file, kept_values=kept_values) for file in (xlsx.render(record), content))
        for place in before | after:
            old, new = before.get(place), after.get(place)
            if old != new and place not in told:
                told.add(place)
                yield f"{place} was signed as {_short(old)}, is {_short(new)}"


def _cells(content: bytes, *, kept_values: bool) -> dict[str, object]:
    """{sheet!A1: value}: formulas as text, or with `kept_values` what they gave when the file was saved."""
    book = openpyxl.load_workbook(io.BytesIO(content), data_only=kept_values)
    return {
        f"{sheet.title}!{cell.coordinate}": cell.value
        for sheet in book.worksheets
        for row in sheet.iter_rows()
        for cell in row
        if cell.value is not None
    }


def docx_differences(record: Record, content: bytes, _fonts: Path | None) -> Iterator[str]:
    """Paragraphs, those in tables included, that say something else."""
    charts = dict.fromkeys(record.document.charts(), blank())
    yield from changed_lines(*(_paragraphs(file) for file in (docx.render(record.document, charts), content)))


def _paragraphs(content: bytes) -> list[str]:
    body = word.Document(io.BytesIO(content)).element.body
    return ["".join(run.text or "" for run in p.iter(qn("w:t"))) for p in body.iter(qn("w:p"))]


def pdf_differences(record: Record, content: bytes, fonts: Path | None) -> Iterator[str]:
    """Lines of text that say something else."""
    if fonts is None:
        yield "differs from the signed file; run `anfang setup` for the fonts to see where"
        return
    charts = dict.fromkeys(record.document.charts(), blank())
    yield from changed_lines(*(_lines(file) for file in (pdf.render(record.document, charts, fonts), content)))


def _lines(content: bytes) -> list[str]:
    pages = pypdf.PdfReader(io.BytesIO(content)).pages
    return [line for page in pages for line in page.extract_text().splitlines()]


def changed_lines(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    """Lines that were replaced, removed or added, cut to where they differ."""
    for what, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if what != "equal":
            for old, new in zip_longest(before[a:b], after[c:d], fillvalue=""):
                yield _cut(old, new)


def _cut(old: str, new: str) -> str:
    same = next((i for i, (x, y) in enumerate(zip(old, new, strict=False)) if x != y), min(len(old), len(new)))
    signed, found = (line[max(same - AROUND, 0) : same + AROUND] for line in (old, new))
    return f"“{signed}” was signed, “{found}” is there"


Differences = Callable[[Record, bytes, Path | None], Iterator[str]]
DIFFERENCES: Final[dict[str, Differences]] = {
    ".json": json_differences,
    ".xlsx": xlsx_differences,
    ".docx": docx_differences,
    ".pdf": pdf_differences,
}
