"""One camera from frames to valid envelopes, with a tracker that is told what to see."""

import pytest

from infra.errors import UserError
from producers.video.motion import IDLE_MS
from producers.video.source import Fault, Frame
from producers.video.watch import Watch
from tests.producers.helpers import MemorySink
from tests.producers.video.helpers import (
    NOTHING,
    START_MS,
    follow_dark,
    judged,
    plaza_camera,
    site_with_view,
    street,
    walk,
)

SITE = site_with_view()


def watched(frames: list[Frame | Fault], sink: MemorySink, busy_fps: float = 25) -> Watch:
    """A watch that has taken such frames."""
    watch = Watch(
        SITE, plaza_camera(SITE), boot_id="boot", start_ms=START_MS, follow=follow_dark, busy_fps=busy_fps, sink=sink
    )
    for item in frames:
        if (frame := watch.take(item)) is not None:
            watch.look(frame, NOTHING)
    return watch


def test_a_walk_is_one_crossing_and_an_empty_street_is_hardly_looked_at() -> None:
    sink = MemorySink()
    result = watched(walk(), sink).finish()
    envelopes = judged(sink, SITE)
    assert result.crossings == {"plaza_edge": (1, 0)}
    assert sum(len(e.crossings.crossing_id) for e in envelopes if e.crossings) == 1
    assert result.frames == 310
    assert result.looks < 60 + 60 + 250 * 40 / IDLE_MS
    assert envelopes[-1].visible == 0


def test_a_smaller_stream_of_the_same_shape_will_do() -> None:
    assert watched(walk((320, 240)), MemorySink()).finish().crossings == {"plaza_edge": (1, 0)}


def test_faults_are_counted_and_told() -> None:
    sink = MemorySink()
    items = walk()
    faults: list[Frame | Fault] = [Fault(START_MS + 19_000, "cut", 2), Fault(START_MS + 20_000, "gone", offline=True)]
    result = watched([*items, *faults], sink).finish()
    assert (result.offline, result.decode_errors) == (1, 2)
    health = [envelope.health for envelope in judged(sink, SITE) if envelope.health]
    assert [(one.online, one.decode_errors) for one in health] == [(True, 0), (False, 2)]


def test_frames_lost_at_the_end_of_a_recording_are_told() -> None:
    sink = MemorySink()
    watched([*walk(), Fault(START_MS + 13_000, "cut", 3)], sink).finish()
    health = [envelope.health for envelope in judged(sink, SITE) if envelope.health]
    assert [one.decode_errors for one in health] == [0, 3]


def test_frames_that_came_too_fast_are_published_once() -> None:
    sink = MemorySink()
    frames: list[Frame | Fault] = [Frame(START_MS + n * 1000, street(100 + n), dropped=n % 3) for n in range(200)]
    result = watched(frames, sink).finish()
    told = [envelope.health.dropped for envelope in judged(sink, SITE) if envelope.health]
    true = [n % 3 for n in range(200)]
    assert told == [sum(true[:1]), sum(true[1:61]), sum(true[61:121]), sum(true[121:181]), sum(true[181:])]
    assert result.dropped == sum(true)


def test_a_source_that_ends_before_its_time_makes_its_camera_offline() -> None:
    sink = MemorySink()
    watch = watched([], sink)
    watch.fail("no.mp4: no such file")
    assert watch.finish().failed == "no.mp4: no such file"
    (told,) = judged(sink, SITE)
    assert (told.start_ms, told.visible, told.health and told.health.online) == (START_MS, None, False)


class Lossy(MemorySink):
    """Kafka is gone: what was sent did not arrive."""

    def flush(self) -> int:
        """Say so."""
        raise UserError("Kafka did not take it", "start Kafka")


def test_what_did_not_arrive_is_noticed_long_before_the_end() -> None:
    sink = Lossy()
    with pytest.raises(UserError, match="did not take"):
        watched(walk(), sink)
    assert len(sink.sent) == 1


def test_it_looks_no_more_often_than_it_may() -> None:
    assert watched(walk()[:60], MemorySink(), busy_fps=5).finish().looks <= 13
