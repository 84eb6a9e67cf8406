"""Our own JSON, for cameras and counters that can be programmed: {"readings": [{"kind": "crossing", …}, …]}."""

from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from producers.gateway.readings import Reading, RefusedError


class _Message(Struct, frozen=True, forbid_unknown_fields=True):
    readings: list[Reading]


_decoder: Final = msgspec.json.Decoder(_Message)


def parse(document: bytes, _tz: ZoneInfo) -> list[Reading]:
    """The readings as they stand; an empty list is a heartbeat. Raises RefusedError naming the field."""
    try:
        return _decoder.decode(document).readings
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError("malformed", str(error)) from error
