"""The one place that calls deepface: heads to vectors on a thread of their own, vectors to tokens of the day.

deepface is let do one thing. `analyze` (age, gender, race, emotion), its streaming (writes pictures) and its stores
(write vectors) cannot be imported in this process any more; it logs nothing, fetches nothing and keeps no folder.
"""

import importlib.util
import os
import queue
import resource
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from infra.clock import Clock, local_day
from producers.video.detect import extra_missing
from producers.video.faces import BestHeads, Gallery, Head
from producers.video.geometry import Floats, Seen
from producers.video.motion import Image

MODEL: Final = "Dlib"
FACE_DETECTOR: Final = "dlib"
"""dlib's HOG detector finds faces seen from the front; what it does not find has no usable face."""
WEIGHTS: Final = ("dlib_face_recognition_resnet_model_v1.dat", "shape_predictor_5_face_landmarks.dat")
BARRED: Final = (
    "deepface.DeepFace",
    "deepface.modules.demography",
    "deepface.models.demography",
    "deepface.modules.streaming",
    "deepface.modules.recognition",
    "deepface.modules.datastore",
)
LEAST_FACE_PX: Final = 20
WAITING: Final = 16
"""Heads that may wait for the recogniser; further ones are skipped, and counted."""
LOOK_AT_CLOCK_S: Final = 1.0

Represent = Callable[[Image], Floats | None]
"""The vector of the one face in a picture; None where there is none, or more than one."""


def load_represent() -> Represent:
    """deepface's dlib model, loaded. Raises UserError where the vision extra is not installed."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash must not write memory to disk
    modules: dict[str, ModuleType | None] = vars(sys)["modules"]
    modules.update(dict.fromkeys(BARRED))  # None makes an import fail (Python reference, 5.3.1)
    with tempfile.TemporaryDirectory(prefix="anfang-") as home:
        _link_weights(Path(home) / ".deepface" / "weights")
        os.environ.update(DEEPFACE_HOME=home, DEEPFACE_LOG_LEVEL="100")
        try:
            from deepface.modules.representation import represent
        except ImportError as error:
            raise extra_missing(error) from error

        def vector(image: Image) -> Floats | None:
            try:
                found = represent(image, model_name=MODEL, detector_backend=FACE_DETECTOR, enforce_detection=True)
            except ValueError:  # no face
                return None
            if len(found) != 1 or min(found[0]["facial_area"]["w"], found[0]["facial_area"]["h"]) < LEAST_FACE_PX:
                return None
            return np.asarray(found[0]["embedding"], np.float64)

        represent(_blank(), model_name=MODEL, detector_backend=FACE_DETECTOR, enforce_detection=False)  # loads both
    return vector


def _link_weights(folder: Path) -> None:
    """The weights that `face_recognition_models` brings, where deepface looks for them: it fetches none."""
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise extra_missing(ImportError(name="face_recognition_models"))
    folder.mkdir(parents=True)
    for name in WEIGHTS:
        (folder / name).symlink_to(Path(spec.origin).parent / "models" / name)


def _blank() -> Image:
    return np.zeros((64, 64, 3), np.uint8)


@dataclass(frozen=True)
class Job:
    """A head to be known again among those of one purpose and day; `answer` is given its track and token or None."""

    purpose: str
    day: date
    head: Head
    answer: "queue.SimpleQueue[Answer]"


@dataclass(frozen=True)
class Answer:
    """The day's token of a track; None where there was no usable face. `failed`: the model did."""

    track: int
    day: date
    token: str | None
    failed: bool = False


class Recogniser:
    """A thread that answers jobs in their order. Each purpose has a gallery of its own: no purpose serves another.

    With a `clock` (live cameras) galleries are dropped at local midnight even when nobody comes; without one (a
    recording) the day is that of the faces.
    """

    def __init__(self, represent: Represent, tz: ZoneInfo, clock: Clock | None = None, waiting: int = WAITING) -> None:
        self._represent, self._tz, self._clock = represent, tz, clock
        self._jobs: queue.Queue[Job | None] = queue.Queue(waiting)
        self._galleries: dict[str, Gallery] = defaultdict(Gallery)
        self._thread = threading.Thread(target=self._work, name="faces", daemon=True)
        self._thread.start()

    def ask(self, job: Job, *, wait: bool) -> bool:
        """Queue a job. With `wait` it is answered when this returns; without, False says that there was no room."""
        if not wait:
            try:
                self._jobs.put_nowait(job)
            except queue.Full:
                return False
            return True
        self._jobs.put(job)
        self._jobs.join()
        return True

    def known(self) -> int:
        """How many faces are kept now."""
        return sum(len(gallery) for gallery in list(self._galleries.values()))

    def close(self) -> None:
        """Stop, and forget everybody."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        running = True
        while running:
            try:
                job = self._jobs.get(timeout=LOOK_AT_CLOCK_S)
            except queue.Empty:
                self._look_at_clock()
                continue
            self._look_at_clock()
            if job is None:
                running = False
            else:
                job.answer.put(self._answer(job))
            self._jobs.task_done()
        for gallery in self._galleries.values():
            gallery.forget()

    def _look_at_clock(self) -> None:
        if self._clock is not None:
            today = local_day(self._clock.now_ms(), self._tz)
            for gallery in self._galleries.values():
                gallery.begin(today)

    def _answer(self, job: Job) -> Answer:
        """Never raises: an exception's text or its frames may hold pictures or vectors, so it is only counted."""
        track, day = job.head.track, job.day
        try:
            face = self._represent(job.head.image)
            return Answer(track, day, None if face is None else self._galleries[job.purpose].token(day, face))
        except Exception:
            return Answer(track, day, None, failed=True)
        finally:
            job.head.image.fill(0)


class FacesTold(msgspec.Struct, frozen=True):
    """What became of the tracks that a face was looked for in: a token, none (no usable face), or neither."""

    tokens: int = 0
    without: int = 0
    skipped: int = 0
    failed: int = 0


class Visitors:
    """One camera's way from frames to tokens. `wait` (a recording) answers in step, so that a repeat is the same."""

    def __init__(
        self, recogniser: Recogniser, purpose: str, size_px: tuple[int, int], tz: ZoneInfo, *, wait: bool
    ) -> None:
        self._recogniser, self._purpose, self._tz, self._wait = recogniser, purpose, tz, wait
        self._heads = BestHeads(size_px, tz)
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._tokens = self._without = self._skipped = self._failed = 0

    @property
    def told(self) -> FacesTold:
        """The counts so far."""
        return FacesTold(self._tokens, self._without, self._skipped, self._failed)

    def look(self, event_ms: int, image: Image, seen: Sequence[Seen]) -> None:
        """A picture that the detector looked at, and the tracks in it (boxes in pixels of the view)."""
        self._heads.look(event_ms, image, seen)

    def recognised(self, event_ms: int, *, at_end: bool = False) -> list[tuple[int, str]]:
        """Send off what has been chosen by now; (track, token) of what was answered since, of today only."""
        today = local_day(event_ms, self._tz)
        for head in self._heads.chosen(event_ms, at_end=at_end):
            self._skipped += not self._recogniser.ask(Job(self._purpose, today, head, self._answers), wait=self._wait)
        found = []
        while not self._answers.empty():
            answer = self._answers.get()
            self._failed += answer.failed
            self._without += answer.token is None and not answer.failed
            if answer.token is not None and answer.day == today:
                self._tokens += 1
                found.append((answer.track, answer.token))
        return found
