"""The appendices: evidence, and a glossary."""

from collections.abc import Iterator

import msgspec

from dashboards.report.content import Appendix, Block, Heading, Table
from dashboards.report.evidence import Evidence, Scalar
from dashboards.report.facts import Facts
from dashboards.report.tables import CENTER, LEFT, RIGHT
from dashboards.report.wording import GLOSSARY, number, paragraph
from infra.events import derived_id


def appendices(facts: Facts) -> Iterator[Block]:
    """附录一 证据清单, 附录二 术语对照."""
    yield Appendix("附录")
    yield Heading(1, "附录一  证据清单")
    yield from paragraph(
        f"以下查询均于{facts.issued.isoformat()}以办事处身份执行，语句存于warehouse/queries/。证据标识为查询名、语句和参数的指纹；"
        "内容摘要为所读客流分区的指纹。完整语句、参数和结果见同名JSON文件。",
        signed(facts),
    )
    yield evidence_table(facts)
    yield Heading(1, "附录二  术语对照")
    yield glossary_table()


def glossary_table() -> Table:
    """The terms, and what the system calls them."""
    rows = [list(entry) for entry in GLOSSARY]
    return Table("术语对照", ["术语", "系统用语", "含义"], rows, [1.2, 1.5, 4], [LEFT, LEFT, LEFT])


def signed(facts: Facts) -> str | None:
    """By which key the report is signed; None where by none."""
    if not facts.key:
        return None
    return (
        f"本报告各文件的SHA-256和全部数值由签名清单（*.intoto.jsonl）载明，签名公钥指纹：{facts.key}。"
        "以“anfang report verify”核对签名、文件和数值。"
    )


def evidence_table(facts: Facts) -> Table:
    """One row for each question."""
    rows = [_evidence_row(found) for found in facts.evidence.values()]
    columns = ["编号", "查询与证据标识", "读取范围", "读取行数", "结果"]
    widths, align = [0.9, 3.1, 2.6, 0.8, 3.6], [CENTER, LEFT, LEFT, RIGHT, LEFT]
    return Table("证据清单", columns, rows, widths, align, small=True)


def _evidence_row(found: Evidence) -> list[str]:
    return [
        found.label,
        f"{found.query}\n{found.id[:16]}\n{found.id[16:]}",
        _scope(found),
        str(found.rows_read),
        _result(found),
    ]


def _scope(found: Evidence) -> str:
    read = found.read
    lines = [", ".join(read.tables)]
    if read.first_day:
        lines.append(f"{read.first_day}至{read.last_day}")
    elif "last" in found.parameters:
        lines.append(f"截至{found.parameters['last']}")
    if read.content_digest:
        lines.append(f"内容摘要{read.content_digest[:12]}")
    return "\n".join(lines)


def _result(found: Evidence) -> str:
    if len(found.rows) == 1:
        return "；".join(f"{name}={_cell(value)}" for name, value in zip(found.columns, found.rows[0], strict=True))
    fingerprint = derived_id(msgspec.json.encode(found.rows).decode())[:12]
    return f"{len(found.rows)}行，列：{', '.join(found.columns)}；结果指纹{fingerprint}" if found.rows else "无记录"


def _cell(value: Scalar) -> str:
    return "无" if value is None else value if isinstance(value, str) else number(float(value), 4)
