"""One indicator from its points down to the rows: the rule with its numbers, the question, the answer, what was read.

`explain` gathers, `show` and `page` print the same sections in the terminal and as an HTML page.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from jinja2 import Environment, FileSystemLoader
from msgspec import Struct
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from dashboards.report.evidence import PARTITIONED, SOURCES, Ask, Evidence, Parameter, Scalar, used_parameters
from dashboards.report.facts import PARTITIONS, Facts
from dashboards.report.indicators import AtLeast, AtMost, ChangeShown, Indicator, RatioToTarget
from dashboards.report.score import Assessment
from dashboards.report.wording import NOT_SCORED, interval, number, question_title, target_text, value_text
from infra.errors import UserError
from warehouse.client import placed, query

MOST_ROWS: Final = 20
LONGEST: Final = 120  # characters of a value that are shown
TEMPLATE: Final = "explain.html.j2"


class Section(Struct, frozen=True):
    """A step on the way down: a title, lines of text, SQL, and a table."""

    title: str
    lines: list[str] = []
    sql: str = ""
    columns: list[str] = []
    rows: list[list[str]] = []


def find_indicator(facts: Facts, name: str) -> Indicator:
    """The indicator of this id or Chinese name. Raises UserError that lists all."""
    for indicator in facts.tree.indicators():
        if name in (indicator.id, indicator.name):
            return indicator
    known = ", ".join(f"{i.id} ({i.name})" for i in facts.tree.indicators())
    raise UserError(f"no indicator {name!r}", f"choose of {known}")


def explain(facts: Facts, indicator: Indicator, ask: Ask) -> list[Section]:
    """All sections, the raw rows asked by `ask`."""
    told, found = facts.by_indicator[indicator.id], facts.evidence[indicator.query]
    return [
        _points(facts, indicator, told),
        Section("二、计算", arithmetic(indicator, told, found)),
        _question(found),
        Section("四、查询结果", [f"{len(found.rows)}行"], "", found.columns, _shown(found.rows)),
        *_read(facts, found, ask),
    ]


def _points(facts: Facts, indicator: Indicator, told: Assessment) -> Section:
    points = NOT_SCORED if told.points is None else f"{number(told.points, 2)}分"
    between = interval(told.low, told.high, indicator.unit) if told.interval else "—"
    missing = [f"未评分原因：{told.missing}"] if told.missing else []
    row = [
        target_text(indicator, told),
        value_text(indicator, told),
        between,
        f"{number(indicator.weight, 2)}分",
        points,
    ]
    lines = [f"{facts.period.chinese()}  {indicator.name}（{indicator.id}）", f"数据来源：{indicator.source}", *missing]
    return Section("一、得分", lines, "", ["目标值", "实际值", "95%区间", "权重", "得分"], [row])


def arithmetic(indicator: Indicator, told: Assessment, found: Evidence) -> list[str]:
    """The rule with its numbers put in."""
    if told.points is None:
        return [f"{told.missing}，{NOT_SCORED}，权重{number(indicator.weight, 2)}分不计入可评分值。"]
    value, target, weight = _plain(told.value), _plain(told.target), _plain(indicator.weight)
    result = f" = {number(told.points, 2)}（计算到0.01分，四舍五入）"
    match indicator.rule:
        case RatioToTarget():
            return [f"得分 = 权重 × 实际值 ÷ 目标值（至多满分）= {weight} × {value} ÷ {target}{result}"]
        case AtLeast(zero_at=zero_at):
            share = f"({value} − {_plain(zero_at)}) ÷ ({target} − {_plain(zero_at)})"
        case AtMost(zero_at=zero_at):
            share = f"({_plain(zero_at)} − {value}) ÷ ({_plain(zero_at)} − {target})"
        case ChangeShown():
            return _change(indicator, indicator.rule, told, found, result)
    return [f"得分 = 权重 × 得分率（限于0至1）= {weight} × {share}{result}"]


def _change(indicator: Indicator, rule: ChangeShown, told: Assessment, found: Evidence, result: str) -> list[str]:
    row = found.records()[0]
    between = interval(told.low, told.high, "%")
    if told.high is not None and told.high < 0:
        verdict, share = "区间全部低于0：下降可以认定，得满分", 1.0
    elif told.low is not None and told.low > 0:
        verdict, share = "区间全部高于0：上升可以认定", rule.risen
    else:
        verdict, share = "区间包含“无变化”：不能认定升降", rule.not_shown
    return [
        f"本期{row[rule.current]}起，上年同期{row[rule.previous]}起；发生率之比减1的精确泊松{between}。",
        f"{verdict}，得分率{_plain(share)}。",
        f"得分 = {_plain(indicator.weight)} × {_plain(share)}{result}",
    ]


def _question(found: Evidence) -> Section:
    lines = [
        f"{found.label} {question_title(found.query)}（{found.file}）",
        f"证据标识 {found.id}",
        *(f"参数 {name} = {_cut(_list(value))}" for name, value in found.parameters.items()),
    ]
    return Section("三、查询", lines, query(found.query))


def _read(facts: Facts, found: Evidence, ask: Ask) -> Iterator[Section]:
    hashes = {str(row["day"]): str(row["content_hash"]) for row in facts.rows(PARTITIONS)}
    yield Section(
        "五、读取范围",
        [f"读取{'、'.join(found.read.tables)}，共{found.rows_read}行"],
        "",
        ["已入库日期", "内容摘要"],
        [[day, content] for day, content in sorted(hashes.items())] if found.read.first_day else [],
    )
    for table in with_sources(found.read.tables):
        yield _rows_of(table, found, sorted(hashes), ask)


def with_sources(tables: list[str]) -> list[str]:
    """Tables, and after each roll-up the table that it is made of."""
    return list(dict.fromkeys(name for table in tables for name in (table, SOURCES.get(table, table))))


def _rows_of(table: str, found: Evidence, days: list[str], ask: Ask) -> Section:
    """The first rows of a table that the question read: of the first loaded day, or a ledger's entries."""
    estate: dict[str, Parameter] = {"estate": found.read.estate, "most": MOST_ROWS}
    if table not in PARTITIONED:
        name = "first_accounts" if table == "nightly_accounting" else "first_entries"
        about = f"六、{table} 的行（最新版本，至多{MOST_ROWS}行）"
    else:
        name = "first_dispositions" if table == "dispositions" else "first_rows"
        estate["day"] = days[0]
        about = f"六、{table} 在{days[0]}的行（至多{MOST_ROWS}行）"
    estate |= {key: found.parameters.get(key, days[i]) for key, i in (("first", 0), ("last", -1))}
    sql = placed(name, {"table": table})
    answer = ask(sql, used_parameters(sql, estate))
    return Section(about, [] if answer.rows else ["无"], "", answer.columns if answer.rows else [], _shown(answer.rows))


def _shown(rows: list[list[Scalar]]) -> list[list[str]]:
    return [["" if value is None else _cut(str(value)) for value in row] for row in rows]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…（共{len(text)}字符）"


def _list(value: Parameter) -> str:
    return msgspec.json.encode(value).decode() if isinstance(value, list) else str(value)


def _plain(value: float | None) -> str:
    return "—" if value is None else f"{value:.10g}"


def show(sections: list[Section], console: Console) -> None:
    """Print the sections."""
    for section in sections:
        console.print(Text(section.title, style="bold"), Padding(_body(section), (0, 0, 1, 2)))


def _body(section: Section) -> RenderableType:
    parts: list[RenderableType] = [Text(line) for line in section.lines]
    if section.sql:
        parts.append(Syntax(section.sql.rstrip(), "sql", theme="ansi_dark", background_color="default"))
    if section.columns:
        table = Table(*section.columns)
        for row in section.rows[:MOST_ROWS]:
            table.add_row(*map(Text, row))
        parts.append(table)
    if len(section.rows) > MOST_ROWS:
        parts.append(Text(f"……共{len(section.rows)}行"))
    return Group(*parts)


def page(title: str, sections: list[Section]) -> str:
    """The sections as one HTML page that needs nothing else."""
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    return environment.get_template(TEMPLATE).render(title=title, sections=sections)
