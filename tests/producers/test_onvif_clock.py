"""A camera's clock over real HTTP: a small server that answers as ONVIF cameras do, and as they should not."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.clock import SystemClock
from infra.local.process import wait_until
from producers.onvif_clock import MOST_BYTES, CameraClock, ClockError, ask, utc_ms

ANSWER = """<?xml version="1.0" encoding="UTF-8"?>
<env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope" xmlns:tds="http://www.onvif.org/ver10/device/wsdl"
 xmlns:tt="http://www.onvif.org/ver10/schema"><env:Body><tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime>
<tt:DateTimeType>NTP</tt:DateTimeType><tt:DaylightSavings>false</tt:DaylightSavings>
<tt:TimeZone><tt:TZ>CST-8</tt:TZ></tt:TimeZone>
<tt:UTCDateTime><tt:Time><tt:Hour>{0.hour}</tt:Hour><tt:Minute>{0.minute}</tt:Minute><tt:Second>{0.second}</tt:Second>
</tt:Time><tt:Date><tt:Year>{0.year}</tt:Year><tt:Month>{0.month}</tt:Month><tt:Day>{0.day}</tt:Day></tt:Date>
</tt:UTCDateTime>
<tt:LocalDateTime><tt:Time><tt:Hour>1</tt:Hour><tt:Minute>2</tt:Minute><tt:Second>3</tt:Second></tt:Time>
<tt:Date><tt:Year>2001</tt:Year><tt:Month>1</tt:Month><tt:Day>1</tt:Day></tt:Date></tt:LocalDateTime>
</tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse></env:Body></env:Envelope>"""

Reply = Callable[[BaseHTTPRequestHandler], None]


def body(ahead_s: float = 0.0) -> bytes:
    return ANSWER.format(datetime.fromtimestamp(time.time() + ahead_s, UTC)).encode()


def sending(content: Callable[[], bytes], status: int = 200, **headers: str) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content())

    return reply


@contextmanager
def camera(reply: Reply) -> Iterator[str]:
    """A server on a free port; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            question = self.rfile.read(int(self.headers["Content-Length"]))
            assert b"GetSystemDateAndTime" in question
            try:
                reply(self)
            except OSError:
                self.close_connection = True  # the other side gave up, as it should

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/onvif/device_service"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("ahead_s", [0, 90, -7_200])
def test_a_camera_tells_its_clock(ahead_s: int) -> None:
    with camera(sending(lambda: body(ahead_s))) as url:
        reading = ask(url, SystemClock())
    assert reading.low_ms <= ahead_s * 1000 <= reading.high_ms
    assert reading.high_ms - reading.low_ms >= 1000


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (sending(body, 401), "401"),
        (sending(body, 302, Location="http://127.0.0.1:1/"), "302"),
        (sending(lambda: b"x" * (MOST_BYTES + 1)), "more than"),
        (sending(lambda: b"<html>login</html>"), "no UTCDateTime"),
        (sending(lambda: b"not xml"), "not XML"),
        (sending(lambda: body().replace(b"Hour>", b"Our>")), "no time"),
        (sending(lambda: b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'), "not XML"),
    ],
)
def test_a_wrong_answer_is_told_for_what_it_is(reply: Reply, why: str) -> None:
    with camera(reply) as url, pytest.raises(ClockError, match=why):
        ask(url, SystemClock())


@pytest.mark.parametrize("drips", ["headers", "body"])
def test_an_answer_that_drips_is_given_up_in_time(drips: str) -> None:
    ended = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"\r\n" if drips == "body" else b"X: "))
        while not ended.wait(0.05):
            handler.wfile.write(b"y")
            handler.wfile.flush()

    with camera(drip) as url:
        began = time.monotonic()
        with pytest.raises(ClockError):
            ask(url, SystemClock(), timeout_s=0.5)
        took_s = time.monotonic() - began
        ended.set()
    assert took_s < 5


def test_nobody_there_is_no_answer() -> None:
    with camera(sending(body)) as url:
        pass
    with pytest.raises(ClockError, match="no answer"):
        ask(url, SystemClock())


@given(st.binary(max_size=300), st.integers(0, 1_500))
def test_no_bytes_do_harm(junk: bytes, at: int) -> None:
    whole = body()
    for content in (junk, whole[:at], whole[:at] + junk + whole[at + len(junk) :]):
        with suppress(ClockError):
            utc_ms(content)


def test_a_camera_is_asked_again_and_again_and_a_failure_is_told_once() -> None:
    fails, told, closed = threading.Event(), list[str](), threading.Event()

    def reply(handler: BaseHTTPRequestHandler) -> None:
        sending(lambda: body(30), 500 if fails.is_set() else 200)(handler)

    with camera(reply) as url:
        clock = CameraClock(url, SystemClock(), told.append)
        assert clock.offset_ms() == 0
        thread = threading.Thread(target=clock.follow, args=(closed, 0.01))
        thread.start()
        wait_until(lambda: 28_500 < clock.offset_ms() < 31_500, 20, "an offset of 30 s")
        fails.set()
        wait_until(lambda: bool(told), 20, "a failure told")
        closed.wait(0.1)
        closed.set()
        thread.join(20)
    assert len(told) == 1
    assert "500" in told[0]
