"""Is this message a valid gate passage? What `infra/validate.py` is to envelopes."""

from typing import Final

import msgspec

from infra.events import GatePassage
from infra.site import Site
from infra.validate import Refusal, time_off, undecodable

_decoder: Final = msgspec.json.Decoder(GatePassage)


def passage_key(passage: GatePassage, site: Site) -> bytes:
    """The Kafka key of a valid passage: the zone that its gate lets into, where the crossings of the line are told."""
    return site.inner_zone(site.gate[passage.gate_id].line).encode()


def judge_passage(key: bytes | None, value: bytes | None, kafka_timestamp_ms: int, site: Site) -> GatePassage | Refusal:
    """The passage in `value`, or why there is none. Pure; never raises on any bytes."""
    if not value:
        return Refusal("malformed_json", "empty message, expected a JSON gate passage")
    try:
        passage = _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return undecodable(value, str(error))
    return _misfit(passage, key, kafka_timestamp_ms, site) or passage


def _misfit(passage: GatePassage, key: bytes | None, kafka_timestamp_ms: int, site: Site) -> Refusal | None:
    if passage.estate_id != site.estate.id:
        return Refusal("wrong_estate", f"estate_id {passage.estate_id!r}, expected {site.estate.id!r}")
    if passage.gate_id not in site.gate:
        return Refusal("unknown_gate", f"gate_id {passage.gate_id!r} is not in the site file")
    if key != passage_key(passage, site):
        return Refusal("wrong_key", f"key {key!r}, expected the gate's inner zone {passage_key(passage, site)!r}")
    return time_off("event_ms", passage.event_ms, kafka_timestamp_ms)
