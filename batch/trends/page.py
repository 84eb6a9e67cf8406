"""The weekly page: one static HTML file in Chinese, its charts inside it, nothing loaded from elsewhere."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from msgspec import Struct

from batch.trends.charts import draw_places, draw_series
from batch.trends.history import Kind
from batch.trends.interrupted import Interruption, Untold
from batch.trends.study import DECIDING, Trend, Word
from batch.trends.words import NO_RATIO, interval, number
from infra.charts import chart_style

TEMPLATE: Final = "page.html"
KIND_NAMES: Final[dict[Kind, str]] = {
    "theft": "盗窃",
    "public_order": "治安警情",
    "fight": "打架斗殴",
    "fire_lane": "占用消防通道",
    "other": "其他",
}
WORDS: Final[dict[Word, str]] = {
    "fell": "下降",
    "rose": "上升",
    "not shown": "未见超出偶然的变化",
    "cannot tell": "数据不足，不作判断",
}
UNTOLD: Final[dict[Untold, str]] = {
    Untold.NO_DATE: "站点文件没有移交日期",
    Untold.TOO_SHORT_BEFORE: "移交前不足两年，分不清趋势与季节",
    Untold.TOO_SHORT_AFTER: "移交后不足半年",
    Untold.NONE_BEFORE: "移交前为零起，没有可比的发生率",
    Untold.NONE_AFTER: "移交后为零起，模型给不出有限的比值",
    Untold.NO_FIT: "模型未收敛",
}
LIMITS: Final = (
    "移交时的下降不等于因移交而下降：同时发生的其他变化也在其中。",
    "警情以报告和登记为准；登记变勤，起数也会上升。",
    "“未见超出偶然的变化”不等于没有变化，区间说明了数据还容许多大的变化。",
    "随农历移动的节日、相邻月份之间的关联没有进入模型。",
    "各类警情分别判断；两种比较合计按5%控制：二十类没有变化的警情中，可能有一类被误说升降。",
    "“高发”按每万人次通行计算，并对全部区域（时段）的多重比较作了校正；没有通行数据的区域不作判断。",
)


class Row(Struct, frozen=True):
    """One look in the table."""

    look: str
    word: str
    style: str = ""
    incidents: str = ""
    ratio: str = NO_RATIO
    interval: str = ""
    deciding: str = ""


class Drawn(Struct, frozen=True):
    """A chart as SVG and what it shows."""

    svg: str
    caption: str


class Part(Struct, frozen=True):
    """All about one kind of incident."""

    title: str
    headline: str
    rows: list[Row]
    figures: list[Drawn]
    notes: list[str]


def render(trends: Sequence[Trend], estate: str, zones: dict[str, str], fonts: Path, made: date) -> str:
    """The page; `zones` are names by id, `fonts` the folder with Noto Sans SC."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    with chart_style(fonts):
        parts = [_part(trend, zones) for trend in trends]
    return environment.get_template(TEMPLATE).render(
        estate=estate,
        first=trends[0].first,
        last=trends[0].last,
        made=made,
        parts=parts,
        deciding=f"{DECIDING:.1%}",
        limits=LIMITS,
    )


def _part(trend: Trend, zones: dict[str, str]) -> Part:
    return Part(
        title=KIND_NAMES[trend.kind],
        headline=headline(trend),
        rows=[_year_row(trend), *_hand_over_rows(trend)],
        figures=list(_figures(trend, zones)),
        notes=list(_notes(trend, zones)),
    )


def headline(trend: Trend) -> str:
    """What is said of the kind in one line."""
    year, hand_over = trend.looks.year_on_year_word, trend.looks.hand_over_word
    return f"同比{WORDS[year]}；移交前后{WORDS[hand_over]}"


def _year_row(trend: Trend) -> Row:
    found, word = trend.looks.year_on_year, trend.looks.year_on_year_word
    if found is None:
        return Row("同比", "台账不足两年")
    per = "每万人次通行" if found.unit == "passages" else "每天"
    return Row(
        look=f"同比（{found.now.first} 至 {found.now.last}，{per}）",
        word=WORDS[word],
        style=word,
        incidents=f"{found.count_before:.0f} → {found.count:.0f}",
        ratio=number(found.exact.ratio),
        interval=interval(found.exact.low, found.exact.high),
        deciding=interval(found.deciding.low, found.deciding.high),
    )


def _hand_over_rows(trend: Trend) -> Iterator[Row]:
    found, word = trend.looks.hand_over, trend.looks.hand_over_word
    if isinstance(found, Untold):
        yield Row("移交前后", UNTOLD[found])
        return
    yield Row(
        look=f"移交（{found.at}）后第一年与原趋势相比",
        word=WORDS[word],
        style=word,
        ratio=number(found.effect.ratio),
        interval=interval(found.effect.low, found.effect.high),
        deciding=interval(found.deciding.low, found.deciding.high),
    )
    for look, part in (("其中：当即变化", found.level), ("其中：每年趋势变化", found.slope)):
        yield Row(look, "", ratio=number(part.ratio), interval=interval(part.low, part.high))


def _figures(trend: Trend, zones: dict[str, str]) -> Iterator[Drawn]:
    step = "月" if trend.step == "month" else "周"
    if trend.series:
        fitted = "；橙线为模型，虚线为没有移交时的走势" if isinstance(trend.looks.hand_over, Interruption) else ""
        yield Drawn(draw_series(trend), f"逐{step}起数{fitted}。")
    for places, named, what in ((trend.hours, {}, "时段"), (trend.zones, zones, "区域")):
        if places:
            caption = f"各{what}的相对风险（1为全小区每次通行的平均水平）及95%区间，已向平均水平收缩；橙色为高发。"
            yield Drawn(draw_places(places, named), caption)


def _notes(trend: Trend, zones: dict[str, str]) -> Iterator[str]:
    ratio, hand_over = trend.looks.year_on_year, trend.looks.hand_over
    if ratio:
        per = "每万人次通行" if ratio.unit == "passages" else "每天（两年的通行数据不全，未按通行计算）"
        yield f"发生率：{per}{number(ratio.rate_before)} → {number(ratio.rate)}起。"
    if ratio and not ratio.count + ratio.count_before:
        yield "两年均为零起：比值无从计算，区间为零到无穷。"
    if trend.dispersion:
        yield f"各期起数的离散程度为泊松分布的{trend.dispersion:.2f}倍。"
    if isinstance(hand_over, Interruption):
        yield f"相邻两期残差的相关系数为{hand_over.autocorrelation:+.2f}。"
    if trend.placebo_rank:
        yield f"安慰剂检验：按下降强度，移交日期在{trend.placebos + 1}个日期中排第{trend.placebo_rank}。"
    for change in trend.changes:
        yield f"变点：{change.at}起，发生率为此前的{number(change.ratio)}倍（扣除季节）。"
    for places, what in ((trend.zones, "区域"), (trend.hours, "时段")):
        for place in places:
            if place.hot:
                name = zones.get(place.name, f"{place.name}时")
                yield f"高发{what}：{name}，{place.incidents}起，按通行量预期{place.expected:.1f}起。"
    if trend.unplaced:
        yield f"{trend.unplaced}起没有区域，或所在区域没有通行数据，未计入区域比较。"
