"""Incidents at the estate's gates: persons without a passage of their own, too many persons, none that are seen."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from infra.clock import MINUTE_MS
from producers.day import BUTTON, CODE, NO_PASSAGE, Outage, crossed
from producers.layout import NOBODY, Ints
from producers.simulate.scene import Injected, Scene, record

FOLLOWS_MS: Final = 1_200
NEXT_MS: Final = 2_500
ALONE_MS: Final = 60_000
SEARCH_MS: Final = 20 * MINUTE_MS


def tailgater(name: str, start_ms: int, scene: Scene) -> Injected | None:
    """Somebody slips through a gate behind another without a passage, and leaves by it half an hour later."""
    return _behind_somebody(name, start_ms, 1, scene)


def held_gate(name: str, start_ms: int, scene: Scene) -> Injected | None:
    """Somebody holds the gate: four to six persons come in behind, one every 2.5 s, and leave half an hour later."""
    return _behind_somebody(name, start_ms, int(scene.random.integers(4, 7)), scene)


def forced_gate(name: str, start_ms: int, scene: Scene) -> Injected | None:
    """Somebody comes in without a passage while nobody else does, and leaves half an hour later."""
    for line, inward in _gate_lines(scene):
        come_ms = np.array([start_ms, *_came_in(line, inward, scene), start_ms + SEARCH_MS])
        come_ms = come_ms[(come_ms >= start_ms) & (come_ms <= start_ms + SEARCH_MS)]
        widest = int(np.argmax(np.diff(come_ms)))
        if come_ms[widest + 1] - come_ms[widest] > 2 * ALONE_MS:
            enter_ms = int(come_ms[widest] + come_ms[widest + 1]) // 2
            return _without_passage(name, line, inward, [enter_ms], scene)
    return None


def rush(name: str, start_ms: int, scene: Scene) -> Injected | None:
    """100 to 140 visitors come in by one gate within 20 min, granted, and leave by it half an hour later."""
    line, inward = next(iter(_gate_lines(scene)), (None, 0))
    if line is None:
        return None
    people = scene.life.new_people(int(scene.random.integers(100, 141)))
    entered = start_ms + np.sort(scene.random.integers(0, 20 * MINUTE_MS, len(people)))
    left = entered + scene.random.integers(25 * MINUTE_MS, 35 * MINUTE_MS, len(people))
    made = crossed(
        event_ms=np.concatenate([entered, left]),
        line=np.full(2 * len(people), line),
        direction=np.repeat([inward, -inward], len(people)),
        person=np.tile(people, 2),
        method=np.repeat([CODE, BUTTON], len(people)),
    )
    zone_id, line_id = scene.layout.inner_zone(line), scene.layout.site.lines[line].id
    return Injected(record(name, zone_id, line_id, int(entered[0]), int(left.max())), made)


def blind_camera(name: str, start_ms: int, scene: Scene) -> Injected | None:
    """The camera of a gate's line sends as ever, but for two hours of the rush hours it sees nobody cross."""
    line, _ = next(iter(_gate_lines(scene)), (None, 0))
    camera = NOBODY if line is None else int(scene.layout.line_camera[line])
    if line is None or camera == NOBODY:
        return None
    end_ms = start_ms + 120 * MINUTE_MS
    told = record(name, scene.layout.inner_zone(line), scene.layout.site.lines[line].id, start_ms, end_ms)
    return Injected(told, outage=Outage(camera, start_ms, end_ms, silent=False))


def _behind_somebody(name: str, start_ms: int, persons: int, scene: Scene) -> Injected | None:
    for line, inward in _gate_lines(scene):
        come_ms = _came_in(line, inward, scene)
        come_ms = come_ms[come_ms >= start_ms]
        if len(come_ms) and come_ms[0] <= start_ms + SEARCH_MS:
            enter_ms = [int(come_ms[0]) + FOLLOWS_MS + NEXT_MS * number for number in range(persons)]
            return _without_passage(name, line, inward, enter_ms, scene)
    return None


def _gate_lines(scene: Scene) -> list[tuple[int, int]]:
    """(line, its inward direction) of every gate to the outside, in random order."""
    lines = scene.random.permutation(scene.layout.gate_lines).tolist()
    return [(line, scene.layout.inward(line)) for line in lines]


def _came_in(line: int, inward: int, scene: Scene) -> Ints:
    made = scene.day.crossed
    return made.take((made.line == line) & (made.direction == inward)).event_ms


def _without_passage(name: str, line: int, inward: int, enter_ms: Sequence[int], scene: Scene) -> Injected:
    """New persons cross the line at these times with no passage, seen for sure, and leave 20 to 35 min later."""
    layout, people = scene.layout, scene.life.new_people(len(enter_ms))
    entered = np.array(enter_ms)
    left = entered + scene.random.integers(20 * MINUTE_MS, 35 * MINUTE_MS)
    both = crossed(
        event_ms=np.concatenate([entered, left]),
        line=np.full(2 * len(people), line),
        direction=np.repeat([inward, -inward], len(people)),
        person=np.tile(people, 2),
        method=np.repeat([NO_PASSAGE, BUTTON], len(people)),
    )
    made = replace(both, kept=both.method == NO_PASSAGE)
    told = record(name, layout.inner_zone(line), layout.site.lines[line].id, enter_ms[0], enter_ms[-1] + 1000)
    return Injected(told, made)
