"""The real local stack: what it listens on, who may do what, and what survives restarts, kills and Ctrl-C."""

import os
import signal
import socket
import stat
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import Error, ServerException
from confluent_kafka import Consumer, Producer

from infra.errors import UserError
from infra.local import stack as stack_module
from infra.local.clickhouse import (
    clickhouse_answers,
    clickhouse_users_folder,
    engine_pid,
    local_client,
    reload_users,
)
from infra.local.files import write_private
from infra.local.kafka import kafka_answers
from infra.local.ports import AskedPorts, Ports, is_free, remembered_ports
from infra.local.process import Process, alive, family, stop, wait_until
from infra.local.registry import read_process, registered, start_process, stop_process
from infra.local.stack import down, status, up
from infra.settings import Settings
from infra.topics import DETECTIONS, topic_name
from tests.conftest import stack_settings

pytestmark = pytest.mark.stack


def ports_of(settings: Settings) -> Ports:
    ports = remembered_ports(settings)
    assert ports is not None
    return ports


def runs(member: psutil.Process) -> bool:
    return member.is_running() and member.status() != psutil.STATUS_ZOMBIE


def ask(settings: Settings, query: str) -> list[tuple[object, ...]]:
    with local_client(settings, ports_of(settings).clickhouse) as client:
        rows: list[tuple[object, ...]] = client.execute(query)
        return rows


def refused(settings: Settings, user: str, password: str, query: str) -> int:
    """The error code with which ClickHouse refuses `query`."""
    with (
        Client("127.0.0.1", ports_of(settings).clickhouse, user=user, password=password) as client,
        pytest.raises(ServerException) as refusal,
    ):
        client.execute(query)
    return int(refusal.value.code)


@pytest.fixture
def table(fresh: Settings) -> str:
    """A table with one row in a database of this test's own."""
    ask(fresh, f"CREATE DATABASE {fresh.clickhouse_database}")
    name = f"{fresh.clickhouse_database}.kept"
    ask(fresh, f"CREATE TABLE {name} (n UInt32) ENGINE = MergeTree ORDER BY n")
    ask(fresh, f"INSERT INTO {name} SELECT 617")
    return name


@pytest.fixture
def running(stack: Settings) -> Iterator[Settings]:
    """The shared stack, up again after a test that takes it down."""
    yield stack
    up(stack)


def test_up_again_changes_nothing(stack: Settings) -> None:
    before = registered(stack)
    assert up(stack) == []
    assert registered(stack) == before
    wait_until(lambda: all(part.healthy for part in status(stack)), 30, "every part is healthy")


def test_listens_on_the_loopback_only(stack: Settings) -> None:
    members = [member for process in registered(stack).values() for member in family(process)]
    listening = [
        connection.laddr
        for member in members
        for connection in member.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert {address.port for address in listening} >= set(_all_ports(stack))
    assert {address.ip for address in listening} <= {"127.0.0.1", "::ffff:127.0.0.1"}


def _all_ports(settings: Settings) -> list[int]:
    ports = ports_of(settings)
    return [getattr(ports, name) for name in ports.__struct_fields__]


def test_everything_in_home_is_private(stack: Settings) -> None:
    assert stat.S_IMODE(stack.home.stat().st_mode) == 0o700
    ours = ("secrets", "run", "logs", "clickhouse/users.d", "clickhouse/config.xml", "clickhouse/users.xml", "kafka")
    for path in (stack.home / name for name in ours):
        open_to_others = stat.S_IMODE(path.stat().st_mode) & 0o077
        assert not open_to_others, path
    for secret in (stack.home / "secrets").iterdir():
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_no_password_in_command_lines_or_logs(stack: Settings) -> None:
    password = stack.secret("clickhouse_migrator")
    members = [member for process in registered(stack).values() for member in family(process)]
    assert not [member for member in members if password in " ".join(member.cmdline())]
    assert not [log for log in (stack.home / "logs").iterdir() if password in log.read_text(errors="replace")]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM {table}",
        "INSERT INTO {table} SELECT 1",
        "CREATE TABLE {table}2 (n UInt32) ENGINE = Memory",
        "DROP TABLE {table}",
        "CREATE TEMPORARY TABLE t (n UInt32)",
        "SELECT * FROM file('/etc/passwd', LineAsString)",
        "SELECT * FROM url('http://127.0.0.1/', LineAsString)",
        "SELECT * FROM system.query_log",
        "CREATE USER other",
        "SYSTEM FLUSH LOGS",
    ],
)
def test_the_anonymous_user_can_read_and_write_nothing(stack: Settings, table: str, query: str) -> None:
    not_enough_privileges = 497
    assert refused(stack, "default", "", query.format(table=table)) == not_enough_privileges


def test_the_migrator_stays_within_our_databases(stack: Settings) -> None:
    assert refused(stack, "migrator", stack.secret("clickhouse_migrator"), "CREATE DATABASE other") == 497


def test_wrong_passwords_do_not_end_the_engine(stack: Settings) -> None:
    """ClickHouse issue 115666: the embedded engine aborted at a wrong password or a broken connection."""
    before = engine_pid(stack)
    for _ in range(5):
        assert refused(stack, "migrator", "wrong", "SELECT 1") == 516
    _talk_nonsense(ports_of(stack).clickhouse)
    _talk_nonsense(ports_of(stack).clickhouse_http)
    assert clickhouse_answers(stack, ports_of(stack).clickhouse)
    assert engine_pid(stack) == before


def _talk_nonsense(port: int) -> None:
    """Send bytes that are no protocol, half a request and a reset."""
    for words in (
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff" * 64,
        b"POST /?query=SELECT HTTP/1.1\r\nContent-Length: 999\r\n\r\nx",
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(words)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


def test_a_killed_engine_comes_back_with_its_data_and_query_log(stack: Settings, table: str) -> None:
    before = engine_pid(stack)
    assert before is not None
    ask(stack, "SYSTEM FLUSH LOGS")
    logged = ask(stack, "SELECT count() FROM system.query_log")[0][0]
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: engine_pid(stack) not in (None, before), 30, "a new engine")
    wait_until(lambda: clickhouse_answers(stack, ports_of(stack).clickhouse), 30, "its answer")
    assert ask(stack, f"SELECT n FROM {table}") == [(617,)]
    after = ask(stack, "SELECT count() FROM system.query_log")[0][0]
    assert isinstance(after, int)
    assert isinstance(logged, int)
    assert after >= logged > 0


def test_up_repairs_a_killed_supervisor(running: Settings, table: str) -> None:
    supervisor, engine = read_process(running, "clickhouse"), engine_pid(running)
    assert supervisor is not None
    assert engine is not None
    os.kill(supervisor.pid, signal.SIGKILL)
    wait_until(lambda: not psutil.pid_exists(engine), 20, "the end of the engine with its supervisor")
    assert up(running) == ["clickhouse"]
    assert ask(running, f"SELECT n FROM {table}") == [(617,)]


def test_stopped_listeners_are_started_again(stack: Settings) -> None:
    before = engine_pid(stack)
    with Client("127.0.0.1", ports_of(stack).clickhouse, user="default") as anonymous:
        anonymous.execute("SYSTEM STOP LISTEN HTTP")
    wait_until(lambda: engine_pid(stack) not in (None, before), 40, "a new engine")
    wait_until(lambda: clickhouse_answers(stack, ports_of(stack).clickhouse), 30, "its answer")


def test_users_added_to_the_users_folder_get_in_after_a_reload(stack: Settings, table: str) -> None:
    path = clickhouse_users_folder(stack) / "reader.xml"
    place = "<networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>"
    grants = f"<grants><query>GRANT SELECT ON {table}</query></grants>"
    write_private(
        path,
        f"<clickhouse><users><reader><password>p</password>{place}{grants}</reader></users></clickhouse>",
    )
    reload_users(stack)
    with Client("127.0.0.1", ports_of(stack).clickhouse, user="reader", password="p") as reader:
        assert reader.execute(f"SELECT n FROM {table}") == [(617,)]
    assert refused(stack, "reader", "p", f"INSERT INTO {table} SELECT 1") == 497
    path.unlink()
    reload_users(stack)
    assert refused(stack, "reader", "p", "SELECT 1") == 516


def test_http_asks_for_the_password_too(stack: Settings) -> None:
    address = f"http://127.0.0.1:{ports_of(stack).clickhouse_http}/?query=SELECT+1"
    request = urllib.request.Request(address, headers={"X-ClickHouse-User": "migrator", "X-ClickHouse-Key": "wrong"})
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request, timeout=5)
    assert refusal.value.code in (401, 403)


def test_topics_are_not_made_by_accident(stack: Settings) -> None:
    with pytest.raises(Exception, match=r"_MSG_TIMED_OUT|UNKNOWN_TOPIC_OR_PART"):
        _produce(stack, "never_created", b"x", 1)


def test_down_and_up_keep_data_and_ports(running: Settings, fresh: Settings, table: str) -> None:
    old_event_ms = 1_546_300_800_000  # 2019
    _produce(fresh, topic_name(DETECTIONS, fresh), b"kept", old_event_ms)
    ports = ports_of(running)
    members = [member for process in registered(running).values() for member in family(process)]
    assert set(down(running)) == {"kafka", "clickhouse"}
    assert not [member for member in members if runs(member)]
    assert all(is_free(port) for port in _all_ports(running))
    assert up(running) == ["kafka", "clickhouse"]
    assert ports_of(running) == ports
    assert ask(running, f"SELECT n FROM {table}") == [(617,)]
    assert _consume(fresh, topic_name(DETECTIONS, fresh)) == (b"kept", old_event_ms)


def _produce(settings: Settings, topic: str, value: bytes, event_ms: int) -> None:
    told: list[object] = []
    producer = Producer({"bootstrap.servers": settings.kafka_address(), "message.timeout.ms": 5000})
    producer.produce(topic, value, timestamp=event_ms, on_delivery=lambda error, _: told.append(error))
    producer.flush(10)
    assert told
    if told[0] is not None:
        raise AssertionError(str(told[0]))


def _consume(settings: Settings, topic: str) -> tuple[bytes | None, int]:
    where = {"bootstrap.servers": settings.kafka_address(), "group.id": "test", "auto.offset.reset": "earliest"}
    consumer = Consumer(where)
    consumer.subscribe([topic])
    try:
        message = consumer.poll(15)
        assert message is not None
        return message.value(), message.timestamp()[1]
    finally:
        consumer.close()


def test_a_process_of_another_room_is_stopped_with_its_children(stack: Settings, tmp_path: Path) -> None:
    child = tmp_path / "parent.py"
    child.write_text(
        "import signal, subprocess, sys\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "subprocess.run([sys.executable, '-c', 'import signal; signal.pause()'])\n"
    )
    argv = [sys.executable, str(child)]
    process = start_process(stack, "worker", argv, {"COLOUR": "red"})
    wait_until(lambda: len(family(process)) == 2, 10, "the child of the worker")
    members = family(process)
    with pytest.raises(UserError, match="already running"):
        start_process(stack, "worker", argv)
    assert "worker" in [part.name for part in status(stack)]
    stop(process, timeout_s=0.5)
    assert not alive(process)
    assert not [member for member in members if runs(member)]
    assert stop_process(stack, "worker") is False
    assert read_process(stack, "worker") is None


def test_a_taken_port_tells_who_has_it(tmp_path: Path) -> None:
    settings = stack_settings(tmp_path / "home")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        owner = f"{psutil.Process().name()}.*pid {os.getpid()}"
        with pytest.raises(UserError, match=f"port {port} for kafka is taken by {owner}") as told:
            up(settings, AskedPorts(kafka=port))
    assert "--kafka-port" in told.value.remedy
    assert registered(settings) == {}


def test_an_interrupted_up_stops_what_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = stack_settings(tmp_path / "home")
    started: list[Process] = []

    def interrupted(*_: object) -> None:
        started.extend(registered(settings).values())
        raise KeyboardInterrupt

    monkeypatch.setattr(stack_module, "_wait_ready", interrupted)
    with pytest.raises(KeyboardInterrupt):
        up(settings)
    assert len(started) == 2
    assert not [process for process in started if alive(process) or family(process)]
    assert not (settings.home / "stack.json").exists()


def test_two_stacks_run_side_by_side(stack: Settings, tmp_path: Path) -> None:
    other = stack_settings(tmp_path / "other")
    try:
        up(other)
        assert set(_all_ports(other)).isdisjoint(_all_ports(stack))
        assert kafka_answers(ports_of(other).kafka)
        assert kafka_answers(ports_of(stack).kafka)
        with pytest.raises((Error, EOFError)):
            Client("127.0.0.1", ports_of(other).clickhouse, user="migrator", password="other's").execute("SELECT 1")
    finally:
        down(other)
    assert clickhouse_answers(stack, ports_of(stack).clickhouse)
