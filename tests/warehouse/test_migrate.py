"""Migrations: once each, in order, never changed behind the database's back."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.errors import UserError
from infra.settings import Settings
from warehouse.client import connect
from warehouse.migrate import Applied, migrate, pending, read_migrations, statements


def test_statements_end_with_a_semicolon_at_a_line_end() -> None:
    sql = "-- first; second;\nCREATE TABLE a\n(x String COMMENT 'a; b');\n\n-- more\nSELECT ';'; \nSELECT 2"
    assert statements(sql) == ["CREATE TABLE a\n(x String COMMENT 'a; b')", "SELECT ';'", "SELECT 2"]


def test_every_statement_of_ours_can_be_run_again() -> None:
    for migration in read_migrations():
        assert all("IF NOT EXISTS" in statement for statement in statements(migration.sql)), migration.path


def test_gaps_and_odd_names_are_refused(tmp_path: Path) -> None:
    (tmp_path / "002_b.sql").write_text("SELECT 1;")
    with pytest.raises(UserError, match="expected number 001"):
        read_migrations(tmp_path)
    (tmp_path / "1-b.sql").write_text("SELECT 1;")
    with pytest.raises(UserError, match="expected a name"):
        read_migrations(tmp_path)


def test_a_changed_or_missing_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "001_a.sql").write_text("SELECT 1;")
    (migration,) = read_migrations(tmp_path)
    when = datetime(2026, 3, 1, tzinfo=UTC)
    assert pending([migration], []) == [migration]
    assert pending([migration], [Applied(1, "a", migration.checksum, when)]) == []
    with pytest.raises(UserError, match=r"001_a\.sql changed after it was applied on 2026-03-01"):
        pending([migration], [Applied(1, "a", "other", when)])
    with pytest.raises(UserError, match="its file is gone"):
        pending([migration], [Applied(2, "b", "other", when)])


@pytest.mark.stack
def test_migrating_twice_applies_once(fresh: Settings) -> None:
    assert [m.version for m in migrate(fresh, ("mine",))] == [m.version for m in read_migrations()]
    assert migrate(fresh, ("mine",)) == []
    with connect(fresh, "loader") as client:
        tables = {name for (name,) in client.execute("SHOW TABLES")}
    assert {"crossings", "zone_minutes", "nightly_accounting", "funds", "schema_migrations"} <= tables
