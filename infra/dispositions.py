"""Is this message a valid disposition? What `infra/validate.py` is to envelopes."""

from typing import Final

import msgspec

from infra.events import Disposition
from infra.site import Site
from infra.validate import Refusal, time_off, undecodable

_decoder: Final = msgspec.json.Decoder(Disposition)


def judge_disposition(
    key: bytes | None, value: bytes | None, kafka_timestamp_ms: int, site: Site
) -> Disposition | Refusal:
    """The disposition in `value`, or why there is none. Pure; never raises on any bytes."""
    if not value:
        return Refusal("malformed_json", "empty message, expected a JSON disposition")
    try:
        disposition = _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return undecodable(value, str(error))
    return _misfit(disposition, key, kafka_timestamp_ms, site) or disposition


def _misfit(disposition: Disposition, key: bytes | None, kafka_timestamp_ms: int, site: Site) -> Refusal | None:
    if disposition.estate_id != site.estate.id:
        return Refusal("wrong_estate", f"estate_id {disposition.estate_id!r}, expected {site.estate.id!r}")
    if (key or b"").decode(errors="replace") not in site.zone:
        return Refusal("wrong_key", f"key {key!r}, expected the zone_id of the alert it is about")
    return time_off("event_ms", disposition.event_ms, kafka_timestamp_ms)
