"""The sides of the benchmark camera: `python -m tests.benchmarks.camera_workers SIDE SCENE WEIGHTS`, each a process.

`ours` and `plain` run on one core and print a `Pass`; `ack` watches the street at its own pace as if live and prints
how long messages took from the frame that completed them to Kafka's acknowledgement.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Final

import msgspec
import numpy as np
from confluent_kafka import KafkaError, Message, Producer

from infra.clock import SystemClock
from infra.settings import Settings, load_settings
from infra.site import Site, View
from infra.topics import Topic, create_topics, topic_name
from producers.sink import Headers, transport_options
from producers.video.detect import OFFLINE, Detector
from producers.video.fleet import Fleet, Member
from producers.video.run import Plan, run
from producers.video.source import Fault, Frame, recording
from producers.video.track import Tracker
from producers.video.watch import Watch
from tests.benchmarks.camera import Pass, Scene, scenes
from tests.producers.helpers import MemorySink, nested_site

CAMERA: Final = "cam_main"
LIVE_S: Final = 60.0


def site_of(scene: Scene) -> Site:
    """The nested site, its main camera with the scene's view."""
    site, view = nested_site(), View(size_px=scene.size, lines=scene.lines())
    cameras = [camera.model_copy(update={"view": view if camera.id == CAMERA else None}) for camera in site.cameras]
    return site.model_copy(update={"cameras": tuple(cameras)})


def ours(scene: Scene, weights: Path) -> Pass:
    """The whole way of `anfang produce video`, but for Kafka: the clock starts when the first frame is done."""
    started: list[float] = []

    def done(_share: float) -> None:
        if not started:
            started.append(time.process_time())

    plan = Plan([str(scene.video)], [CAMERA], weights, "2024-05-27T08:00:00")
    found = run(site_of(scene), plan, MemorySink(), done).cameras[CAMERA]
    cpu_s = time.process_time() - started[0]
    assert found.first_event_ms is not None
    assert found.last_event_ms is not None
    return Pass(cpu_s, (found.last_event_ms - found.first_event_ms) / 1000, found.frames, found.looks, found.crossings)


def plain(scene: Scene, weights: Path) -> Pass:
    """The loop that everybody writes first: its clock too starts when the first frame is done."""
    os.environ.update(OFFLINE)
    import cv2
    import supervision as sv
    from ultralytics import YOLO

    model, anchor = YOLO(str(weights), task="detect"), [sv.Position.BOTTOM_CENTER]
    height = scene.size[1]  # supervision's "in" is to the right of a line drawn from top to bottom
    zones = {
        name: sv.LineZone(sv.Point(a[0], 0), sv.Point(a[0], height), triggering_anchors=anchor)
        for name, (a, _) in scene.lines().items()
    }
    capture = cv2.VideoCapture(str(scene.video))
    started = 0.0
    frames = 0
    while True:
        ok, image = capture.read()
        if not ok:
            break
        (result,) = model.track(image, persist=True, tracker="bytetrack.yaml", classes=[0], verbose=False)
        tracks = sv.Detections.from_ultralytics(result)
        for zone in zones.values():
            zone.trigger(tracks)
        frames += 1
        started = started or time.process_time()
    cpu_s, fps = time.process_time() - started, capture.get(cv2.CAP_PROP_FPS)
    crossings = {name: (zone.in_count, zone.out_count) for name, zone in zones.items()}
    return Pass(cpu_s, (frames - 1) / fps, frames, frames, crossings)


class AckSink:
    """Sends to Kafka as `KafkaSink` does, and notes when each message was acknowledged."""

    def __init__(self, settings: Settings) -> None:
        create_topics(settings)
        self._settings, self._producer = settings, Producer(transport_options(settings))
        self.taken_ms = 0
        self.took_ms: list[int] = []
        Thread(target=self._poll, daemon=True).start()

    def send(self, topic: Topic, key: bytes, value: bytes, timestamp_ms: int, headers: Headers | None = None) -> None:
        """Send one message."""
        taken_ms = self.taken_ms

        def noted(error: KafkaError | None, _message: Message) -> None:
            assert error is None, error
            self.took_ms.append(SystemClock().now_ms() - taken_ms)

        name = topic_name(topic, self._settings)
        self._producer.produce(name, value, key, timestamp=timestamp_ms, headers=headers, on_delivery=noted)

    def flush(self) -> int:
        """Wait for all."""
        self._producer.flush()
        return len(self.took_ms)

    def _poll(self) -> None:
        while True:
            self._producer.poll(0.01)


class Timed(Watch):
    """A watch that tells its sink when the frame that it works on was taken."""

    def __init__(self, sink: AckSink, site: Site) -> None:
        follow = Tracker(25.0).follow
        super().__init__(site, site.camera[CAMERA], boot_id="ack", start_ms=0, follow=follow, busy_fps=25.0, sink=sink)
        self._acks = sink

    def take(self, item: Frame | Fault) -> Frame | None:
        """Note the time, and go on."""
        self._acks.taken_ms = item.event_ms
        return super().take(item)


def paced(video: Path) -> Iterator[Frame | Fault]:
    """The recording over and over as a live camera gives it: at its own pace, by this machine's clock."""
    began, played = time.monotonic(), 0.0
    while played < LIVE_S:
        start = played
        for item in recording(str(video), 0, 25.0):
            played = start + (item.event_ms + 40) / 1000
            time.sleep(max(0.0, began + played - time.monotonic()))
            if isinstance(item, Frame):
                yield Frame(SystemClock().now_ms(), item.image)


def ack(scene: Scene, weights: Path) -> dict[str, float]:
    """Milliseconds from a frame taken to the acknowledgement of the messages that it completed."""
    sink, detector = AckSink(load_settings()), Detector(weights)
    detector.find([np.zeros((480, 640, 3), np.uint8)])

    def items(_closed: Event) -> Iterator[Frame | Fault]:
        return paced(scene.video)

    totals = Fleet([Member(CAMERA, items, Timed(sink, site_of(scene)), live=True)], detector.find, print).run()
    p50, p95, p99 = np.percentile(sink.took_ms, [50, 95, 99]).tolist()
    dropped = totals[CAMERA].dropped
    return {"p50": p50, "p95": p95, "p99": p99, "messages": float(len(sink.took_ms)), "dropped": float(dropped)}


SIDES: Final[dict[str, Callable[[Scene, Path], Pass | dict[str, float]]]] = {"ours": ours, "plain": plain, "ack": ack}

if __name__ == "__main__":
    side, number, weights = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    if side != "ack":  # one core: the model then has one thread, and nothing spins while it waits for another
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(msgspec.json.encode(SIDES[side](scenes()[number], weights)).decode())
