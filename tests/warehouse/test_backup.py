"""A backup brings back what there was, in an empty database; a damaged one is told."""

from datetime import date, timedelta

import pytest

from infra.errors import UserError
from infra.local.clickhouse import backups_folder
from infra.settings import Settings
from warehouse.backup import backup, contents, names, restore
from warehouse.client import connect
from warehouse.migrate import migrate


@pytest.fixture
def filled(fresh: Settings) -> Settings:
    """A migrated database with rows in some tables, each day in a partition of its own."""
    migrate(fresh, ("mine",))
    days = [date(2026, 3, 1) + timedelta(days=n) for n in range(5)]
    with connect(fresh, "loader") as client:
        rows = [("mine", day, f"c{n}", n) for day in days for n in range(300)]
        client.execute("INSERT INTO crossings (estate_id, day, crossing_id, track_id) VALUES", rows)
        client.execute("INSERT INTO nightly_accounting (estate_id, day) VALUES", [("mine", day) for day in days])
    with connect(fresh, "office") as client:
        client.execute("INSERT INTO funds (estate_id, entry_id, version) VALUES", [("mine", "e", 1)])
    return fresh


@pytest.mark.stack
def test_a_backup_restores_to_the_same_content_and_damage_is_told(filled: Settings) -> None:
    name = f"b-{filled.clickhouse_database}"
    other = f"{filled.clickhouse_database}_restored"
    with connect(filled, "migrator") as client:
        before = contents(client, filled.clickhouse_database)
        made = backup(filled, name)
        assert made.tables == before
        assert before["crossings"].rows == 1500
        client.execute("TRUNCATE TABLE crossings")
        try:
            assert restore(filled, name, other) == before
            assert client.execute(f"SELECT count(), sum(track_id) FROM {other}.crossings") == [(1500, 5 * 299 * 150)]
            assert name in names(filled)
            with pytest.raises(UserError, match="exists"):
                restore(filled, name, other)
            with pytest.raises(UserError, match="already"):
                backup(filled, name)
        finally:
            client.execute(f"DROP DATABASE IF EXISTS {other} SYNC")
        note = backups_folder(filled) / f"{name}.json"
        note.write_text(note.read_text().replace(before["crossings"].content_hash, "0"))
        try:
            with pytest.raises(UserError, match="other than backed up: crossings"):
                restore(filled, name, other)
        finally:
            client.execute(f"DROP DATABASE IF EXISTS {other} SYNC")


@pytest.mark.stack
def test_names_that_lead_elsewhere_are_refused(fresh: Settings) -> None:
    for name in ("../x", "", "a/b", ".hidden"):
        with pytest.raises(UserError, match="no name for a backup"):
            backup(fresh, name)
    with pytest.raises(UserError, match="no backup nothing"):
        restore(fresh, "nothing", "anfang_x")
