"""Issue the report 项目支出绩效评价报告 on an estate or a district: ask, check, render, sign, keep. And explain it."""

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct, structs

from dashboards.report import docx, pdf, xlsx
from dashboards.report.attest import (
    MANIFEST,
    PUBLIC_KEY,
    PrivateKey,
    fingerprint,
    make_statement,
    public_pem,
    sign,
    signing_key,
)
from dashboards.report.bundle import BUNDLE, bundle
from dashboards.report.charts import district_charts, draw
from dashboards.report.content import Document
from dashboards.report.district import LABELS_EACH, Write, district_record, write_district
from dashboards.report.district_english import write_district_english
from dashboards.report.english import write_english
from dashboards.report.evidence import Ask, Row, addressed, gather, office_ask
from dashboards.report.explain import Section, explain, find_indicator
from dashboards.report.facts import PARTITIONS, Facts, make_facts, parameters, questions
from dashboards.report.indicators import DEFAULT_INDICATORS, digest_of, load_tree
from dashboards.report.narrative import write
from dashboards.report.record import Record, encode, make_record
from dashboards.report.score import Score
from dashboards.report.store import store
from dashboards.report.verify import Verdict, verify
from infra.alert_words import Language
from infra.clock import Clock, SystemClock, local_day
from infra.errors import UserError
from infra.local.parts import fonts_folder
from infra.period import Period, ended_period
from infra.settings import Settings
from infra.site import Site

Format = Literal["pdf", "docx", "xlsx", "json"]
FORMATS: Final[tuple[Format, ...]] = ("pdf", "docx", "xlsx", "json")
DEFAULT_FOLDER: Final = Path("out/report")
STEPS: Final = ("ask", "check", "render", "keep")
Tell = Callable[[str, int, int], None]
"""Takes a step that begins, which one it is (from 0), and of how many."""
WRITERS: Final[dict[Language, Callable[[Facts], Document]]] = {"zh": write, "en": write_english}
DISTRICT_WRITERS: Final[dict[Language, Write]] = {"zh": write_district, "en": write_district_english}


class ReportFiles(Struct, frozen=True):
    """What was issued: a path for each format, manifest and bundle; how many numbers have evidence; the score; the key.

    `key` is the fingerprint of the key that signed.
    """

    paths: dict[Format, Path]
    manifest: Path
    bundle: Path
    figures: int
    score: Score
    key: str


def run(  # noqa: PLR0917 the period and the place read well in order
    settings: Settings,
    site: Site,
    first_day: date,
    last_day: date,
    formats: Collection[Format] = FORMATS,
    out_dir: Path = DEFAULT_FOLDER,
    *,
    indicators: Path = DEFAULT_INDICATORS,
    issued: date | None = None,
    language: Language = "zh",
    clock: Clock | None = None,
    tell: Tell = lambda step, done, of: None,
) -> ReportFiles:
    """Issue the report for local days `first_day` to `last_day`, both included, dated `issued` (default: today).

    `language` is that of the text, the charts and the PDF; the workbook's headings are Chinese. What it says is noted
    in the warehouse, too. `tell` is called as each of `STEPS` begins.

    Raises UserError when the period is not over or holds no loaded day, the indicator file is wrong, ClickHouse does
    not answer, or a figure does not hold when it is asked for again: then nothing is written.
    """
    now_ms = (clock or SystemClock()).now_ms()
    period = ended_period(first_day, last_day, local_day(now_ms, site.tz))
    key = signing_key(settings)
    begin = _beginning(tell)
    with office_ask(settings) as ask:
        begin("ask")
        dated = issued or local_day(now_ms, site.tz)
        facts = collect(ask, site, period, indicators, dated)
        facts = structs.replace(facts, key=fingerprint(key.public_key()), language=language)
        facts = structs.replace(facts, evidence=addressed(facts.evidence, settings.web_url))
        record = make_record(facts, WRITERS[language](facts), digest_of(indicators))
        begin("check")
        charts = partial(draw, facts, record.document.charts())
        with checked_beside(record, ask):
            begin("render")
            rendered = _rendered(settings, record, formats, charts)
    name = _name(site.estate.id, facts.period, language)
    computed_at = datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="seconds")
    begin("keep")
    done = _keep(Made(name, record, rendered, computed_at), indicators, key, out_dir)
    store(settings, facts, record, computed_at)
    return done


def run_district(  # noqa: PLR0917 as `run`
    settings: Settings,
    sites: Sequence[Site],
    first_day: date,
    last_day: date,
    formats: Collection[Format] = FORMATS,
    out_dir: Path = DEFAULT_FOLDER,
    *,
    name: str,
    indicators: Path = DEFAULT_INDICATORS,
    issued: date | None = None,
    language: Language = "zh",
    clock: Clock | None = None,
) -> ReportFiles:
    """Issue one report on several estates, as `run` does on one; `name` is the district's.

    It is not noted in the warehouse: the estates' own reports are. Raises UserError as `run`.
    """
    now_ms = (clock or SystemClock()).now_ms()
    period = ended_period(first_day, last_day, local_day(now_ms, sites[0].tz))
    key = signing_key(settings)
    with office_ask(settings) as ask:
        estates = [
            structs.replace(
                collect(ask, site, period, indicators, issued or local_day(now_ms, site.tz), LABELS_EACH * place + 1),
                key=fingerprint(key.public_key()),
                language=language,
            )
            for place, site in enumerate(sites, start=1)
        ]
        record = district_record(name, estates, digest_of(indicators), DISTRICT_WRITERS[language])
        charts = partial(district_charts, estates, record.document.charts())
        with checked_beside(record, ask):
            rendered = _rendered(settings, record, formats, charts)
    computed_at = datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="seconds")
    made = Made(_name(record.estate, period, language), record, rendered, computed_at)
    return _keep(made, indicators, key, out_dir)


@contextmanager
def checked_beside(record: Record, ask: Ask) -> Iterator[None]:
    """Ask for every figure a second time while the block runs. Raises UserError at its end where one does not hold."""
    with ThreadPoolExecutor(1) as beside:
        verdict = beside.submit(verify, record, ask)
        yield
        refuse_unverified(verdict.result())


class Made(Struct, frozen=True):
    """A report before it is signed: its files' name, and when it was computed (UTC, ISO 8601)."""

    name: str
    record: Record
    rendered: dict[Format, bytes]
    computed_at: str


def _name(estate: str, period: Period, language: Language) -> str:
    return f"{estate}_{period.first}_{period.last}{'' if language == 'zh' else f'_{language}'}"


def _keep(made: Made, indicators: Path, key: PrivateKey, out_dir: Path) -> ReportFiles:
    """Sign the files, bundle them and write them to `out_dir`."""
    name, record = made.name, made.record
    files = {f"{name}.{kind}": content for kind, content in made.rendered.items()}
    files[f"{name}{MANIFEST}"] = sign(make_statement(record, files, made.computed_at), key)
    files[f"{name}{PUBLIC_KEY}"] = public_pem(key.public_key())
    files[f"{name}{BUNDLE}"] = bundle(record, files, indicators.read_bytes())
    out_dir.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (out_dir / file).write_bytes(content)
    paths = {kind: out_dir / f"{name}.{kind}" for kind in FORMATS if kind in made.rendered}
    manifest, packed = (out_dir / f"{name}{suffix}" for suffix in (MANIFEST, BUNDLE))
    return ReportFiles(paths, manifest, packed, record.figures, record.score, fingerprint(key.public_key()))


def _beginning(tell: Tell) -> Callable[[str], None]:
    return lambda step: tell(step, STEPS.index(step), len(STEPS))


def collect(  # noqa: PLR0917 whom, about what and when
    ask: Ask, site: Site, period: Period, indicators: Path, issued: date, first_label: int = 1
) -> Facts:
    """Ask all questions of the report. Raises UserError when no day of the period is loaded."""
    tree = load_tree(indicators)
    offered = parameters(site, period, tree)
    hashes = gather(ask, (PARTITIONS,), offered, {})[PARTITIONS].rows
    if not hashes:
        raise UserError(
            f"no day from {period.first} to {period.last} of estate {site.estate.id!r} is loaded",
            f"load them with `anfang nightly --date {period.first} --days {period.days}`, or choose another period",
        )
    contents: Row = {str(day): content for day, content in hashes}
    evidence = gather(ask, questions(tree), offered, contents, first_label)
    return make_facts(site, period, issued, tree, evidence)


def explained(
    settings: Settings,
    site: Site,
    period: Period,
    name: str,
    *,
    indicators: Path = DEFAULT_INDICATORS,
    clock: Clock | None = None,
) -> tuple[str, list[Section]]:
    """Title and sections that explain one indicator of a period. Raises UserError as `run`, or lists the indicators."""
    with office_ask(settings) as ask:
        facts = collect(ask, site, period, indicators, local_day((clock or SystemClock()).now_ms(), site.tz))
        indicator = find_indicator(facts, name)
        return f"{site.estate.name} {indicator.name}", explain(facts, indicator, ask)


def refuse_unverified(verdict: Verdict) -> None:
    """Raises UserError where a figure does not hold: such a report is not issued."""
    if verdict.problems or verdict.verified != verdict.figures:
        listed = "; ".join(verdict.problems[:5]) or "some figures have no evidence"
        raise UserError(
            f"the report is not issued: {verdict.figures - verdict.verified} of {verdict.figures} figures do not hold "
            f"when asked for again ({listed})",
            "wait until the nightly or the import that runs now has ended, and run it again",
        )


def _rendered(
    settings: Settings, record: Record, formats: Collection[Format], draw_charts: Callable[[Path], dict[str, bytes]]
) -> dict[Format, bytes]:
    """The asked formats; `draw_charts` is given the folder of fonts."""
    rendered: dict[Format, bytes] = {}
    if "json" in formats:
        rendered["json"] = encode(record)
    if "xlsx" in formats:
        rendered["xlsx"] = xlsx.render(record)
    if "pdf" in formats or "docx" in formats:
        fonts = fonts_folder(settings)
        charts = draw_charts(fonts)
        rendered |= {"pdf": pdf.render(record.document, charts, fonts)} if "pdf" in formats else {}
        rendered |= {"docx": docx.render(record.document, charts)} if "docx" in formats else {}
    return rendered
