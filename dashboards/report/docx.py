"""The report as DOCX for the office to edit: real heading styles, contents field, page numbers, embedded charts."""

from collections.abc import Mapping
from io import BytesIO
from typing import Final

import docx
from docx.document import Document as Word
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_BREAK
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor
from docx.styles.style import ParagraphStyle
from docx.table import Table as WordTable
from docx.table import _Cell
from docx.text.paragraph import Paragraph as WordParagraph

from dashboards.report.content import Appendix, Block, Document, Figure, Heading, Paragraph, Table

BODY: Final = "仿宋"
HEADINGS: Final = {1: ("黑体", 16), 2: ("楷体", 15), 3: ("仿宋", 14), 4: ("仿宋", 14)}
LATIN: Final = "Times New Roman"
TEXT_WIDTH: Final = Cm(15.6)
ALIGN: Final = {
    "left": WD_ALIGN_PARAGRAPH.LEFT,
    "center": WD_ALIGN_PARAGRAPH.CENTER,
    "right": WD_ALIGN_PARAGRAPH.RIGHT,
}


def render(document: Document, charts: Mapping[str, bytes]) -> bytes:
    """The DOCX's bytes; `charts` are PNG by name."""
    word = docx.Document()
    _set_page(word)
    _set_styles(word)
    word.core_properties.title = "".join(document.title)
    word.core_properties.author = document.office
    _title_page(word, document)
    _contents(word)
    for block in document.blocks:
        _add(word, block, document, charts)
    target = BytesIO()
    word.save(target)
    return target.getvalue()


def _set_page(word: Word) -> None:
    section = word.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.top_margin, section.bottom_margin = Cm(3.2), Cm(3)
    section.left_margin, section.right_margin = Cm(2.8), Cm(2.6)
    section.different_first_page_header_footer = True
    footer = section.footer.paragraphs[0]
    footer.alignment = WD_ALIGN_PARAGRAPH.CENTER
    footer.add_run("— ")
    _field(footer, "PAGE", "1")
    footer.add_run(" —")


def _set_styles(word: Word) -> None:
    _set_style(word, "Normal", BODY, 14)
    _set_style(word, "Caption", "黑体", 10.5)
    for level, (font, size) in HEADINGS.items():
        _set_style(word, f"Heading {level}", font, size)
    caption = word.styles["Caption"]
    if isinstance(caption, ParagraphStyle):
        caption.font.bold, caption.font.italic = False, False
        caption.paragraph_format.alignment = WD_ALIGN_PARAGRAPH.CENTER


def _set_style(word: Word, name: str, font: str, size: float) -> None:
    style = word.styles[name]
    if not isinstance(style, ParagraphStyle):
        raise TypeError(f"{name} is no paragraph style")
    style.font.name, style.font.size = LATIN, Pt(size)
    style.font.color.rgb = RGBColor(0, 0, 0)
    fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
    for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
        fonts.attrib.pop(qn(f"w:{theme}"), None)
    fonts.set(qn("w:ascii"), LATIN)
    fonts.set(qn("w:hAnsi"), LATIN)
    fonts.set(qn("w:eastAsia"), font)
    if name.startswith("Heading"):
        style.font.bold, style.font.italic = name == "Heading 3", False
        style.paragraph_format.space_before, style.paragraph_format.space_after = Pt(10), Pt(6)
        style.paragraph_format.keep_with_next = True


def _title_page(word: Word, document: Document) -> None:
    word.add_paragraph(document.annex)
    for _ in range(6):
        word.add_paragraph()
    for line in document.title:
        _centered(word, line, "黑体", 22)
    word.add_paragraph()
    _centered(word, f"评价期：{document.period}", BODY, 14)
    for _ in range(9):
        word.add_paragraph()
    _centered(word, document.office, BODY, 16)
    _centered(word, document.issued, BODY, 16)
    _page_break(word)


def _centered(word: Word, text: str, font: str, size: float) -> None:
    paragraph = word.add_paragraph()
    paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    run = paragraph.add_run(text)
    run.font.size = Pt(size)
    run._element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), font)


def _contents(word: Word) -> None:
    _centered(word, "目　录", "黑体", 18)
    _field(word.add_paragraph(), 'TOC \\o "1-2" \\h \\z \\u', "（在Word中右键此处，选择“更新域”生成目录）")
    _page_break(word)


def _page_break(word: Word) -> None:
    word.add_paragraph().add_run().add_break(WD_BREAK.PAGE)


def _field(paragraph: WordParagraph, instruction: str, shown: str) -> None:
    """A Word field: PAGE, TOC."""
    for kind in ("begin", "instr", "separate", "text", "end"):
        run = paragraph.add_run()
        if kind == "text":
            run.text = shown
        elif kind == "instr":
            text = OxmlElement("w:instrText")
            text.set(qn("xml:space"), "preserve")
            text.text = instruction
            run._element.append(text)
        else:
            char = OxmlElement("w:fldChar")
            char.set(qn("w:fldCharType"), kind)
            run._element.append(char)


def _add(word: Word, block: Block, document: Document, charts: Mapping[str, bytes]) -> None:
    match block:
        case Heading(level=level, text=text):
            word.add_heading(text, level)
        case Paragraph(text=text):
            paragraph = word.add_paragraph(text)
            paragraph.paragraph_format.first_line_indent = Pt(28)
            paragraph.paragraph_format.line_spacing = 1.5
        case Figure(chart=chart, caption=caption):
            word.add_picture(BytesIO(charts[chart]), width=TEXT_WIDTH)
            word.paragraphs[-1].paragraph_format.keep_with_next = True
            word.add_paragraph(caption, style="Caption")
        case Table():
            word.add_paragraph(block.caption, style="Caption").paragraph_format.keep_with_next = True
            _table(word, block)
            word.add_paragraph()
        case Appendix():
            for text in (document.office, document.issued):
                word.add_paragraph(text).alignment = WD_ALIGN_PARAGRAPH.RIGHT
            _page_break(word)


def _table(word: Word, table: Table) -> None:
    made = word.add_table(rows=1 + len(table.rows), cols=len(table.columns), style="Table Grid")
    made.autofit = False
    size = 7.5 if table.small else 10.5
    for i, row in enumerate([table.columns, *table.rows]):
        cells = made.rows[i].cells
        for j, text in enumerate(row):
            _fill(cells[j], text, size, bold=i == 0, align=ALIGN["center" if i == 0 else table.align[j]])
            cells[j].width = int(TEXT_WIDTH * table.widths[j] / sum(table.widths))
    _repeat_header(made)


def _fill(cell: _Cell, text: str, size: float, *, bold: bool, align: WD_ALIGN_PARAGRAPH) -> None:
    paragraph = cell.paragraphs[0]
    paragraph.alignment = align
    run = paragraph.add_run(text)
    run.font.size, run.font.bold = Pt(size), bold


def _repeat_header(table: WordTable) -> None:
    """The header row stands again on each page; no row is split over two."""
    for i, row in enumerate(table.rows):
        properties = row._tr.get_or_add_trPr()
        properties.append(OxmlElement("w:cantSplit"))
        if i == 0:
            properties.append(OxmlElement("w:tblHeader"))
