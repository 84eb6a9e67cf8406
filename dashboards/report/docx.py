"""The report as DOCX for the office to edit, in the form of official documents (GB/T 9704—2012).

Margins 37, 35, 28, 26 mm; title 方正小标宋 二号, body 仿宋 三号 on lines of 28 pt, headings 黑体, 楷体 and 仿宋 三号;
page numbers `— 1 —` of 四号, right on odd pages and left on even ones. Fonts are named, not embedded: where one is
missing the program takes the next of `FALLBACKS`. Real heading styles, a contents field, charts as pictures.
"""

import re
from collections.abc import Mapping
from io import BytesIO
from typing import Final
from xml.sax.saxutils import quoteattr

import docx
from docx.document import Document as Word
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_BREAK, WD_LINE_SPACING
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from docx.styles.style import ParagraphStyle
from docx.table import Table as WordTable
from docx.table import _Cell
from docx.text.paragraph import Paragraph as WordParagraph

from dashboards.report.bundle import unzipped, zipped
from dashboards.report.content import Appendix, Block, Document, Figure, Heading, Paragraph, Table

TITLE: Final = "方正小标宋简体"
BODY: Final = "仿宋"
HEADINGS: Final = {1: "黑体", 2: "楷体", 3: BODY, 4: BODY}
FALLBACKS: Final = {
    TITLE: "方正小标宋_GBK,华文中宋,STZhongsong,Noto Serif SC",
    BODY: "仿宋_GB2312,FangSong,华文仿宋,Noto Serif SC",
    "黑体": "SimHei,华文黑体,Noto Sans SC",
    "楷体": "楷体_GB2312,KaiTi,华文楷体,Noto Serif SC",
    "宋体": "SimSun,华文宋体,Noto Serif SC",
}
LATIN: Final = "Times New Roman"
SIZE_2: Final = Pt(22)  # 二号
SIZE_3: Final = Pt(16)  # 三号
SIZE_4: Final = Pt(14)  # 四号
LINE: Final = Pt(28)
CONTENTS_LINE: Final = Pt(22)
INDENT: Final = Pt(32)  # two characters of 三号
TEXT_WIDTH: Final = Mm(156)
CHART_WIDTH: Final = Mm(150)
CITATION: Final = re.compile(r"(\[E\d+\])")
FONT_TABLE: Final = "word/fontTable.xml"
ALIGN: Final = {
    "left": WD_ALIGN_PARAGRAPH.LEFT,
    "center": WD_ALIGN_PARAGRAPH.CENTER,
    "right": WD_ALIGN_PARAGRAPH.RIGHT,
}


def render(document: Document, charts: Mapping[str, bytes]) -> bytes:
    """The DOCX's bytes; `charts` are PNG by name. The same document gives the same bytes."""
    word = docx.Document()
    _set_page(word)
    _set_styles(word, english=document.language == "en")
    word.core_properties.title = "".join(document.title)
    word.core_properties.author = document.office
    _title_page(word, document)
    _contents(word, document)
    for block in document.blocks:
        _add(word, block, document, charts)
    target = BytesIO()
    word.save(target)
    return zipped({**unzipped(target.getvalue()), FONT_TABLE: _font_table()})


def _font_table() -> bytes:
    """The fonts used, each with those that may stand for it."""
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    fonts = "".join(
        f'<w:font w:name={quoteattr(name)}><w:altName w:val={quoteattr(others)}/><w:charset w:val="86"/></w:font>'
        for name, others in FALLBACKS.items()
    )
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    return f'{head}<w:fonts xmlns:w="{space}">{fonts}</w:fonts>'.encode()


def _set_page(word: Word) -> None:
    section = word.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.top_margin, section.bottom_margin = Mm(37), Mm(35)
    section.left_margin, section.right_margin = Mm(28), Mm(26)
    section.footer_distance = Mm(25)
    section.different_first_page_header_footer = True
    word.settings.odd_and_even_pages_header_footer = True
    for footer, align in ((section.footer, ALIGN["right"]), (section.even_page_footer, ALIGN["left"])):
        paragraph = footer.paragraphs[0]
        paragraph.alignment = align
        _single(paragraph)
        side = paragraph.paragraph_format
        side.left_indent = side.right_indent = SIZE_4  # one character free
        paragraph.add_run("— ")
        _field(paragraph, "PAGE", "1")
        paragraph.add_run(" —")
        for run in paragraph.runs:
            run.font.size = SIZE_4
            run._element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), "宋体")


def _set_styles(word: Word, *, english: bool) -> None:
    """Chinese headings differ by their fonts; those have no Latin letters of their own, so English ones are bold."""
    normal = _set_style(word, "Normal", BODY, SIZE_3)
    normal.paragraph_format.line_spacing_rule = WD_LINE_SPACING.EXACTLY
    normal.paragraph_format.line_spacing = LINE
    normal.paragraph_format.space_before = normal.paragraph_format.space_after = Pt(0)
    caption = _set_style(word, "Caption", "黑体", Pt(12))
    caption.font.bold, caption.font.italic = False, False
    caption.paragraph_format.alignment = WD_ALIGN_PARAGRAPH.CENTER
    caption.paragraph_format.space_before = caption.paragraph_format.space_after = Pt(4)
    caption.paragraph_format.line_spacing_rule = WD_LINE_SPACING.SINGLE
    for level, font in HEADINGS.items():
        style = _set_style(word, f"Heading {level}", font, SIZE_3)
        style.font.bold, style.font.italic = english or level == 3, False
        style.paragraph_format.first_line_indent = Pt(0) if english else INDENT
        style.paragraph_format.space_before = style.paragraph_format.space_after = Pt(0)
        style.paragraph_format.keep_with_next = True


def _set_style(word: Word, name: str, font: str, size: Pt) -> ParagraphStyle:
    style = word.styles[name]
    if not isinstance(style, ParagraphStyle):
        raise TypeError(f"{name} is no paragraph style")
    style.font.name, style.font.size = LATIN, size
    style.font.color.rgb = RGBColor(0, 0, 0)
    fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
    for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
        fonts.attrib.pop(qn(f"w:{theme}"), None)
    fonts.set(qn("w:ascii"), LATIN)
    fonts.set(qn("w:hAnsi"), LATIN)
    fonts.set(qn("w:eastAsia"), font)
    return style


def _title_page(word: Word, document: Document) -> None:
    _centered(word, document.annex, "黑体", SIZE_3).alignment = WD_ALIGN_PARAGRAPH.LEFT
    for _ in range(5):
        word.add_paragraph()
    for line in document.title:
        _centered(word, line, TITLE, SIZE_2).paragraph_format.line_spacing = Pt(36)
    word.add_paragraph()
    _centered(word, f"{document.period_label}{document.period}", BODY, SIZE_3)
    for _ in range(5):
        word.add_paragraph()
    _centered(word, document.office, BODY, SIZE_3)
    _centered(word, document.issued, BODY, SIZE_3)
    _page_break(word)


def _centered(word: Word, text: str, font: str, size: Pt) -> WordParagraph:
    paragraph = word.add_paragraph()
    paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    run = paragraph.add_run(text)
    run.font.size = size
    run._element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), font)
    return paragraph


def _contents(word: Word, document: Document) -> None:
    """A contents field; until Word updates it, it shows the headings without page numbers."""
    _centered(word, document.contents_label, "黑体", SIZE_2)
    listed = [block for block in document.blocks if isinstance(block, Heading) and block.level <= 2]
    paragraphs = [word.add_paragraph() for _ in listed] or [word.add_paragraph()]
    _field_start(paragraphs[0], 'TOC \\o "1-2" \\h \\z \\u')
    for paragraph, heading in zip(paragraphs, listed, strict=False):
        paragraph.paragraph_format.left_indent = Pt(0) if heading.level == 1 else INDENT
        paragraph.paragraph_format.line_spacing = CONTENTS_LINE
        paragraph.add_run(heading.text)
    _char(paragraphs[-1], "end")
    _page_break(word)


def _page_break(word: Word) -> None:
    word.add_paragraph().add_run().add_break(WD_BREAK.PAGE)


def _field(paragraph: WordParagraph, instruction: str, shown: str) -> None:
    """A Word field: PAGE."""
    _field_start(paragraph, instruction)
    paragraph.add_run(shown)
    _char(paragraph, "end")


def _field_start(paragraph: WordParagraph, instruction: str) -> None:
    _char(paragraph, "begin")
    text = OxmlElement("w:instrText")
    text.set(qn("xml:space"), "preserve")
    text.text = instruction
    paragraph.add_run()._element.append(text)
    _char(paragraph, "separate")


def _char(paragraph: WordParagraph, kind: str) -> None:
    char = OxmlElement("w:fldChar")
    char.set(qn("w:fldCharType"), kind)
    paragraph.add_run()._element.append(char)


def _single(paragraph: WordParagraph) -> None:
    """Lines as high as what stands in them: of 28 pt a picture would show its last lines only."""
    paragraph.paragraph_format.line_spacing_rule = WD_LINE_SPACING.SINGLE


def _add(word: Word, block: Block, document: Document, charts: Mapping[str, bytes]) -> None:
    match block:
        case Heading(level=level, text=text):
            word.add_heading(text, level)
        case Paragraph(text=text):
            paragraph = word.add_paragraph()
            _add_cited(paragraph, text)
            paragraph.paragraph_format.first_line_indent = INDENT
            paragraph.alignment = WD_ALIGN_PARAGRAPH.JUSTIFY
        case Figure(chart=chart, caption=caption):
            word.add_picture(BytesIO(charts[chart]), width=CHART_WIDTH)
            picture = word.paragraphs[-1]
            picture.alignment = WD_ALIGN_PARAGRAPH.CENTER
            _single(picture)
            picture.paragraph_format.keep_with_next = True
            word.add_paragraph(caption, style="Caption")
        case Table():
            word.add_paragraph(block.caption, style="Caption").paragraph_format.keep_with_next = True
            _table(word, block)
            _single(word.add_paragraph())
        case Appendix():
            for text in (document.office, document.issued):
                paragraph = word.add_paragraph(text)
                paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
                paragraph.paragraph_format.right_indent = 2 * INDENT  # four characters free
            _page_break(word)


def _add_cited(paragraph: WordParagraph, text: str) -> None:
    """Text with its citations `[E07]` set as superscripts."""
    for part in CITATION.split(text):
        if part:
            paragraph.add_run(part).font.superscript = bool(CITATION.fullmatch(part)) or None


def _table(word: Word, table: Table) -> None:
    made = word.add_table(rows=1 + len(table.rows), cols=len(table.columns), style="Table Grid")
    made.autofit = False
    for column, share in zip(
        made.columns, table.widths, strict=True
    ):  # LibreOffice goes by the columns, Word by the cells
        column.width = int(TEXT_WIDTH * share / sum(table.widths))
    size = Pt(7.5) if table.small else Pt(10.5)
    short = len(table.rows) <= 12
    for i, row in enumerate([table.columns, *table.rows]):
        cells = made.rows[i].cells
        for j, text in enumerate(row):
            _fill(cells[j], text, size, bold=i == 0, align=ALIGN["center" if i == 0 else table.align[j]])
            cells[j].width = int(TEXT_WIDTH * table.widths[j] / sum(table.widths))
            cells[j].paragraphs[0].paragraph_format.keep_with_next = i < len(table.rows) and (short or i == 0)
    _repeat_header(made)


def _fill(cell: _Cell, text: str, size: Pt, *, bold: bool, align: WD_ALIGN_PARAGRAPH) -> None:
    paragraph = cell.paragraphs[0]
    paragraph.alignment = align
    _single(paragraph)
    run = paragraph.add_run(text)
    run.font.size, run.font.bold = size, bold
    run._element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), "宋体")


def _repeat_header(table: WordTable) -> None:
    """The header row stands again on each page; no row is split over two."""
    for i, row in enumerate(table.rows):
        properties = row._tr.get_or_add_trPr()
        properties.append(OxmlElement("w:cantSplit"))
        if i == 0:
            properties.append(OxmlElement("w:tblHeader"))
