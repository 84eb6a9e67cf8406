"""The real service, asked by curl and httpx over the loopback, before a real Kafka."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import httpx
import msgspec
import pytest
import yaml
from confluent_kafka import Message

from infra.errors import UserError
from infra.local.ports import free_port
from infra.local.process import last_lines, start_detached, stop, wait_until
from infra.settings import SMALL_SITE, Settings
from infra.site import load_site
from infra.topics import DEAD_LETTERS, DETECTIONS
from infra.validate import Refusal, judge
from producers.gateway.credentials import credentials
from producers.gateway.readings import Crossing
from streams.letters import Headers, Letter, Place, read_letter
from tests.kafka_helpers import read_all
from tests.producers.gateway.samples import SAMPLES, VENDORS, line_alert, multipart, people_counting, sample, soap
from tests.producers.gateway.test_formats import BOMB

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"no real messages at {SAMPLES}"),
]

CURL = ["curl", "-sS", "--digest", "-H", "Content-Type: application/xml"]


class Gateway:
    """A running gateway; `start` after `kill` is a restart on the same state."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        content = yaml.safe_load(SMALL_SITE.read_text(encoding="utf-8"))
        for camera in content["cameras"]:
            camera["vendor"] = VENDORS.get(camera["id"])
        self.site_file, self.log = folder / "site.yaml", folder / "gateway.log"
        self.site_file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
        state = settings.stack_state()
        self.settings = settings.model_copy(update={"home": folder / "home", "kafka": f"127.0.0.1:{state.kafka_port}"})
        self.site = load_site(self.site_file)
        self.passwords = credentials(self.settings, self.site)
        self.port = free_port(set())
        self.start()

    def start(self) -> None:
        """Start it and wait until it listens."""
        options = ["--site", str(self.site_file), "--port", str(self.port), "--rate", "40"]
        argv = [sys.executable, "-m", "anfang", "produce", "gateway", *options]
        self.process = start_detached(argv, self.log, self.settings.as_environment())
        try:
            wait_until(self._listens, 60, "a gateway that listens")
        except TimeoutError as error:
            raise UserError("\n".join(last_lines(self.log)), "look") from error

    def _listens(self) -> bool:
        try:
            return httpx.post(f"http://127.0.0.1:{self.port}/push/x").status_code == 401
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """End it as a power cut would."""
        os.kill(self.process.pid, signal.SIGKILL)
        stop(self.process)

    def url(self, camera: str) -> str:
        """The camera's push address."""
        return f"http://127.0.0.1:{self.port}/push/{camera}"

    def push(self, camera: str, body: bytes, content_type: str) -> httpx.Response:
        """Push with Digest."""
        auth = httpx.DigestAuth(camera, self.passwords[camera])
        return httpx.post(self.url(camera), content=body, headers={"Content-Type": content_type}, auth=auth)

    def crossed(self) -> Counter[tuple[str, int]]:
        """Persons in Kafka by (line, direction), each crossing id and envelope once; every envelope must be valid."""
        told: dict[str, tuple[str, int]] = {}
        for message in read_all(self.settings, DETECTIONS):
            envelope = judge(message.value(), message.timestamp()[1], self.site)
            assert not isinstance(envelope, Refusal), envelope
            if envelope.crossings:
                rows = zip(envelope.crossings.line_id, envelope.crossings.direction, strict=True)
                told |= dict(zip(envelope.crossings.crossing_id, rows, strict=True))
        return Counter(told.values())


@pytest.fixture
def gateway(fresh: Settings, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway before topics of its own."""
    running = Gateway(fresh, tmp_path)
    yield running
    stop(running.process)


def _letter(message: Message) -> Letter:
    place = Place(message.partition() or 0, message.offset() or 0)
    return read_letter(place, message.key(), message.value(), cast(Headers | None, message.headers()), 0)


def _iso(seconds_ago: int) -> str:
    return datetime.fromtimestamp(time.time() - seconds_ago, UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def _now(name: str) -> bytes:
    """A real message, its times moved to now."""
    now = time.time()
    text = sample(name).decode()
    text = re.sub(r'"timestamp": \d+', f'"timestamp": {int(now * 1000)}', text)
    text = re.sub(r'"UTC" : \d+', f'"UTC" : {int(now)}', text)
    text = re.sub(r'"utcFrom": "[^"]+"', f'"utcFrom": "{_iso(61)}"', text)
    return re.sub(r'"utcTo": "[^"]+"', f'"utcTo": "{_iso(1)}"', text).encode()


def test_every_maker_is_taken_and_a_restart_between_two_totals_neither_loses_nor_doubles(gateway: Gateway) -> None:
    alert, multi = multipart(line_alert(_iso(2)))
    notify = soap("MyLineCrossDetectorRule", _iso(1), "tns1:RuleEngine/LineDetector/Crossed", {"ObjectId": "1"})
    pushes = [
        ("cam_gate_north", people_counting(_iso(70), 70, 75), "application/xml"),
        ("cam_gate_north", alert, multi),
        ("cam_gate_south", notify, "application/soap+xml"),
        ("cam_gate_west", _now("crossline_2019.txt"), "text/plain"),
        ("cam_plaza", _now("xovis_pc2s_1_2021.json"), "application/json"),
        ("cam_clubhouse", _now("axis_3d_people_counter_2025.json"), "application/json"),
    ]
    for camera, body, content_type in pushes:
        answer = gateway.push(camera, body, content_type)
        assert answer.status_code == 200, (camera, answer.text)
    gateway.kill()
    gateway.start()
    for camera, body, content_type in pushes:  # a camera that got no answer sends once more
        assert gateway.push(camera, body, content_type).status_code == 200
    assert gateway.push("cam_gate_north", people_counting(_iso(0), 75, 77), "application/xml").status_code == 200
    expected = {
        ("gate_north", 1): 5,
        ("gate_north", -1): 2 + 1,
        ("gate_south", 1): 1,
        ("gate_west", -1): 1,
        ("plaza_edge", 1): 1,
        ("clubhouse_door", -1): 1,
        ("clubhouse_door", 1): 2,
    }
    wait_until(lambda: gateway.crossed() == expected, 30, "the crossings in Kafka")


def test_what_is_refused_lies_in_kafka_with_its_reason(gateway: Gateway) -> None:
    cases = [
        ("cam_gate_north", b"<EventNotificationAlert", "application/xml", 422, "malformed"),
        ("cam_gate_north", BOMB, "application/xml", 422, "malformed"),
        ("cam_gate_north", sample("peoplecounting_realtime_child_2020.xml"), "application/xml", 422, "event_time_off"),
        ("cam_plaza", b"{}", "image/jpeg", 415, "wrong_content_type"),
        ("cam_plaza", b"x" * 4_000_001, "application/json", 413, "too_large"),
    ]
    for camera, body, content_type, status, reason in cases:
        answer = gateway.push(camera, body, content_type)
        assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    wait_until(lambda: len(read_all(gateway.settings, DEAD_LETTERS)) == len(cases), 30, "the dead letters")
    letters = [_letter(message) for message in read_all(gateway.settings, DEAD_LETTERS)]
    assert {letter.source.topic for letter in letters} == {"gateway"}
    assert Counter(letter.reason for letter in letters) == Counter(reason for *_, reason in cases)
    assert {letter.value for letter in letters} >= {cases[0][1], BOMB, cases[2][1], b"{}"}


def test_wrong_passwords_replays_and_floods(gateway: Gateway) -> None:
    body, json = b'{"readings": []}', {"Content-Type": "application/json"}
    wrong = httpx.post(gateway.url("cam_door_1"), content=body, headers=json, auth=httpx.DigestAuth("cam_door_1", "no"))
    nobody = httpx.post(gateway.url("nobody"), content=body, headers=json, auth=httpx.DigestAuth("nobody", "no"))
    assert wrong.status_code == nobody.status_code == 401
    good = gateway.push("cam_door_1", body, "application/json")
    assert good.status_code == 200
    stolen = {"Authorization": good.request.headers["Authorization"]}
    again = httpx.post(gateway.url("cam_door_1"), content=body, headers=json | stolen)
    assert again.status_code == 401
    assert "stale=true" in again.headers["www-authenticate"]
    bearer = json | {"Authorization": f"Bearer {gateway.passwords['cam_door_1']}"}
    with httpx.Client() as client:
        statuses = [
            client.post(gateway.url("cam_door_1"), content=body, headers=bearer).status_code for _ in range(400)
        ]
    assert set(statuses) == {200, 429}
    log = gateway.log.read_text()
    assert all(password not in log for password in gateway.passwords.values())


def test_five_hundred_pushes_are_five_hundred_persons(gateway: Gateway) -> None:
    now_ms = int(time.time() * 1000)
    bearer = {"Content-Type": "application/json", "Authorization": f"Bearer {gateway.passwords['cam_door_1']}"}
    with httpx.Client(headers=bearer) as client:
        for i in range(500):
            one = Crossing(line="door", event_ms=now_ms - i, way="in" if i % 5 else "out", event_id=str(i))
            body = msgspec.json.encode({"readings": [one]})

            def taken(body: bytes = body) -> bool:
                return client.post(gateway.url("cam_door_1"), content=body).status_code == 200

            wait_until(taken, 10, "a push that is taken")  # 429 says: a little later
    wait_until(lambda: gateway.crossed() == {("door_1", 1): 400, ("door_1", -1): 100}, 30, "500 crossings in Kafka")


def test_the_documented_curl_line_works(gateway: Gateway, tmp_path: Path) -> None:
    alert = tmp_path / "alert.xml"
    alert.write_bytes(line_alert(_iso(0)))
    user = f"cam_gate_north:{gateway.passwords['cam_gate_north']}"
    told = subprocess.run(
        [*CURL, "-u", user, "--data-binary", f"@{alert}", gateway.url("cam_gate_north")],
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert told.stdout == b'{"reason":"taken","detail":""}'
    wait_until(lambda: gateway.crossed() == {("gate_north", -1): 1}, 30, "the crossing in Kafka")
