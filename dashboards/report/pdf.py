"""The report as PDF, set by Typst from `template.typ`: the same document gives the same bytes."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
import typst

from dashboards.report.content import Document

TEMPLATE: Final = Path(__file__).parent / "template.typ"


def render(document: Document, charts: Mapping[str, bytes], fonts: Path) -> bytes:
    """The PDF's bytes; `charts` are PNG by name, `fonts` is the folder with the Noto fonts."""
    with tempfile.TemporaryDirectory(prefix="anfang-report-") as folder:
        root = Path(folder)
        (root / "report.json").write_bytes(msgspec.json.encode(document))
        (root / "template.typ").write_bytes(TEMPLATE.read_bytes())
        for name, png in charts.items():
            (root / f"{name}.png").write_bytes(png)
        compiled = typst.compile(
            root / "template.typ", root=root, font_paths=[fonts], ignore_system_fonts=True, format="pdf"
        )
    if not isinstance(compiled, bytes):
        raise TypeError("typst gave no PDF")
    return compiled
