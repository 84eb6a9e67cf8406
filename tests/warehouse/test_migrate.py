"""Migrations: once each, in order, never changed behind the database's back."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from infra.errors import UserError
from infra.settings import Settings
from warehouse.client import connect
from warehouse.load import INSERT_SETTINGS as MANY
from warehouse.migrate import Applied, applied_migrations, migrate, pending, read_migrations, statements


def test_statements_end_with_a_semicolon_at_a_line_end() -> None:
    sql = "-- first; second;\nCREATE TABLE a\n(x String COMMENT 'a; b');\n\n-- more\nSELECT ';'; \nSELECT 2"
    assert statements(sql) == ["CREATE TABLE a\n(x String COMMENT 'a; b')", "SELECT ';'", "SELECT 2"]


def test_every_statement_of_ours_can_be_run_again() -> None:
    again = re.compile(r"IF (NOT )?EXISTS|^CREATE OR REPLACE VIEW ")
    for migration in read_migrations():
        parts = statements(migration.sql)
        emptied = {match[1] for part in parts if (match := re.fullmatch(r"TRUNCATE TABLE IF EXISTS (\w+)", part))}
        for part in parts:
            copied = re.match(r"INSERT INTO (\w+)", part)
            assert copied[1] in emptied if copied else again.search(part), (migration.path, part)


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
def test_days_from_before_loads_stay_as_they_were(fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    every = read_migrations()
    monkeypatch.setattr("warehouse.migrate.read_migrations", lambda: every[:7])
    migrate(fresh, ("mine",))
    days = [date(2024, 1, 1) + timedelta(days=n) for n in range(150)]
    with connect(fresh, "loader") as client:
        rows = [(estate, day, f"c{n}", n) for estate in ("mine", "theirs") for day in days for n in range(3)]
        client.execute("INSERT INTO crossings (estate_id, day, crossing_id, track_id) VALUES", rows, settings=MANY)
        client.execute("INSERT INTO nightly_accounting (estate_id, day) VALUES", [("mine", day) for day in days])
        stored = client.execute("SELECT * FROM crossings ORDER BY ALL")
    monkeypatch.undo()
    assert [migration.version for migration in migrate(fresh, ("mine",))] == [m.version for m in every[7:]]
    with connect(fresh, "loader") as client:
        assert client.execute("SELECT * FROM crossings ORDER BY ALL") == stored
        assert client.execute("SELECT uniq(load_id), uniq(estate_id, day) FROM crossings") == [(300, 300)]
    with connect(fresh, "analyst") as client:
        assert client.execute("SELECT count() FROM crossings") == [(450,)]


@pytest.mark.stack
def test_migrating_twice_applies_once(fresh: Settings) -> None:
    assert [m.version for m in migrate(fresh, ("mine",))] == [m.version for m in read_migrations()]
    assert migrate(fresh, ("mine",)) == []
    with connect(fresh, "loader") as client:
        tables = {name for (name,) in client.execute("SHOW TABLES")}
    assert {"crossings", "zone_minutes", "nightly_accounting", "funds", "schema_migrations"} <= tables


@pytest.mark.stack
def test_a_changed_old_migration_is_refused_before_anything_is_applied(
    fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = read_migrations()
    monkeypatch.setattr("warehouse.migrate.read_migrations", lambda: every[:-1])
    migrate(fresh, ("mine",))
    changed = [replace(every[0], sql=every[0].sql.replace("'local day", "'the day")), *every[1:]]
    assert changed[0] != every[0]
    monkeypatch.setattr("warehouse.migrate.read_migrations", lambda: changed)
    with pytest.raises(UserError, match=r"001_crossings\.sql changed after it was applied"):
        migrate(fresh, ("mine",))
    with connect(fresh, "migrator") as client:
        assert len(applied_migrations(client)) == len(every) - 1
