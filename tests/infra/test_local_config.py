"""What the local stack is told: configuration, ports, waiting times. No process is started here."""

import socket
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from infra.errors import UserError
from infra.local.clickhouse import KEEPER, MIGRATOR, config_xml, users_xml
from infra.local.clickhouse_supervisor import backoff_s
from infra.local.kafka import as_properties, server_properties
from infra.local.ports import AskedPorts, Ports, answers, check_free, choose_ports, free_port, holder, is_free
from infra.local.process import last_lines, wait_until
from infra.local.query_log import set_past_aside
from infra.topics import MAX_MESSAGE_BYTES

PORTS = Ports(kafka=20001, kafka_controller=20002, clickhouse=20003, clickhouse_http=20004)
PASSWORDS = {MIGRATOR: "open sesame", KEEPER: "hush"}


def test_kafka_listens_on_the_loopback_and_makes_no_topic_by_accident() -> None:
    told = server_properties(PORTS, Path("/data"))
    assert told["listeners"] == "PLAINTEXT://127.0.0.1:20001,CONTROLLER://127.0.0.1:20002"
    assert told["auto.create.topics.enable"] == "false"
    assert told["message.max.bytes"] == told["replica.fetch.max.bytes"] == str(MAX_MESSAGE_BYTES)
    assert "listeners=PLAINTEXT://127.0.0.1:20001" in as_properties(told)


def test_clickhouse_config_is_xml_with_paths_and_ports() -> None:
    config = ET.fromstring(config_xml(PORTS, Path("/a & b"), Path("/log")))
    assert config.findtext("path") == "/a & b/data/"
    assert config.findtext("listen_host") == "127.0.0.1"
    assert (config.findtext("tcp_port"), config.findtext("http_port")) == ("20003", "20004")
    assert config.find("query_log") is not None
    assert config.find("trace_log") is None


def test_users_have_no_plain_password_and_default_only_what_the_engine_needs() -> None:
    text = users_xml(PASSWORDS, embedded=True)
    assert not [password for password in PASSWORDS.values() if password in text]
    users = ET.fromstring(text).find("users")
    assert users is not None
    assert {user.tag for user in users} == {MIGRATOR, KEEPER, "default"}
    grants = [query.text for query in users.findall("default/grants/query")]
    assert grants == ["GRANT SYSTEM LISTEN ON *.*", "GRANT SELECT ON system.numbers"]
    assert {address.text for address in users.iter("ip")} == {"127.0.0.1"}


def test_a_server_has_no_default_user() -> None:
    assert "<default><password>" not in users_xml(PASSWORDS, embedded=False)


def test_asked_ports_win_over_remembered_ones() -> None:
    chosen = choose_ports(AskedPorts(kafka=9092), PORTS)
    assert chosen == Ports(kafka=9092, kafka_controller=20002, clickhouse=20003, clickhouse_http=20004)


def test_first_ports_are_free_and_different() -> None:
    chosen = choose_ports(AskedPorts(), None)
    ports = [getattr(chosen, name) for name in chosen.__struct_fields__]
    assert len(set(ports)) == 4
    assert all(is_free(port) for port in ports)


def test_the_same_port_twice_is_refused() -> None:
    with pytest.raises(UserError, match="same port twice"):
        choose_ports(AskedPorts(kafka=20003), PORTS)


def test_a_taken_port_is_not_free() -> None:
    port = free_port(set())
    assert not answers(port)
    check_free("kafka", port)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert answers(port)
        assert "pid" in holder(port)
        with pytest.raises(UserError, match=f"port {port} for clickhouse is taken"):
            check_free("clickhouse", port)


def test_waiting_for_the_next_start_grows_and_ends() -> None:
    assert [backoff_s(failures) for failures in (0, 1, 2, 3, 20)] == [0, 0.5, 1, 2, 30]


def test_wait_until_tells_what_it_waited_for() -> None:
    wait_until(lambda: True, 0, "nothing")
    with pytest.raises(TimeoutError, match="the moon: not so within"):
        wait_until(lambda: False, 0.1, "the moon")


def test_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_lines(log) == []
    log.write_text("\n".join(map(str, range(1000))))
    assert last_lines(log, 2) == ["998", "999"]


def test_the_query_log_is_set_aside_under_a_new_name_each_time(tmp_path: Path) -> None:
    tables = tmp_path / "data" / "system"
    for _ in range(2):
        (tables / "query_log").mkdir(parents=True)
        set_past_aside(tmp_path)
    set_past_aside(tmp_path)
    assert sorted(path.name for path in tables.iterdir()) == ["query_log_past_1", "query_log_past_2"]
