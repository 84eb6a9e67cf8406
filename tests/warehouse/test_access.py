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
from warehouse.access import FILE, LOAD_TABLES, known_estates, merged, row_filter, users_file, users_xml
from warehouse.client import Role, connect
from warehouse.migrate import migrate
from warehouse.read_log import collect_reads, latest_reads

PASSWORDS: dict[Role, str] = {"loader": "l0", "office": "o0", "analyst": "a0", "auditor": "u0"}
ESTATE_READERS: tuple[Role, ...] = ("office", "analyst")
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
    "INSERT INTO kpi_results SELECT * FROM kpi_results",
    "INSERT INTO zones SELECT * FROM zones",
    "SELECT note FROM alert_outcomes",
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
    "SELECT * FROM cluster('default', currentDatabase(), 'visitors')",
    "SELECT * FROM view(SELECT token FROM visitors)",
    "SELECT * FROM loop(currentDatabase(), 'visitors')",
    "SELECT * FROM mergeTreeIndex(currentDatabase(), 'visitors')",
    "SELECT * FROM executable('id', 'TSV', 'a String')",
    "SELECT * FROM dictionary('anything')",
    "SELECT number, (SELECT any(said_by) FROM dispositions) FROM numbers(1)",
    "WITH x AS (SELECT said_by FROM dispositions) SELECT * FROM x",
    "SELECT COLUMNS('said_by') FROM dispositions",
    "CREATE DICTIONARY d (id UInt64) PRIMARY KEY id SOURCE(CLICKHOUSE(TABLE 'visitors')) LAYOUT(FLAT()) LIFETIME(0)",
    "CREATE VIEW v AS SELECT * FROM visitors",
    "CREATE MATERIALIZED VIEW v ENGINE = Memory AS SELECT * FROM crossings",
    "CREATE TEMPORARY TABLE t AS SELECT token FROM visitors",
    "CREATE USER mallory",
    "CREATE ROW POLICY p ON crossings USING 1 TO analyst",
    "GRANT SELECT ON *.* TO analyst",
    "EXPLAIN SELECT token FROM visitors",
    "EXPLAIN ESTIMATE SELECT count() FROM visitors",
    "SHOW CREATE TABLE visitors",
    "DESCRIBE TABLE visitors",
    "INSERT INTO FUNCTION file('out.csv') SELECT * FROM crossings",
    "INSERT INTO FUNCTION url('http://127.0.0.1:1/', 'CSV', 'a String') SELECT estate_id FROM crossings",
    "BACKUP TABLE crossings TO File('b')",
    "SYSTEM FLUSH LOGS",
    "SELECT * FROM read_log",
    "SELECT * FROM reconciliation_alerts",
)
# Each of these may be asked; what comes must be of the own estate: its name, or the one row that it has.
OWN_ONLY = (
    "SELECT count() FROM crossings",
    "SELECT count() FROM (SELECT * FROM crossings UNION ALL SELECT * FROM crossings WHERE estate_id != 'mine')",
    "SELECT uniqExact(estate_id) FROM crossings PREWHERE estate_id = 'theirs' OR 1",
    "SELECT count() FROM crossings SETTINGS optimize_trivial_count_query = 1",
    "SELECT count() FROM crossings AS a JOIN crossings AS b ON 1 = 1",
    "SELECT uniqExact(_partition_id) FROM crossings",
    "SELECT count() FROM merge(currentDatabase(), '^crossings$')",
    "SELECT count() FROM nightly_accounting FINAL",
    "SELECT count() FROM viewIfPermitted(SELECT estate_id FROM crossings ELSE null('estate_id String'))",
    "SELECT count() FROM crossings WHERE estate_id LIKE '%' OR throwIf(estate_id = 'theirs') = 0",
)
HIDDEN_IN_SYSTEM = (
    "SELECT name FROM system.tables WHERE name IN ('visitors', 'read_log', 'schema_migrations')",
    "SELECT name FROM system.columns WHERE table = 'visitors' OR name IN ('said_by', 'note')",
    "SELECT 1 FROM system.parts WHERE table = 'visitors'",
    "SELECT name FROM system.users WHERE name != 'analyst'",
    "SELECT query FROM system.query_log",
    "SELECT select_filter FROM system.row_policies",
    "SHOW TABLES LIKE 'visitors'",
    "SHOW GRANTS FOR loader",
)


def test_the_file_holds_hashes_never_passwords_and_remembers_estates() -> None:
    xml = users_xml(PASSWORDS, {"anfang": ("a", "b"), "anfang_t1": ("c",)})
    assert not any(f">{password}<" in xml for password in PASSWORDS.values())
    assert known_estates(xml) == {"anfang": ("a", "b"), "anfang_t1": ("c",)}
    assert xml.count("<ip>") == 8


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
    for role in ESTATE_READERS:
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


@pytest.mark.stack
def test_no_way_of_asking_shows_another_estate(filled: Settings) -> None:
    with connect(filled, "analyst") as client:
        for sql in OWN_ONLY:
            with contextlib.suppress(ServerException):  # refused is well, too
                assert client.execute(sql) == [(1,)], sql
        injected = client.execute(
            "SELECT estate_id FROM crossings WHERE estate_id = {estate:String}", {"estate": "x' OR '1'='1"}
        )
        assert injected == []
        whole = "SELECT estate_id FROM {table:Identifier} -- "
        for name in ("crossings UNION ALL SELECT token FROM visitors", "visitors"):
            with pytest.raises(ServerException):
                client.execute(whole, {"table": name})


@pytest.mark.stack
def test_system_tables_tell_an_analyst_nothing_of_what_is_not_theirs(filled: Settings) -> None:
    with connect(filled, "analyst") as client:
        for sql in HIDDEN_IN_SYSTEM:
            with contextlib.suppress(ServerException):
                assert client.execute(sql) == [], sql


@pytest.mark.stack
def test_who_reads_persons_or_is_refused_is_written_down_once_and_only_auditors_see_it(filled: Settings) -> None:
    with connect(filled, "analyst") as client:
        client.execute("SELECT verdict, 'marked' FROM dispositions")
        client.execute("SELECT count() FROM crossings")
    assert refused(filled, f"SELECT token FROM {filled.clickhouse_database}.visitors")
    for _ in range(2):
        collect_reads(filled)
    by_analyst = [read for read in latest_reads(filled, 100) if read.user == "analyst"]
    assert [(read.tables, read.refused) for read in by_analyst] == [([], True), (["dispositions"], False)]
    assert "'marked'" in by_analyst[1].query
    assert by_analyst[1].read_rows >= 1
    for role in ESTATE_READERS:
        with connect(filled, role) as client, pytest.raises(ServerException):
            client.execute("SELECT * FROM read_log")
    with connect(filled, "auditor") as client:
        assert client.execute("SELECT said_by FROM dispositions") == [("Li",)]
        for sql in ("SELECT * FROM visitors", "SELECT * FROM crossings", "INSERT INTO read_log (user) VALUES ('x')"):
            with pytest.raises(ServerException):
                client.execute(sql)


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
