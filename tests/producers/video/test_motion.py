"""The gate looks when something moves, and now and then anyway."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from producers.video.motion import BUSY_MS, IDLE_MS, Cells, Gate, cells, pass_gate
from producers.video.rate import ALWAYS, Pace

DICE = np.random.default_rng(5)
SCENE: Cells = DICE.integers(60, 200, (48, 64)).astype(np.uint8)
FRAME_MS = 40


def moved(scene: Cells) -> Cells:
    """The scene with one cell changed."""
    other = scene.copy()
    other[20, 30] += 20
    return other


def looks(scenes: list[Cells], least_ms: float = FRAME_MS, due: Pace = ALWAYS) -> list[int]:
    """The times at which the gate lets the detector look."""
    gate, times = Gate(), []
    for number, scene in enumerate(scenes):
        gate, look = pass_gate(gate, scene, number * FRAME_MS, least_ms, due)
        times += [number * FRAME_MS] if look else []
    return times


def test_where_nothing_moves_it_looks_once_a_second() -> None:
    assert looks([SCENE] * 101) == list(range(0, 101 * FRAME_MS, IDLE_MS))


def test_what_moves_is_looked_at_at_once_and_for_a_while() -> None:
    times = looks([SCENE] * 10 + [moved(SCENE)] * 90)
    busy = [time for time in times if 10 * FRAME_MS <= time < 10 * FRAME_MS + BUSY_MS]
    assert busy == list(range(10 * FRAME_MS, 10 * FRAME_MS + BUSY_MS, FRAME_MS))


def test_slow_changes_add_up() -> None:
    slow = [SCENE + np.uint8(number // 3) for number in range(100)]
    assert len(looks(slow)) > len(looks([SCENE] * 100)) * 5


def test_it_looks_no_faster_than_it_may() -> None:
    assert looks([SCENE, moved(SCENE)] * 20, least_ms=100) == list(range(0, 40 * FRAME_MS, 120))


def test_while_something_moves_it_looks_at_the_pace_it_is_given() -> None:
    scenes = [SCENE, moved(SCENE)] * 20
    assert looks(scenes, due=Pace(after_ms=200, change=1)) == list(range(0, 40 * FRAME_MS, 200))


def test_a_large_change_is_looked_at_at_once() -> None:
    scenes = [moved(SCENE)] * 3 + [SCENE + np.uint8(30)] * 9
    assert looks(scenes, due=Pace(after_ms=400, change=0.5)) == [0, 3 * FRAME_MS]


@given(st.lists(st.booleans(), max_size=200))
def test_it_never_looks_away_for_longer_than_idle(moving: list[bool]) -> None:
    times = looks([moved(SCENE) if one else SCENE for one in [*moving, *[False] * 30]])
    assert np.diff(times).max(initial=0) <= IDLE_MS


def test_sensor_noise_is_no_motion_and_a_small_person_is() -> None:
    street = DICE.normal(120, 6, (480, 640, 3)).clip(0, 255).astype(np.uint8)
    noise = DICE.normal(120, 6, (480, 640, 3)).clip(0, 255).astype(np.uint8)
    person = noise.copy()
    person[200:240, 300:314] = 80
    gate, _ = pass_gate(Gate(), cells(street), 0, FRAME_MS, ALWAYS)
    assert not pass_gate(gate, cells(noise), FRAME_MS, FRAME_MS, ALWAYS)[1]
    assert pass_gate(gate, cells(person), FRAME_MS, FRAME_MS, ALWAYS)[1]
