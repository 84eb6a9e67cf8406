"""A sink that keeps what it is given, and two small sites."""

from dataclasses import dataclass, field

import msgspec

from infra.events import Envelope, GatePassage, Headcount
from infra.settings import SMALL_SITE
from infra.site import Site, load_site
from infra.topics import DETECTIONS, GATE_PASSAGES, HEADCOUNTS, Topic
from producers.sink import Headers

SMALL = load_site(SMALL_SITE)


def watched_site() -> Site:
    """The small site with all that the rules look at: a fence that can be climbed, buildings not to loiter in."""
    content = SMALL.model_dump(mode="json")
    for zone in content["zones"]:
        if zone["id"] in ("building_1", "building_2"):
            zone["loitering_minutes"] = 10
    fence = {"id": "fence", "name": "周界", "kind": "perimeter", "parent": "estate", "capacity": 20}
    content["zones"].append(fence | {"polygon_m": [(0, 0), (140, 0), (140, 3), (0, 3)]})
    ends = {"from_zone": "outside", "to_zone": "fence", "points_m": [(5, 0), (55, 0)]}
    content["lines"].append({"id": "fence_south"} | ends)
    content["cameras"][-1]["lines"].append("fence_south")
    return Site.model_validate(content)


WATCHED = watched_site()


@dataclass(frozen=True)
class Sent:
    """One message as it was sent."""

    topic: str
    key: bytes
    value: bytes
    timestamp_ms: int


@dataclass
class MemorySink:
    """Keeps all messages."""

    sent: list[Sent] = field(default_factory=list)

    def send(self, topic: Topic, key: bytes, value: bytes, timestamp_ms: int, headers: Headers | None = None) -> None:
        """Keep one message."""
        assert headers is None
        self.sent.append(Sent(topic.name, key, value, timestamp_ms))

    def flush(self) -> int:
        """The number kept."""
        return len(self.sent)

    def detections(self) -> list[Sent]:
        """Messages on topic detections."""
        return [one for one in self.sent if one.topic == DETECTIONS.name]

    def envelopes(self) -> list[Envelope]:
        """All detections decoded; fails on poison."""
        return [msgspec.json.decode(one.value, type=Envelope) for one in self.detections()]

    def with_crossings(self) -> list[Envelope]:
        """The decoded envelopes that carry crossings, each once."""
        told = dict.fromkeys(one.value for one in self.detections() if b'"crossing_id"' in one.value)
        return [msgspec.json.decode(value, type=Envelope) for value in told]

    def headcounts(self) -> list[Headcount]:
        """All headcounts decoded."""
        return [msgspec.json.decode(one.value, type=Headcount) for one in self.sent if one.topic == HEADCOUNTS.name]

    def passages(self) -> list[GatePassage]:
        """All gate passages decoded."""
        return [
            msgspec.json.decode(one.value, type=GatePassage) for one in self.sent if one.topic == GATE_PASSAGES.name
        ]


def nested_site() -> Site:
    """Two phases, a floor in a building, a line drawn outwards, two doors to a house, a line that nobody counts."""
    square = [(0, 0), (9, 0), (9, 9)]

    def zone(name: str, kind: str, parent: str | None = None, capacity: int = 300, **more: object) -> dict[str, object]:
        base = {"id": name, "name": name, "kind": kind, "parent": parent, "capacity": capacity, "polygon_m": square}
        return base | more

    def line(name: str, a: str, b: str, x: int) -> dict[str, object]:
        return {"id": name, "from_zone": a, "to_zone": b, "points_m": [(x, 0), (x + 2, 0)]}

    def camera(name: str, zones: list[str], lines: list[str]) -> dict[str, object]:
        return {"id": name, "name": name, "kind": "counting", "position_m": (0, 0), "zones": zones, "lines": lines}

    return Site.model_validate(
        {
            "version": 1,
            "estate": {"id": "nested", "name": "nested", "households": 60, "residents": 150},
            "schedules": [{"id": "day", "weekly": ["mon-sun 07:00-21:00"]}],
            "zones": [
                zone("estate", "estate", capacity=900),
                zone("phase_a", "phase", "estate"),
                zone("phase_b", "phase", "estate"),
                zone("house_a", "building", "phase_a"),
                zone("floor_a", "floor", "house_a"),
                zone("house_b", "building", "phase_b"),
                zone("garden", "courtyard", "phase_a", 40, visible_fraction=0.5),
                zone("hall", "building", "phase_b", 30, opening_hours="day"),
                zone("fence", "perimeter", "estate", 20, opening_hours="day"),
            ],
            "lines": [
                line("main", "outside", "estate", 0),
                line("side", "phase_b", "outside", 200),
                line("edge_a", "estate", "phase_a", 20),
                line("edge_b", "estate", "phase_b", 40),
                line("door_a", "phase_a", "house_a", 60),
                line("stairs_a", "house_a", "floor_a", 66),
                line("door_b", "phase_b", "house_b", 80),
                line("cellar_b", "phase_b", "house_b", 86),
                line("path", "phase_a", "garden", 30),
                line("hall_door", "phase_b", "hall", 90),
            ],
            "cameras": [
                camera("cam_main", ["estate"], ["main", "edge_a", "edge_b"]),
                camera("cam_side", ["phase_b"], ["side", "main"]),
                camera("cam_a", ["house_a", "garden"], ["door_a", "path"]),
                camera("cam_b", ["house_b"], ["door_b", "cellar_b", "hall_door"]),
                camera("cam_fence", ["fence"], []),
            ],
            "gates": [
                {"id": "g1", "name": "g1", "entrance": "e", "line": "main"},
                {"id": "g2", "name": "g2", "entrance": "e", "line": "main"},
                {"id": "g3", "name": "g3", "entrance": "f", "line": "side"},
            ],
        }
    )
