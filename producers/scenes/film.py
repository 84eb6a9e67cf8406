"""Pictures into an MP4 file (H.264, one frame after another at an even rate)."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

from infra.errors import UserError
from producers.video.source import Image

QUALITY = "22"
"""x264's constant rate factor: smaller is better and larger on disk."""


def write_film(path: Path, pictures: Iterable[Image], fps: float, size_px: tuple[int, int]) -> int:
    """Write the pictures (height x width x 3, BGR), the number of frames back; width and height must be even."""
    import av

    if size_px[0] % 2 or size_px[1] % 2:
        raise UserError(f"a picture of {size_px[0]} x {size_px[1]}: H.264 wants even numbers", "mend view.size_px")
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = 0
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000))
        stream.width, stream.height = size_px
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": QUALITY, "preset": "veryfast", "threads": "1"}
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
            frames += 1
        container.mux(stream.encode())
    return frames
