"""What a report says, free of how it looks: blocks that the DOCX and PDF renderers both walk through."""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

Align = Literal["left", "center", "right"]


class Heading(Struct, frozen=True, tag="heading"):
    """A heading; level 1 is 一、, 2 is （一）, 3 is 1., 4 is （1）."""

    level: int
    text: str


class Paragraph(Struct, frozen=True, tag="paragraph"):
    """A paragraph of body text; `[E07]` in it cites evidence."""

    text: str


class Table(Struct, frozen=True, tag="table"):
    """A table with its caption; `widths` are shares of the text width, `small` is for wide ones."""

    caption: str
    columns: list[str]
    rows: list[list[str]]
    widths: list[float]
    align: list[Align]
    small: bool = False


class Figure(Struct, frozen=True, tag="figure"):
    """A chart by name, with its caption."""

    chart: str
    caption: str


class Appendix(Struct, frozen=True, tag="appendix"):
    """Where the appendices begin: on a page of its own."""

    text: str


Block = Heading | Paragraph | Table | Figure | Appendix


class Document(Struct, frozen=True):
    """A whole report: title page, signature and blocks."""

    annex: str
    title: list[str]
    office: str
    period: str
    issued: str
    blocks: list[Block]
    period_label: str = "评价期："
    contents_label: str = "目　录"
    language: str = "zh"

    def charts(self) -> list[str]:
        """Names of the charts it shows."""
        return [block.chart for block in self.blocks if isinstance(block, Figure)]


def numbered(blocks: Iterable[Block], figure: str = "图", table: str = "表") -> list[Block]:
    """Blocks with 图1, 表1 before the captions, and references `<图:name>` in paragraphs replaced by the number."""
    figures = tables = 0
    result: list[Block] = []
    references: dict[str, str] = {}
    for block in blocks:
        match block:
            case Figure(chart=chart, caption=caption):
                figures += 1
                references[f"<图:{chart}>"] = f"{figure}{figures}"
                result.append(Figure(chart, f"{figure}{figures}  {caption}"))
            case Table():
                tables += 1
                result.append(_recaptioned(block, f"{table}{tables}  {block.caption}"))
            case _:
                result.append(block)
    return [_resolved(block, references) for block in result]


def _recaptioned(table: Table, caption: str) -> Table:
    return Table(caption, table.columns, table.rows, table.widths, table.align, table.small)


def _resolved(block: Block, references: dict[str, str]) -> Block:
    if not isinstance(block, Paragraph):
        return block
    text = block.text
    for marker, number in references.items():
        text = text.replace(marker, number)
    return Paragraph(text)
