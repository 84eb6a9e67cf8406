"""A film for those who set a camera up: what was seen and counted, drawn into its picture, every head made unknowable.

The heads of all that the detector takes for persons, however weakly, are brought down to `CELLS` x `CELLS` cells, and
so are those of persons just lost from sight, where they would be by now. A person whom the detector never finds is not
hidden: the file is readable by its owner only, and goes nowhere.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from infra.errors import UserError
from infra.events import Direction, Picture
from infra.site import Camera, Point
from producers.video.geometry import Floats, Seen
from producers.video.motion import Image
from producers.video.tell import drawn

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

CELLS: Final = 4
HEAD: Final = 1 / 3
"""Share of a person's box, from above, that is taken for the head; at least as high as the box is wide."""
AROUND: Final = 0.15
"""As far beyond the box, as a share of its width, the head is hidden."""
CODECS: Final = ("libx264", "mpeg4")
"""The first that is built in; browsers show the first only."""
READABLE_AT_ANY_TIME: Final = {"movflags": "frag_keyframe+empty_moov"}
ZONE, LINE, STATE = "#2e8b57", "#d2691e", "#202020"


class Scene(msgspec.Struct, frozen=True):
    """What is to be drawn into one frame, in pixels of the view.

    `persons` are n x 4 boxes to hide the heads of; `tracks` are those told; `crossings` counts by line and direction.
    """

    event_ms: int
    picture: Picture
    persons: Floats
    tracks: Sequence[Seen]
    visible: Mapping[str, int]
    crossings: Mapping[str, Mapping[Direction, int]]


def hide_heads(image: Image, boxes: Floats) -> None:
    """Bring the head of each of n x 4 boxes down to a few cells, in place."""
    import cv2

    height, width = image.shape[:2]
    for left, top, right, bottom in boxes.tolist():
        around = AROUND * (right - left)
        down = top + min(bottom - top, max(HEAD * (bottom - top), right - left))
        x1, x2 = (int(min(width, max(0, x))) for x in (left - around, right + around + 1))
        y1, y2 = (int(min(height, max(0, y))) for y in (top - around, down + 1))
        if x2 > x1 and y2 > y1:
            small = cv2.resize(image[y1:y2, x1:x2], (CELLS, CELLS), interpolation=cv2.INTER_AREA)
            image[y1:y2, x1:x2] = cv2.resize(small, (x2 - x1, y2 - y1), interpolation=cv2.INTER_NEAREST)


class Painter:
    """Draws the scenes of one camera, one after the other: tracks leave a trace."""

    def __init__(self, camera: Camera, tz: ZoneInfo) -> None:
        import supervision as sv

        self._camera, self._view, self._tz = camera, drawn(camera), tz
        self._boxes = sv.BoxAnnotator(thickness=2, color_lookup=sv.ColorLookup.TRACK)
        self._labels = sv.LabelAnnotator(
            text_scale=0.4, text_padding=2, color_lookup=sv.ColorLookup.TRACK, text_position=sv.Position.BOTTOM_CENTER
        )
        self._traces = sv.TraceAnnotator(
            position=sv.Position.BOTTOM_CENTER, trace_length=50, color_lookup=sv.ColorLookup.TRACK
        )

    def paint(self, image: Image, scene: Scene) -> Image:
        """A picture of the view's size (even numbers, as codecs want them); heads are hidden before all else."""
        import cv2

        width, height = self._view.size_px
        canvas: Image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        hide_heads(canvas, scene.persons)
        canvas = self._paint_tracks(canvas, scene.tracks)
        self._paint_view(canvas, scene)
        at = datetime.fromtimestamp(scene.event_ms / 1000, self._tz).strftime("%F %T")
        _write(canvas, f"{self._camera.id}  {at}  picture {scene.picture}", (4, 4), STATE)
        return canvas[: height // 2 * 2, : width // 2 * 2]

    def _paint_tracks(self, canvas: Image, tracks: Sequence[Seen]) -> Image:
        import supervision as sv

        found = sv.Detections(
            xyxy=np.array([seen.box for seen in tracks], np.float32).reshape(-1, 4),
            tracker_id=np.array([seen.track for seen in tracks], int),
        )
        canvas = self._traces.annotate(self._boxes.annotate(canvas, found), found)
        labels = [f"#{seen.track} {seen.object_class} {seen.confidence:.2f}" for seen in tracks]
        painted: Image = self._labels.annotate(canvas, found, labels)
        return painted

    def _paint_view(self, canvas: Image, scene: Scene) -> None:
        import supervision as sv

        for zone, polygon in self._view.zones.items():
            sv.draw_polygon(canvas, np.array(polygon).round().astype(int), sv.Color.from_hex(ZONE), 1)
            x, y = np.mean(polygon, axis=0).tolist()
            _write(canvas, f"{zone}: {scene.visible.get(zone, 0)}", (x, y), ZONE)
        for line, (start, end) in self._view.lines.items():
            sv.draw_line(canvas, sv.Point(*start), sv.Point(*end), sv.Color.from_hex(LINE), 2)
            ways = scene.crossings[line]
            _write(canvas, f"{line}: +{ways.get(1, 0)} -{ways.get(-1, 0)}", start, LINE)


def _write(canvas: Image, text: str, at: Point, colour: str) -> None:
    """White text on a ground of that colour, kept within the picture."""
    import cv2
    import supervision as sv

    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)
    x = min(max(at[0], width / 2 + 4), canvas.shape[1] - width / 2 - 4)
    y = min(max(at[1], height / 2 + 4), canvas.shape[0] - height / 2 - 4)
    ground = sv.Color.from_hex(colour)
    sv.draw_text(canvas, text, sv.Point(x, y), sv.Color.WHITE, 0.45, 1, 4, background_color=ground)


class Film:
    """An MP4 file, readable by its owner only, and up to its last frames if the process is killed."""

    def __init__(self, path: Path) -> None:
        """Raises UserError where the file cannot be written."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b")
            path.chmod(0o600)
        except OSError as error:
            raise UserError(f"--preview {path}: {error.strerror}", "give a file that can be written") from error
        self._out: tuple[OutputContainer, VideoStream] | None = None
        self._first_ms = self._last_ms = 0

    def add(self, image: Image, event_ms: int) -> None:
        """One more frame, shown at its event time; one that is not later than the last is left out."""
        import av

        if self._out is None:
            self._out, self._first_ms = self._open(image), event_ms
        elif event_ms <= self._last_ms:
            return
        self._last_ms = event_ms
        container, stream = self._out
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
        frame.pts, frame.time_base = event_ms - self._first_ms, Fraction(1, 1000)
        container.mux(stream.encode(frame))

    def close(self) -> None:
        """Write what is left."""
        if self._out is not None:
            container, stream = self._out
            container.mux(stream.encode())
            container.close()
        self._file.close()

    def _open(self, image: Image) -> "tuple[OutputContainer, VideoStream]":
        import av

        container = av.open(self._file, "w", format="mp4", options=READABLE_AT_ANY_TIME)
        codec = next(name for name in CODECS if name in av.codecs_available)
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, 1000)
        stream.codec_context.time_base = Fraction(1, 1000)
        return container, stream


class Preview:
    """What a watch is given to draw into: painter and film."""

    def __init__(self, path: Path, camera: Camera, tz: ZoneInfo) -> None:
        self._painter, self._film = Painter(camera, tz), Film(path)

    def show(self, image: Image, scene: Scene) -> None:
        """Draw one frame into the film."""
        self._film.add(self._painter.paint(image, scene), scene.event_ms)

    def close(self) -> None:
        """End the film."""
        self._film.close()
