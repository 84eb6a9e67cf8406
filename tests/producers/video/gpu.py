"""What one GPU carries: `python -m tests.producers.video.gpu VIDEO [OUT.json]`, on a machine with CUDA.

The same detector that `anfang produce video` uses looks at the same pictures on the CPU and on the GPU (ultralytics
takes the GPU by itself for .pt weights), in batches as a process with that many cameras makes them. Two models: the
demo's own, whose boxes must be the same on both; and yolo11n at 640 x 480 as ultralytics makes it, untrained, for its
speed alone: what it finds is nothing, so the little time that boxes take is not in it. The clock has everything in it
from pictures in memory to boxes in memory. Decoding and tracking are not in it: they stay on the CPU.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np

from producers.video.detect import DEMO_WEIGHTS, Detector, Floats, offline
from producers.video.source import Frame, Image, recording

BATCHES: Final = (1, 8, 32, 128)
PICTURES: Final = 1024
COMPARED: Final = 256
PATIENCE_S: Final = 25.0
LEAST_IOU: Final = 0.9
DEMO: Final = DEMO_WEIGHTS.parent / "scenes.pt"


def pictures(video: Path, size: tuple[int, int] | None) -> list[Image]:
    """The recording's frames, scaled to `size`, over and over until there are enough."""
    import cv2

    images = [item.image for item in recording(str(video), 0, 10.0) if isinstance(item, Frame)]
    if size is not None:
        images = [cv2.resize(image, size).astype(np.uint8) for image in images]
    return [images[number % len(images)] for number in range(PICTURES)]


def untrained(folder: Path) -> Path:
    """yolo11n for COCO's classes, with the weights it begins with."""
    offline()
    from ultralytics import YOLO
    from ultralytics.utils import ROOT, YAML

    model = YOLO("yolo11n.yaml", task="detect")
    model.model.names = YAML.load(ROOT / "cfg" / "datasets" / "coco.yaml")["names"]
    model.save(str(folder / "untrained.pt"))
    return folder / "untrained.pt"


def per_second(detector: Detector, images: list[Image], batch: int) -> float:
    """Pictures a second in batches of that many, after three batches that do not count."""
    for _ in range(3):
        detector.find(images[:batch])
    begun, done = time.perf_counter(), 0
    while done + batch <= len(images) and time.perf_counter() - begun < PATIENCE_S:
        detector.find(images[done : done + batch])
        done += batch
    return done / (time.perf_counter() - begun)


def alike(one: Floats, other: Floats) -> bool:
    """Whether the boxes above ByteTrack's threshold are the same ones: each overlaps one of the same class by 0.9."""
    import torch
    from ultralytics.utils.metrics import box_iou

    mine, theirs = (torch.from_numpy(boxes[boxes[:, 4] >= 0.4]) for boxes in (one, other))
    if len(mine) != len(theirs):
        return False
    same = (box_iou(mine[:, :4], theirs[:, :4]) >= LEAST_IOU) & (mine[:, None, 5] == theirs[None, :, 5])
    return bool(same.any(1).all())


def one_device(video: Path, out: Path) -> None:
    """Measure whatever device this process sees; figures to `out`, the demo model's boxes beside it."""
    import torch

    found: dict[str, object] = {"device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"}
    found["threads"] = torch.get_num_threads()
    for name, weights, size in (("demo", DEMO, None), ("yolo11n", untrained(out.parent), (640, 480))):
        images, detector = pictures(video, size), Detector(weights)
        found[name] = {str(batch): round(per_second(detector, images, batch), 1) for batch in BATCHES}
        if name == "demo":
            boxes = [one for at in range(0, COMPARED, 32) for one in detector.find(images[at : at + 32])]
            np.savez(out.with_suffix(".npz"), *boxes)
    out.write_text(json.dumps(found))


def main() -> None:
    """Both devices, each in a process of its own."""
    video = Path(sys.argv[1])
    if len(sys.argv) > 3:
        one_device(video, Path(sys.argv[3]))
        return
    told, boxes = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for device, more in (("gpu", {}), ("cpu", {"CUDA_VISIBLE_DEVICES": ""})):
            out = Path(folder) / device / "told.json"
            out.parent.mkdir()
            argv = [sys.executable, "-m", "tests.producers.video.gpu", str(video), "one", str(out)]
            subprocess.run(argv, env=os.environ | more, check=True)
            told[device] = json.loads(out.read_text())
            with np.load(out.with_suffix(".npz")) as stored:
                boxes[device] = [stored[name] for name in stored.files]
    same = sum(alike(a, b) for a, b in zip(boxes["gpu"], boxes["cpu"], strict=True))
    summary = told | {"pictures_alike": same, "pictures_compared": COMPARED}
    text = json.dumps(summary, indent=2)
    print(text)
    if len(sys.argv) > 2:
        Path(sys.argv[2]).write_text(text)


if __name__ == "__main__":
    main()
