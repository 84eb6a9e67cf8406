"""Rules that every named query keeps, so that a figure is the same each time it is recomputed."""

import re

import pytest

from warehouse.client import QUERIES

NAMES = sorted(path.stem for path in QUERIES.glob("*.sql"))
TIED = re.compile(r"arg(?:Max|Min)\(\s*\w+\s*,\s*\w+\s*\)")


def _sql(name: str) -> str:
    return (QUERIES / f"{name}.sql").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_a_query_begins_with_its_question(name: str) -> None:
    assert re.match(r"-- \S.*\n", _sql(name))


@pytest.mark.parametrize("name", NAMES)
def test_of_equals_it_says_which_one_it_takes(name: str) -> None:
    """`argMax(low, occupancy)` answers differently from run to run where two rows have the same occupancy."""
    assert not TIED.search(_sql(name))


@pytest.mark.parametrize("name", NAMES)
def test_a_limit_has_an_order(name: str) -> None:
    sql = _sql(name)
    assert not re.search(r"\bLIMIT\b", sql) or re.search(r"\bORDER BY\b", sql)
