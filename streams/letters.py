"""Dead letters read back: what was refused, what would become of it today, and files for mending by hand. Pure.

A letter is known by the coordinates of the message that was refused (source topic, partition, offset): the same letter
sent twice is one. A letter that was replayed has an answer in the same topic (`infra/topics.py`), so that a second
replay sends nothing; should the process die between sending and answering, the same message is sent again and the
streams know it by its id.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, Literal, NamedTuple

import msgspec
from msgspec import Struct

from infra.dispositions import judge_disposition
from infra.errors import UserError
from infra.events import Envelope
from infra.headcounts import judge_headcount
from infra.passages import judge_passage
from infra.site import Site
from infra.topics import (
    DETECTIONS,
    DISPOSITIONS,
    GATE_PASSAGES,
    HEADCOUNTS,
    HEADER_DETAIL,
    HEADER_OFFSET,
    HEADER_PARTITION,
    HEADER_REASON,
    HEADER_TIMESTAMP,
    HEADER_TOPIC,
    REASON_REPLAYED,
)
from infra.validate import Refusal, judge

Headers = Sequence[tuple[str, str | bytes | None]]
Fate = Literal["sent", "replayed before", "still refused", "not replayed"]
HEX_BYTES: Final = 16
_NO_JSON: Final = msgspec.Raw()


class Source(NamedTuple):
    """Where the refused message lies; of one that was in no topic (a camera's push), where the letter itself does."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


class Place(NamedTuple):
    """Where the letter itself lies in the topic of dead letters."""

    partition: int
    offset: int


class Letter(Struct, frozen=True, kw_only=True):
    """One dead letter. `timestamp_ms` is the refused message's Kafka timestamp; `key`, `value` are its own bytes."""

    place: Place
    source: Source
    reason: str
    detail: str
    timestamp_ms: int
    key: bytes | None
    value: bytes | None


class Mended(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One line of a file for mending: the letter's place, why it was refused, and the message to send instead.

    The message is `value` where it is JSON, `text` where it is not (yet); bytes that are no UTF-8 show as U+FFFD.
    """

    partition: int
    offset: int
    reason: str = ""
    detail: str = ""
    value: msgspec.Raw = _NO_JSON
    text: str | None = None

    def message(self) -> bytes:
        """The message's bytes."""
        return bytes(self.value) if self.text is None else self.text.encode()


class Decision(Struct, frozen=True, kw_only=True):
    """What a replay does with one letter: its fate, the key and value to send where that is "sent", and why."""

    letter: Letter
    fate: Fate
    why: str = ""
    key: bytes = b""
    value: bytes = b""


def read_letter(
    place: Place, key: bytes | None, value: bytes | None, headers: Headers | None, timestamp_ms: int
) -> Letter:
    """The letter in one message of the topic; `timestamp_ms` is its own, for a letter whose headers do not tell."""
    told = {name: _text(content) for name, content in headers or ()}
    numbers = [told.get(name, "") for name in (HEADER_PARTITION, HEADER_OFFSET, HEADER_TIMESTAMP)]
    if HEADER_TOPIC in told and all(number.isdecimal() for number in numbers):
        partition, offset, timestamp_ms = map(int, numbers)
        source = Source(told[HEADER_TOPIC], partition, offset)
    else:
        source = Source(told.get(HEADER_TOPIC, ""), *place)
    reason, detail = told.get(HEADER_REASON, "unknown"), told.get(HEADER_DETAIL, "")
    return Letter(
        place=place, source=source, reason=reason, detail=detail, timestamp_ms=timestamp_ms, key=key, value=value
    )


def _text(content: str | bytes | None) -> str:
    return content.decode(errors="replace") if isinstance(content, bytes) else content or ""


def only_letters(messages: Iterable[Letter], reason: str | None = None) -> Iterator[Letter]:
    """The letters among `messages`, each once; answers are left out, and other reasons than `reason` where given."""
    seen: set[Source] = set()
    for letter in messages:
        if letter.reason == REASON_REPLAYED or letter.source in seen or reason not in (None, letter.reason):
            continue
        seen.add(letter.source)
        yield letter


def replayed_before(messages: Iterable[Letter]) -> set[Source]:
    """The coordinates that a replay has answered."""
    return {letter.source for letter in messages if letter.reason == REASON_REPLAYED}


def counted(letters: Iterable[Letter]) -> Counter[tuple[str, str]]:
    """How many letters by (reason, source topic)."""
    return Counter((letter.reason, letter.source.topic) for letter in letters)


def shown(value: bytes | None, characters: int) -> str:
    """The first `characters` of a message for people: text without line breaks, or hexadecimal where it is none."""
    if not value:
        return "(empty)"
    head = value[: 4 * characters]
    try:
        text = head.decode() if len(head) == len(value) else head.decode(errors="ignore")
    except UnicodeDecodeError:
        return value[:HEX_BYTES].hex(" ") + (" …" if len(value) > HEX_BYTES else "")
    line = "".join(character if character.isprintable() else " " for character in text)
    return line if len(line) <= characters else line[: characters - 1] + "…"


def for_mending(letter: Letter) -> Mended:
    """The letter as a line of a file for mending."""
    value = letter.value or b""
    place = letter.place
    line = Mended(partition=place.partition, offset=place.offset, reason=letter.reason, detail=letter.detail)
    if _is_json(value):
        return msgspec.structs.replace(line, value=msgspec.Raw(value))
    return msgspec.structs.replace(line, text=value.decode(errors="replace"))


def _is_json(value: bytes) -> bool:
    """Whether the bytes can stand in a line as JSON and be read back unchanged."""
    try:
        value.decode()
        return b"\n" not in value and bytes(msgspec.json.decode(value, type=msgspec.Raw)) == value
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False


def read_mended(name: str, lines: Iterable[bytes]) -> dict[Place, bytes]:
    """The messages of a mended file by their letter's place. Raises UserError with `name`, line and what is wrong."""
    decoder, found = msgspec.json.Decoder(Mended), dict[Place, bytes]()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            mended = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UserError(
                f"{name}:{number}: {error}",
                "give lines as `anfang dead-letters list --to FILE` writes them",
            ) from error
        found[Place(mended.partition, mended.offset)] = mended.message()
    return found


Judge = Callable[[bytes | None, bytes | None, int, Site], Struct | Refusal]
REPLAYED: Final[dict[str, Judge]] = {
    DETECTIONS.name: lambda _key, value, sent_ms, site: judge(value, sent_ms, site),
    GATE_PASSAGES.name: judge_passage,
    HEADCOUNTS.name: judge_headcount,
    DISPOSITIONS.name: judge_disposition,
}


def decide(letter: Letter, value: bytes, prefix: str, done: AbstractSet[Source], site: Site) -> Decision:
    """What becomes of a letter whose message is now `value`, under today's site file; `done` were replayed before.

    What came from a topic of `REPLAYED`, after the deployment's `prefix`, is replayed. An envelope's key is its zone,
    others keep the key they had.
    """
    topic = letter.source.topic
    judge_value = REPLAYED.get(topic.removeprefix(prefix)) if topic.startswith(prefix) else None
    if judge_value is None:
        return Decision(letter=letter, fate="not replayed", why=f"it came from {topic or 'nowhere known'}")
    if letter.source in done:
        return Decision(letter=letter, fate="replayed before")
    judged = judge_value(letter.key, value, letter.timestamp_ms, site)
    if isinstance(judged, Refusal):
        return Decision(letter=letter, fate="still refused", why=f"{judged.reason}: {judged.detail}")
    key = judged.zone_id.encode() if isinstance(judged, Envelope) else letter.key or b""
    return Decision(letter=letter, fate="sent", key=key, value=value)


def decided(
    letters: Iterable[Letter],
    mended: Mapping[Place, bytes] | None,
    prefix: str,
    done: AbstractSet[Source],
    site: Site,
) -> Iterator[Decision]:
    """The decisions on `letters`: on all as they are, or on those that were `mended`."""
    for letter in letters:
        if mended is None:
            yield decide(letter, letter.value or b"", prefix, done, site)
        elif letter.place in mended:
            yield decide(letter, mended[letter.place], prefix, done, site)
