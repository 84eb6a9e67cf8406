"""JSON Schemas and the AsyncAPI document, generated from the event contracts, and what makes a change incompatible.

The files in `infra/schemas/` are checked in: `anfang schema write` makes them anew, `anfang schema check` says whether
they are those of `infra/events.py`. A reader of today must understand every message that was valid yesterday;
`incompatibilities` lists what would break that, or would break yesterday's reader of today's messages.
"""

from pathlib import Path
from typing import Any

import msgspec
import yaml

from infra.events import MESSAGES, SCHEMA_VERSION
from infra.topics import (
    ALERTS,
    BASELINES,
    DEAD_LETTERS,
    DETECTIONS,
    DISPOSITIONS,
    GATE_PASSAGES,
    HEADCOUNTS,
    OCCUPANCY,
    OCCUPANCY_LATEST,
    SUBSCRIPTIONS,
    Topic,
)

SCHEMAS = Path(__file__).parent / "schemas"
CHANNELS: dict[str, Topic] = {
    "envelope": DETECTIONS,
    "gate_passage": GATE_PASSAGES,
    "headcount": HEADCOUNTS,
    "occupancy_minute": OCCUPANCY,
    "occupancy_now": OCCUPANCY_LATEST,
    "alert": ALERTS,
    "disposition": DISPOSITIONS,
    "baseline": BASELINES,
    "subscription": SUBSCRIPTIONS,
}

Schema = dict[str, Any]  # JSON Schema is untyped by nature


def json_schema(name: str) -> Schema:
    """The JSON Schema (2020-12) of message `name`, self-contained."""
    schema: Schema = msgspec.json.schema(MESSAGES[name])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"anfang:{name}:{SCHEMA_VERSION}",
        **schema,
    }


def asyncapi() -> Schema:
    """The AsyncAPI 3.0 document: which message goes over which topic."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "anfang",
            "version": str(SCHEMA_VERSION),
            "description": f"Refused messages go to {DEAD_LETTERS.name}: their own bytes; headers say where and why.",
        },
        "defaultContentType": "application/json",
        "channels": {
            topic.name: {
                "address": topic.name,
                "description": topic.what,
                "messages": {name: {"payload": {"$ref": f"./{name}.schema.json"}}},
            }
            for name, topic in CHANNELS.items()
        },
        "operations": {
            f"receive_{name}": {"action": "receive", "channel": {"$ref": f"#/channels/{topic.name}"}}
            for name, topic in CHANNELS.items()
        },
    }


def documents() -> dict[str, str]:
    """All generated files: {file name: content}."""
    schemas = {f"{name}.schema.json": _pretty(json_schema(name)) for name in MESSAGES}
    return schemas | {"asyncapi.yaml": yaml.safe_dump(asyncapi(), sort_keys=False, width=120, allow_unicode=True)}


def _pretty(schema: Schema) -> str:
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"


def outdated() -> list[str]:
    """Names of checked-in files that are not what the contracts say now."""
    made = documents()
    return [name for name, text in made.items() if not _same(SCHEMAS / name, text)]


def _same(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


def write() -> list[str]:
    """Write the files that are outdated; returns their names."""
    SCHEMAS.mkdir(exist_ok=True)
    stale = outdated()
    made = documents()
    for name in stale:
        (SCHEMAS / name).write_text(made[name], encoding="utf-8")
    return stale


def incompatibilities(old: Schema, new: Schema) -> list[str]:
    """What in `new` breaks a reader or writer of `old`: a field gone, newly required, or of another type."""
    if old.get("$id") != new.get("$id"):
        return []  # a new version may differ
    found: list[str] = []
    old_types, new_types = old.get("$defs", {}), new.get("$defs", {})
    for type_name, before in old_types.items():
        after = new_types.get(type_name)
        if after is None:
            found.append(f"{type_name}: gone")
            continue
        found += [f"{type_name}.{problem}" for problem in _field_problems(before, after)]
    return found


def _field_problems(before: Schema, after: Schema) -> list[str]:
    old_fields, new_fields = before.get("properties", {}), after.get("properties", {})
    gone = [f"{name}: gone" for name in old_fields if name not in new_fields]
    changed = [
        f"{name}: was {shape}, is {new_fields[name]}"
        for name, shape in old_fields.items()
        if name in new_fields and new_fields[name] != shape
    ]
    newly = set(after.get("required", [])) - set(before.get("required", []))
    return gone + changed + [f"{name}: newly required" for name in sorted(newly)]
