"""The report as XLSX for the office to check: the cells of `sheets.py`, formatted for people."""

from datetime import datetime
from io import BytesIO
from typing import Final

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from dashboards.report.district_sheets import district_sheets
from dashboards.report.record import Record
from dashboards.report.sheets import Cell, Sheet, Style, sheets

FONT: Final[dict[str, str | int | float | bool]] = {"font_name": "宋体", "font_size": 10.5, "valign": "vcenter"}
FRAME: Final[dict[str, str | int | float | bool]] = {"border": 1, "border_color": "#BFBFBF"}
WHOLE: Final = "#,##0"
BROKEN: Final = "#,##0.00##"
STYLES: Final[dict[Style, dict[str, str | int | float | bool]]] = {
    "title": {"font_name": "黑体", "font_size": 14},
    "head": {"font_name": "黑体", "bg_color": "#E7EDF4", "text_wrap": True, "align": "center", **FRAME},
    "mark": {"font_name": "黑体"},
    "text": {},
    "wrap": {"text_wrap": True},
    "center": {"align": "center"},
    "number": {},
    "points": {"num_format": "0.00", "bold": True},
    "share": {"num_format": "0.0%"},
    "input": {"font_color": "#0000FF"},
    "link": {"font_color": "#00803C"},
    "told": {"num_format": "0.00", "bold": True, "align": "left"},
    "sum": {"bold": True, "top": 1},
}
Formats = dict[tuple[Style, bool], Format]  # by style and whether the number is whole


def render(record: Record) -> bytes:
    """The XLSX's bytes."""
    target = BytesIO()
    book = xlsxwriter.Workbook(target, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    issued = datetime(record.issued.year, record.issued.month, record.issued.day)  # noqa: DTZ001 the file's own form
    book.set_properties({"title": "".join(record.document.title), "author": record.document.office, "created": issued})
    formats = {
        (style, whole): book.add_format({"num_format": WHOLE if whole else BROKEN, **FONT, **about})
        for style, about in STYLES.items()
        for whole in (True, False)
    }
    for sheet in district_sheets(record) if record.members else sheets(record):
        _write(book.add_worksheet(sheet.name), sheet, formats)
    book.close()
    return target.getvalue()


def _write(page: Worksheet, sheet: Sheet, formats: Formats) -> None:
    for column, width in enumerate(sheet.widths):
        page.set_column(column, column, width)
    rows, columns = sheet.freeze
    if rows or columns:
        page.freeze_panes(rows, columns)
        page.repeat_rows(0, max(rows - 1, 0))
    page.set_landscape()
    page.set_paper(9)  # A4
    page.fit_to_pages(1, 0)
    page.set_footer("&C— &P —")
    page.hide_gridlines(1)
    for row, cells in enumerate(sheet.rows):
        for column, cell in enumerate(cells):
            whole = not isinstance(cell.value, float) or cell.value.is_integer()
            _put(page, row, column, cell, formats[cell.style, whole])


def _put(page: Worksheet, row: int, column: int, cell: Cell, form: Format) -> None:
    if cell.formula:
        page.write_formula(row, column, cell.formula, form, cell.value)
    elif cell.value is None:
        page.write_blank(row, column, None, form)
    elif isinstance(cell.value, str):
        page.write_string(row, column, cell.value, form)
    else:
        page.write_number(row, column, cell.value, form)
