"""The stored messages that a backtest reads: from Kafka or from a recording, in the order of sending."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from infra.documents import load_document
from infra.errors import UserError
from infra.events import Alert, Disposition
from infra.limits import Limits
from infra.recording import Record
from infra.settings import Settings
from infra.site import Site
from infra.topics import ALERTS, DETECTIONS, DISPOSITIONS, GATE_PASSAGES, Topic
from infra.whole_topic import read_whole
from streams.backtest import Known, judged, read_known

M = TypeVar("M", bound=Struct)


@dataclass(frozen=True)
class StoredMessage:
    """One message as it was sent; `topic` without prefix."""

    topic: str
    key: bytes
    value: bytes
    timestamp_ms: int


def from_kafka(settings: Settings, start_ms: int, end_ms: int) -> list[StoredMessage]:
    """Envelopes and gate passages sent from `start_ms` to `end_ms` (exclusive), by time of sending; held in memory."""
    found = chain.from_iterable(_sent(settings, topic, start_ms, end_ms) for topic in (DETECTIONS, GATE_PASSAGES))
    return sorted(found, key=lambda message: message.timestamp_ms)


def _sent(settings: Settings, topic: Topic, start_ms: int, end_ms: int) -> Iterator[StoredMessage]:
    for message in read_whole(settings, topic):
        sent_ms = message.timestamp()[1]
        if start_ms <= sent_ms < end_ms:
            yield StoredMessage(topic.name, message.key() or b"", message.value() or b"", sent_ms)


def from_file(path: Path, start_ms: int, end_ms: int) -> list[StoredMessage]:
    """The same of a recording (JSONL as `--to jsonl:FILE` writes it), in the order of the file.

    Raises UserError with file and line at the first that is no record.
    """
    decoder, found = msgspec.json.Decoder(Record), list[StoredMessage]()
    for number, line in enumerate(read_bytes(path).splitlines(), 1):
        try:
            record = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UserError(f"{path}:{number}: {error}", "give a recording as `--to jsonl:FILE` writes it") from error
        if start_ms <= record.timestamp_ms < end_ms:
            stored = StoredMessage(record.topic, record.key.encode(), record.message(), record.timestamp_ms)
            found.append(stored)
    return found


def with_limits(site: Site, path: Path | None) -> Site:
    """The site with the limits of a YAML file (the part `limits` of a site file); as it is without one."""
    if path is None:
        return site
    limits = load_document(path, Limits, lambda _limits: (), f"`anfang alerts backtest --rules {path}`")
    return site.model_copy(update={"limits": limits})


def from_truth(path: Path) -> list[Known]:
    """What the truth file `incidents.json` says. Raises UserError where it is none."""
    try:
        return read_known(read_bytes(path))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path}: {error}", "give the incidents.json that --truth of `produce simulate` wrote"
        ) from error


def from_dispositions(settings: Settings) -> tuple[list[Known], list[Known]]:
    """What people confirmed, and what they refuted, of the alerts that were published."""
    return judged(_decoded(settings, ALERTS, Alert), _decoded(settings, DISPOSITIONS, Disposition))


def _decoded(settings: Settings, topic: Topic, kind: type[M]) -> Iterator[M]:
    for message in read_whole(settings, topic):
        try:
            yield msgspec.json.decode(message.value() or b"", type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue  # not of this contract: the nightly accounts for it


def read_bytes(path: Path) -> bytes:
    """The file's bytes. Raises UserError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}", "give the path of a file that is there") from error
