"""Who may do what: the rendered file, and the real server's refusals."""

import contextlib
import stat
from datetime import date, datetime
from xml.etree import ElementTree

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from infra.errors import UserError
from infra.settings import Settings
from warehouse.access import FILE, LOAD_TABLES, READERS, known_estates, merged, row_filter, users_file, users_xml
from warehouse.client import Role, connect
from warehouse.migrate import migrate

PASSWORDS: dict[Role, str] = {"loader": "l0", "office": "o0", "analyst": "a0"}
FORBIDDEN = (
    "SELECT said_by FROM dispositions",
    "SELECT note FROM dispositions",
    "SELECT * FROM dispositions",
    "SELECT description FROM incidents",
    "SELECT imported_by FROM funds",
    "SELECT token FROM visitors",
    "SELECT count() FROM visitors",
    "INSERT INTO crossings SELECT * FROM crossings",
    "INSERT INTO funds SELECT * FROM funds",
    "ALTER TABLE crossings DELETE WHERE 1",
    "CREATE TABLE mine (a Int8) ENGINE = Memory",
    "DROP TABLE crossings",
    "SELECT count() FROM system.query_log",
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
    "SELECT * FROM remote('127.0.0.1', currentDatabase(), 'crossings')",
    "SELECT * FROM merge(currentDatabase(), 'crossings|dispositions')",
    "SELECT * FROM schema_migrations",
    "SELECT * FROM nightly_leases",
    "SELECT query FROM system.processes",
    "SELECT estate_id FROM crossings UNION ALL SELECT said_by FROM dispositions",
    "SET readonly = 0",
)


def test_the_file_holds_hashes_never_passwords_and_remembers_estates() -> None:
    xml = users_xml(PASSWORDS, {"anfang": ("a", "b"), "anfang_t1": ("c",)})
    assert not any(f">{password}<" in xml for password in PASSWORDS.values())
    assert known_estates(xml) == {"anfang": ("a", "b"), "anfang_t1": ("c",)}
    assert xml.count("<ip>") == 6


def test_databases_that_are_gone_are_forgotten_and_estates_add_up() -> None:
    known = {"anfang": ("a",), "anfang_gone": ("x",)}
    assert merged(known, ["anfang"], "anfang", ["b"]) == {"anfang": ["a", "b"]}
    assert merged(known, ["anfang", "anfang_new"], "anfang_new", ["c"]) == {"anfang": ("a",), "anfang_new": ["c"]}


def test_readers_see_current_loads_of_what_the_nightly_loads() -> None:
    filters = ElementTree.fromstring(users_xml(PASSWORDS, {"anfang": ("a",)})).find("users/analyst/databases/anfang")
    assert filters is not None
    seen = {table.tag: table.findtext("filter", "") for table in filters}
    loaded = {
        table for table, text in seen.items() if "load_id IN" in text and "FROM anfang.nightly_accounting FINAL" in text
    }
    assert loaded == set(LOAD_TABLES) - {"visitors"}
    assert all(text.startswith(("(estate_id = 'a') AND ", "estate_id = 'a'")) for text in seen.values())


def test_a_filter_takes_plain_estate_ids_only() -> None:
    assert row_filter(["a", "b_1"]) == "estate_id = 'a' OR estate_id = 'b_1'"
    assert row_filter([]) == "0"
    with pytest.raises(UserError, match="not plain"):
        row_filter(["a' OR '1"])


@pytest.fixture
def filled(fresh: Settings) -> Settings:
    """A database with rows of two estates, of which the readers may see one."""
    migrate(fresh, ("mine",))
    day, now = date(2026, 3, 1), datetime(2026, 3, 1, 12)  # noqa: DTZ001 the driver wants plain UTC
    with connect(fresh, "loader") as client:
        for estate in ("mine", "theirs"):
            row = {"estate_id": estate, "day": day, "event_time": now}
            client.execute("INSERT INTO nightly_accounting (estate_id, day) VALUES", [(estate, day)])
            client.execute("INSERT INTO crossings (estate_id, day, event_time) VALUES", [row])
            said = row | {"said_by": "Li", "verdict": "true", "note": "n"}
            client.execute(
                "INSERT INTO dispositions (estate_id, day, event_time, said_by, verdict, note) VALUES", [said]
            )
    return fresh


@pytest.mark.stack
def test_readers_see_their_estate_and_nothing_else(filled: Settings) -> None:
    for role in READERS:
        with connect(filled, role) as client:
            assert client.execute("SELECT estate_id FROM crossings") == [("mine",)]
            assert client.execute("SELECT estate_id, verdict FROM dispositions") == [("mine", "true")]
            assert client.execute("SELECT estate_id FROM crossings WHERE estate_id = 'theirs' OR 1") == [("mine",)]
    with connect(filled, "loader") as client:
        assert client.execute("SELECT count() FROM crossings") == [(2,)]
    assert stat.S_IMODE(users_file(filled).stat().st_mode) == 0o600
    assert users_file(filled).name == FILE


@pytest.mark.stack
def test_an_analyst_is_refused_what_is_not_theirs(filled: Settings) -> None:
    allowed = [sql for sql in FORBIDDEN if not refused(filled, sql)]
    assert allowed == []


def refused(settings: Settings, sql: str) -> bool:
    """Whether the server refuses the analyst's query."""
    with connect(settings, "analyst") as client, contextlib.suppress(ServerException):
        client.execute(sql)
        return False
    return True


@pytest.mark.stack
def test_a_wrong_password_is_refused(filled: Settings) -> None:
    host, port = filled.clickhouse_address()
    with pytest.raises(ServerException) as error:
        Client(host, port, user="analyst", password="guess").execute("SELECT 1")
    assert error.value.code == 516


@pytest.mark.stack
def test_the_office_writes_its_ledgers_only(filled: Settings) -> None:
    with connect(filled, "office") as client:
        client.execute("INSERT INTO funds (estate_id, entry_id, version) VALUES", [("mine", "e", 1)])
        assert client.execute("SELECT entry_id FROM funds") == [("e",)]
        with pytest.raises(ServerException):
            client.execute("INSERT INTO crossings (estate_id) VALUES", [("mine",)])


def test_an_address_where_nothing_listens_is_named(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = Settings(home=tmp_path_factory.mktemp("home"), clickhouse_host="127.0.0.1", clickhouse_port=1)
    with pytest.raises(UserError, match=r"127\.0\.0\.1:1"):
        connect(settings, "analyst")
