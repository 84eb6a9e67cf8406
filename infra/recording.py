"""Recorded messages: a JSONL file, one document a line, with what Kafka keeps beside a message's value."""

import base64
from typing import Final

import msgspec

NO_JSON: Final = msgspec.Raw()


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One line of a JSONL file: a message with what Kafka keeps beside its value.

    `value` holds the message as it is when it is valid JSON; any other bytes lie in `value_base64`.
    """

    topic: str
    key: str
    timestamp_ms: int
    value: msgspec.Raw = NO_JSON
    value_base64: str | None = None
    headers: dict[str, str] | None = None

    def message(self) -> bytes:
        """The message's own bytes."""
        return bytes(self.value) if self.value_base64 is None else base64.b64decode(self.value_base64)
