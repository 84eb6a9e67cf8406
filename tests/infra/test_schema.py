"""The checked-in schemas are those of the contracts, and version 1 stays readable."""

import copy
import json
from pathlib import Path

import jsonschema
import msgspec
import pytest

from infra.events import MESSAGES, Envelope
from infra.schema import Schema, incompatibilities, json_schema, outdated

RELEASED = Path(__file__).parent / "schemas_v1"  # frozen: what version 1 was when it was released


def test_checked_in_files_are_up_to_date() -> None:
    assert outdated() == []


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_version_1_is_still_compatible(name: str) -> None:
    released: Schema = json.loads((RELEASED / f"{name}.schema.json").read_text(encoding="utf-8"))
    assert incompatibilities(released, json_schema(name)) == []


def _changed(what: str) -> Schema:
    schema = copy.deepcopy(json_schema("envelope"))
    envelope = schema["$defs"]["Envelope"]
    match what:
        case "field gone":
            del envelope["properties"]["visible"]
        case "type changed":
            envelope["properties"]["seq"] = {"type": "string"}
        case "newly required":
            envelope["required"].append("visible")
        case "optional added":
            envelope["properties"]["weather"] = {"type": "string"}
        case "new version":
            schema["$id"] = "anfang:envelope:2"
            del envelope["properties"]["visible"]
    return schema


@pytest.mark.parametrize(
    ("what", "breaks"),
    [
        ("field gone", True),
        ("type changed", True),
        ("newly required", True),
        ("optional added", False),
        ("new version", False),
    ],
)
def test_incompatible_changes_are_found(what: str, breaks: bool) -> None:
    assert bool(incompatibilities(json_schema("envelope"), _changed(what))) is breaks


def test_a_real_envelope_satisfies_its_schema() -> None:
    envelope = Envelope(
        schema_version=1, estate_id="e", zone_id="z", camera_id="c", boot_id="b", seq=0, start_ms=1, end_ms=2
    )
    jsonschema.validate(json.loads(msgspec.json.encode(envelope)), json_schema("envelope"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"schema_version": 2}, json_schema("envelope"))
