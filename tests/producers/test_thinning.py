"""What a message gives up, part after part: detections, then the rest, then crossings; nothing else changes."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.thinning import Part, first_part, give_up, tell_thinned
from tests.producers.spooling import decoded, encoded, envelope


@given(st.integers(0, 5), st.integers(0, 3), st.booleans())
def test_it_gives_up_detections_then_the_rest_then_crossings(detections: int, crossings: int, health: bool) -> None:
    whole = envelope("z", 7, detections, crossings, health=health)
    first = give_up(encoded(whole), Part.DETECTIONS)
    assert first.value is not None
    assert decoded(first.value) == msgspec.structs.replace(whole, detections=None)
    assert (first.detections, first.crossings, first.part) == (detections, 0, Part.REST)
    second = give_up(first.value, first.part)
    if not crossings:
        assert (second.value, second.crossings) == (None, 0)
        return
    assert second.value is not None
    assert decoded(second.value) == msgspec.structs.replace(whole, detections=None, visible=None, health=None)
    third = give_up(second.value, second.part)
    assert (third.value, third.crossings) == (None, crossings)


def test_an_envelope_of_crossings_only_is_asked_last() -> None:
    bare = msgspec.structs.replace(envelope("z", 1, 2, 1), visible=None)
    assert give_up(encoded(bare), Part.DETECTIONS).part is Part.CROSSINGS


def test_what_a_lost_health_had_told_is_told_again() -> None:
    told, camera = tell_thinned(encoded(envelope("z", 1, 0, 1, health=True)), {"cam_z": 9, "cam_y": 4})
    assert camera == "cam_z"
    assert give_up(told, Part.REST).untold == 9


@pytest.mark.parametrize("value", [encoded(envelope("z", 1, 3)), encoded(envelope("y", 1, health=True)), b"{"])
def test_only_the_health_of_a_camera_that_was_thinned_is_changed(value: bytes) -> None:
    assert tell_thinned(value, {"cam_z": 9}) == (value, None)


def test_what_is_no_envelope_goes_last_and_whole() -> None:
    assert first_part("gate_passages") is Part.CROSSINGS
    kept = give_up(b"poison", Part.DETECTIONS)
    assert (kept.value, kept.part) == (b"poison", Part.CROSSINGS)
    assert give_up(b"poison", kept.part).value is None
