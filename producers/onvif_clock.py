"""What time a camera has: ONVIF `GetSystemDateAndTime`, which every ONVIF camera answers without a login.

ONVIF Core Specification, device management service (access class PRE_AUTH); the answer's `UTCDateTime` is in whole
seconds. The camera is not trusted: no redirects, `MOST_BYTES`, `TIMEOUT_S` for connecting and for the answer each, and
XML without entities (defusedxml).
"""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from socket import SHUT_RDWR, socket
from threading import Event
from typing import Final
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from infra.clock import Clock
from producers.clock_offset import Reading, Readings, asked, estimate, take

TIMEOUT_S: Final = 5.0
MOST_BYTES: Final = 64_000
EVERY_S: Final = 60.618
"""Not whole seconds, and of the golden ratio: soon some answer comes just after the camera's second has begun."""
SECOND_MS: Final = 1_000
SCHEMA: Final = "{http://www.onvif.org/ver10/schema}"
QUESTION: Final = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
    b'<GetSystemDateAndTime xmlns="http://www.onvif.org/ver10/device/wsdl"/>'
    b"</s:Body></s:Envelope>"
)


class ClockError(Exception):
    """The camera did not tell its time; the text says why."""


def ask(url: str, clock: Clock, timeout_s: float = TIMEOUT_S) -> Reading:
    """Ask the camera at `url` (its ONVIF device service) for its time. Raises ClockError."""
    address = urlsplit(url)
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.hostname or "", address.port, timeout=timeout_s)
    try:
        connection.connect()
        with _ended_after(timeout_s, connection.sock):
            sent_ms = clock.now_ms()
            connection.request("POST", address.path or "/", QUESTION, {"Content-Type": "application/soap+xml"})
            answer = connection.getresponse()
            received_ms = clock.now_ms()
            content = answer.read(MOST_BYTES + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ClockError(f"no answer ({error!r})") from error
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise ClockError(f"answer {answer.status}, expected 200")
    return asked(utc_ms(content), sent_ms, received_ms, SECOND_MS)


@contextmanager
def _ended_after(timeout_s: float, connected: socket) -> Iterator[None]:
    """End the connection when it takes longer in all: a socket's own timeout begins anew with each byte."""

    def end() -> None:
        with suppress(OSError):
            connected.shutdown(SHUT_RDWR)

    timer = threading.Timer(timeout_s, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def utc_ms(content: bytes) -> int:
    """The camera's time in an answer, in UTC ms. Raises ClockError."""
    if len(content) > MOST_BYTES:
        raise ClockError(f"an answer of more than {MOST_BYTES} bytes")
    try:
        root = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise ClockError(f"not XML as it should be ({error})") from error
    told = root.find(f".//{SCHEMA}UTCDateTime")
    if told is None:
        raise ClockError("no UTCDateTime in the answer")
    names = ("Date/Year", "Date/Month", "Date/Day", "Time/Hour", "Time/Minute", "Time/Second")
    try:
        year, month, day, hour, minute, second = (_number(told, name) for name in names)
        return int(datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise ClockError(f"no time in the answer ({error})") from error


def _number(told: Element, name: str) -> int:
    return int(told.findtext("/".join(SCHEMA + part for part in name.split("/"))) or "")


class CameraClock:
    """A camera's clock, asked once a minute in a thread of its own; `offset_ms` is camera minus ours, 0 if unknown.

    Without a `url` nobody is asked.
    """

    def __init__(self, url: str | None, clock: Clock, warn: Callable[[str], None]) -> None:
        self._url, self._clock, self._warn = url, clock, warn
        self._readings, self._told = Readings(), ""

    def offset_ms(self) -> float:
        """The best estimate by now."""
        offset = estimate(self._readings)
        return 0.0 if offset is None else offset.offset_ms

    def follow(self, closed: Event, every_s: float = EVERY_S) -> None:
        """Ask until `closed`; the first of failures that follow one another is told."""
        while self._url is not None and not closed.is_set():
            problem = self._ask(self._url)
            if problem not in ("", self._told):
                self._warn(f"the camera's clock cannot be read: {problem}")
            self._told = problem
            closed.wait(every_s)

    def _ask(self, url: str) -> str:
        try:
            self._readings = take(self._readings, ask(url, self._clock))
        except ClockError as error:
            return str(error)
        return ""
