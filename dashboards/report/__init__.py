"""The KPI report 项目支出绩效评价报告: from the warehouse to DOCX, PDF and JSON, every number with its evidence.

The way of a number: `indicators` (what is asked) → `evidence` (asked and answered) → `score` → `facts` → `narrative`
(what is said) → `docx`, `pdf`, `record`. `verify` goes it backwards.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from dashboards.report import docx, pdf
from dashboards.report.charts import draw
from dashboards.report.evidence import Ask, gather, office_ask
from dashboards.report.facts import PARTITIONS, Facts, make_facts, parameters, questions
from dashboards.report.indicators import DEFAULT_INDICATORS, digest_of, load_tree
from dashboards.report.narrative import write
from dashboards.report.record import encode, make_record, read_record
from dashboards.report.score import Score
from dashboards.report.verify import Verdict, verify
from infra.clock import Clock, SystemClock, local_day
from infra.errors import UserError
from infra.local.parts import fonts_folder
from infra.period import Period, make_period
from infra.settings import Settings
from infra.site import Site

Format = Literal["pdf", "docx", "json"]
FORMATS: Final[tuple[Format, ...]] = ("pdf", "docx", "json")
DEFAULT_FOLDER: Final = Path("out/report")


class ReportFiles(Struct, frozen=True):
    """What was issued: a path for each format, how many numbers have evidence, and the score."""

    paths: dict[Format, Path]
    figures: int
    score: Score


def run(  # noqa: PLR0917 the period and the place read well in order
    settings: Settings,
    site: Site,
    first_day: date,
    last_day: date,
    formats: Collection[Format] = FORMATS,
    out_dir: Path = DEFAULT_FOLDER,
    *,
    indicators: Path = DEFAULT_INDICATORS,
    clock: Clock | None = None,
) -> ReportFiles:
    """Issue the report for local days `first_day` to `last_day`, both included.

    Raises UserError when the period holds no loaded day, the indicator file is wrong or ClickHouse does not answer.
    """
    now_ms = (clock or SystemClock()).now_ms()
    period = make_period(first_day, last_day)
    with office_ask(settings) as ask:
        facts = collect(ask, site, period, indicators, local_day(now_ms, site.tz))
    document = write(facts)
    computed_at = datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="seconds")
    record = make_record(facts, document, computed_at, digest_of(indicators))
    rendered: dict[Format, bytes] = {}
    if "json" in formats:
        rendered["json"] = encode(record)
    if "pdf" in formats or "docx" in formats:
        fonts = fonts_folder(settings)
        charts = draw(facts, document.charts(), fonts)
        rendered |= {"pdf": pdf.render(document, charts, fonts)} if "pdf" in formats else {}
        rendered |= {"docx": docx.render(document, charts)} if "docx" in formats else {}
    return ReportFiles(
        _write(rendered, out_dir, f"{site.estate.id}_{first_day}_{last_day}"), record.figures, facts.score
    )


def collect(ask: Ask, site: Site, period: Period, indicators: Path, issued: date) -> Facts:
    """Ask all questions of the report. Raises UserError when no day of the period is loaded."""
    tree = load_tree(indicators)
    offered = parameters(site, period, tree)
    hashes = gather(ask, (PARTITIONS,), offered, {})[PARTITIONS].rows
    if not hashes:
        raise UserError(
            f"no day from {period.first} to {period.last} of estate {site.estate.id!r} is loaded",
            f"load them with `anfang nightly --date {period.first} --days {period.days}`, or choose another period",
        )
    evidence = gather(ask, questions(tree), offered, {str(day): content for day, content in hashes})
    return make_facts(site, period, issued, tree, evidence)


def verify_file(settings: Settings, path: Path) -> Verdict:
    """Recompute every figure of a report's JSON file."""
    record = read_record(path)
    with office_ask(settings) as ask:
        return verify(record, ask)


def _write(rendered: dict[Format, bytes], folder: Path, name: str) -> dict[Format, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = {kind: folder / f"{name}.{kind}" for kind in rendered}
    for kind, content in rendered.items():
        paths[kind].write_bytes(content)
    return paths
