"""The indicator tree: a YAML file that an office edits, validated with the line of every mistake.

Three levels (一级, 二级, 三级指标); a third-level indicator names the query that holds its value, its target and the
rule that makes points of the two.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from infra.documents import Location, Mistake, load_document
from warehouse.client import QUERIES

DEFAULT_INDICATORS = Path(__file__).parent / "indicators.yaml"
# Other trees that come with the system: after the district's procedure of 2017 and the ministry's framework of 2020.
PROCEDURES = {year: Path(__file__).parent / f"indicators_{year}.yaml" for year in ("2017", "2020")}
FULL_POINTS = 100.0
TOLERANCE = 1e-9

SiteCount = Literal["perimeter_cameras", "counting_cameras", "gates"]
Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RatioToTarget(_Part):
    """Points in proportion to value/target, at most the weight."""

    name: Literal["ratio_to_target"]


class AtLeast(_Part):
    """Full from the target up, none at `zero_at` or below, linear between."""

    name: Literal["at_least"]
    zero_at: float


class AtMost(_Part):
    """Full up to the target, none at `zero_at` or above, linear between."""

    name: Literal["at_most"]
    zero_at: float


class ChangeShown(_Part):
    """Full where a fall against last year is beyond chance; else the share the office chose."""

    name: Literal["change_shown"]
    current: str
    previous: str
    not_shown: Share
    risen: Share


Rule = Annotated[RatioToTarget | AtLeast | AtMost | ChangeShown, Field(discriminator="name")]


class Indicator(_Part):
    """A third-level indicator."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    name: str
    weight: float = Field(gt=0)
    unit: str
    target: float | SiteCount
    rule: Rule
    query: str = Field(pattern=r"^kpi_[a-z0-9_]+$")
    column: str
    source: str
    missing: str
    advice: str
    english: str = ""
    part: str = ""
    coverage: str = ""


class Group(_Part):
    """A second-level indicator."""

    name: str
    indicators: tuple[Indicator, ...] = Field(min_length=1)


class FirstLevel(_Part):
    """A first-level indicator and the points it is worth."""

    name: str
    weight: float = Field(gt=0)
    groups: tuple[Group, ...] = Field(min_length=1)

    def indicators(self) -> Iterator[Indicator]:
        """Its third-level indicators in order."""
        for group in self.groups:
            yield from group.indicators


class Grade(_Part):
    """A grade and the score, of 100, from which it is given."""

    name: str
    from_: float = Field(alias="from", ge=0, le=100)


class Parameters(_Part):
    """Numbers that the queries need and the office decides."""

    timely_minutes: int = Field(ge=1)
    disposition_days: int = Field(ge=0)
    least_fps: int = Field(12, ge=1)
    most_clock_offset_ms: int = Field(1000, ge=1)


class Audit(_Part):
    """Limits of the self-audit: a share of the target, half a width of a proportion's interval, a share of days."""

    deviation: float = Field(0.2, gt=0)
    survey_margin: float = Field(0.05, gt=0, lt=1)
    coverage: Share = 0.9


class Goal(_Part):
    """A goal of the project, and the indicators that measure it; none: it cannot be measured."""

    text: str
    indicators: tuple[str, ...] = ()


class Tree(_Part):
    """The whole tree. Build it with `load_tree`; a Tree that exists is consistent."""

    version: Literal[1]
    name: str
    basis: str
    points_needed: Share
    days_needed: Share
    grades: tuple[Grade, ...] = Field(min_length=1)
    parameters: Parameters
    audit: Audit = Audit()
    parts: tuple[str, ...] = ()
    goals: tuple[Goal, ...] = ()
    tree: tuple[FirstLevel, ...] = Field(min_length=1)

    def indicators(self) -> Iterator[Indicator]:
        """All third-level indicators in order."""
        for first in self.tree:
            yield from first.indicators()


def indicator_file(name: str) -> Path:
    """The file that `--indicators` names: 2017, 2020, a path; nothing for the estate's own."""
    return PROCEDURES.get(name) or (Path(name) if name else DEFAULT_INDICATORS)


def digest_of(path: Path) -> str:
    """SHA-256 of the indicator file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load_tree(path: Path = DEFAULT_INDICATORS) -> Tree:
    """Read and validate an indicator file. Raises UserError listing every mistake as `file:line: field: expected …`."""
    return load_document(path, Tree, _inconsistencies, "`anfang report --indicators FILE`")


def _inconsistencies(tree: Tree) -> Iterator[Mistake]:
    """Mistakes that no single field shows: sums, repeated ids, rules that contradict targets, unknown queries."""
    yield from _sums(tree)
    seen: set[str] = set()
    for location, indicator in _located(tree):
        if indicator.id in seen:
            yield (*location, "id"), f"expected a new id, {indicator.id!r} is taken"
        seen.add(indicator.id)
        if round(indicator.weight, 2) != indicator.weight:
            yield (*location, "weight"), f"expected at most two decimals, as points have, got {indicator.weight}"
        yield from _rule_mistakes(location, indicator)
        yield from _query_mistakes(location, indicator)
        if indicator.part and indicator.part not in tree.parts:
            yield (*location, "part"), f"expected one of `parts`, got {indicator.part!r}"
    for index, goal in enumerate(tree.goals):
        for name in goal.indicators:
            if name not in seen:
                yield ("goals", index, "indicators"), f"expected ids of indicators, got {name!r}"
    if [grade.from_ for grade in tree.grades] != sorted((grade.from_ for grade in tree.grades), reverse=True):
        yield ("grades",), "expected the best grade first"


def _sums(tree: Tree) -> Iterator[Mistake]:
    total = sum(first.weight for first in tree.tree)
    if abs(total - FULL_POINTS) > TOLERANCE:
        yield ("tree",), f"expected first-level weights that sum to {FULL_POINTS:g}, got {total:g}"
    for index, first in enumerate(tree.tree):
        below = sum(indicator.weight for indicator in first.indicators())
        if abs(below - first.weight) > TOLERANCE:
            yield (
                ("tree", index, "weight"),
                f"expected the sum of its indicators' weights, {below:g}, got {first.weight:g}",
            )


def _located(tree: Tree) -> Iterator[tuple[Location, Indicator]]:
    for i, first in enumerate(tree.tree):
        for j, group in enumerate(first.groups):
            for k, indicator in enumerate(group.indicators):
                yield ("tree", i, "groups", j, "indicators", k), indicator


def _rule_mistakes(location: Location, indicator: Indicator) -> Iterator[Mistake]:
    rule, target = indicator.rule, indicator.target
    if isinstance(target, str):
        if not isinstance(rule, RatioToTarget):
            yield (*location, "rule"), "expected ratio_to_target, since the target is a count of the site file"
    elif isinstance(rule, AtLeast) and rule.zero_at >= target:
        yield (*location, "rule"), f"expected zero_at below the target {target:g}, got {rule.zero_at:g}"
    elif isinstance(rule, AtMost) and rule.zero_at <= target:
        yield (*location, "rule"), f"expected zero_at above the target {target:g}, got {rule.zero_at:g}"
    elif isinstance(rule, RatioToTarget) and target <= 0:
        yield (*location, "target"), f"expected more than 0 for ratio_to_target, got {target:g}"


def _query_mistakes(location: Location, indicator: Indicator) -> Iterator[Mistake]:
    path = QUERIES / f"{indicator.query}.sql"
    if not path.exists():
        yield (*location, "query"), f"expected a file of warehouse/queries/, got {indicator.query!r}"
        return
    sql, rule = re.sub(r"--.*", "", path.read_text(encoding="utf-8")), indicator.rule
    columns = {"column": indicator.column}
    if isinstance(rule, ChangeShown):
        columns |= {"current": rule.current, "previous": rule.previous}
    if indicator.coverage:
        columns["coverage"] = indicator.coverage
    for field, column in columns.items():
        if not re.search(rf"\b{re.escape(column)}\b", sql):
            where = (*location, *(("rule",) if field in ("current", "previous") else ()), field)
            yield where, f"expected a column of {indicator.query}.sql, got {column!r}"
