"""Train the demo detector on rendered scenes: `python -m producers.scenes.train`, a command for developers.

Some 40 minutes on two cores, no GPU, no network: pictures are rendered, ultralytics trains `detector.yaml` on them from
nothing, and the weights (half precision) with their metrics replace those in `weights/`. What comes out knows rendered
scenes only: never put it behind a real camera.
"""

import argparse
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import yaml

from producers.scenes.backdrop import Light, Tree
from producers.scenes.lens import Lens
from producers.scenes.path import Segment
from producers.scenes.render import Rendered, Scene, rendered
from producers.scenes.traffic import Party, Stage, cast, mixed
from producers.video.detect import CLASSES, offline
from producers.video.optimise import Plan, optimise

TRAINED: Final = Path(__file__).parent / "weights" / "scenes.pt"
MODEL: Final = Path(__file__).parent / "detector.yaml"
SIZES_PX: Final = ((320, 240), (640, 480))
"""All of one shape, so that no part of what the model is shown is padding."""
PICTURES_PER_SCENE: Final = 10
SCENE_S: Final = 40.0
VAL_SEED: Final = 1_000_000
"""Seeds of the scenes for validation begin here; the tests' own are below 1000, those for training between."""
TRAIN_SEED: Final = 1_000
NEXT_SEED: Final = 10_000
"""Added for each unit of the recipe's seed: another seed, other scenes."""


LESSONS: Final[dict[Party, float]] = {
    "one": 0.26,
    "pair": 0.08,
    "bicycle": 0.14,
    "motorcycle": 0.14,
    "car": 0.19,
    "truck": 0.13,
    "loiterer": 0.02,
    "looper": 0.02,
    "passer": 0.02,
}
"""What comes through the scenes that are learnt from: vehicles more often than in life."""


@dataclass(frozen=True)
class Recipe:
    """How to train: pictures, for how many minutes (as many epochs as fit), their width for the model, and the seed."""

    pictures: int = 2_500
    val_pictures: int = 200
    minutes: int = 36
    image_px: int = 320
    batch: int = 8
    seed: int = 7


HABITS: Final = {
    "exist_ok": True,
    "device": "cpu",
    "workers": 1,
    "cache": "ram",
    "amp": False,
    "plots": False,
    "rect": True,
    "optimizer": "AdamW",
    "cos_lr": True,
    "warmup_epochs": 1,
    "mosaic": 0.0,
    "scale": 0.3,
}
"""How a small model learns simple pictures on few cores."""
RATE: Final = 0.002


def scene_of(seed: int) -> Scene:
    """A scene of its own for each seed: camera, ground, light, trees and dense mixed traffic."""
    random = np.random.default_rng([seed, 2])
    lens = Lens(
        SIZES_PX[int(random.integers(len(SIZES_PX)))],
        random.uniform(4.5, 6.5),
        random.uniform(31, 41),
        random.uniform(0.82, 1.0),
    )
    light = Light(
        (random.uniform(-0.8, 0.8), random.uniform(-0.8, 0.8)),
        gain=random.uniform(0.55, 1.2),
        noise=random.uniform(1, 5),
    )
    width, height = lens.size_px
    corners = random.uniform((0.1, 0.25), (0.9, 0.9), (2, 2)) * (width, height)
    (ax, ay), (bx, by) = corners.tolist()
    line: Segment = lens.place(ax, ay), lens.place(bx, by)
    stage = Stage(lens, {"line": line})
    actors = cast(stage, mixed(stage, SCENE_S, random.uniform(20, 70), random, LESSONS), random, all_come=False)
    trees = [
        Tree((random.uniform(-7, 7), random.uniform(5, 16)), random.uniform(2.5, 4))
        for _ in range(int(random.integers(0, 3)))
    ]
    return Scene(lens, light, actors, trees, seed)


def pictures(first_seed: int, count: int) -> Iterator[Rendered]:
    """Pictures of one scene after another, at random times."""
    for number in range(-(-count // PICTURES_PER_SCENE)):
        seed = first_seed + number
        times = np.sort(np.random.default_rng([seed, 3]).uniform(5, SCENE_S - 5, PICTURES_PER_SCENE))
        wanted = min(PICTURES_PER_SCENE, count - number * PICTURES_PER_SCENE)
        yield from rendered(scene_of(seed), times.tolist()[:wanted])


def write_dataset(folder: Path, recipe: Recipe) -> Path:
    """Pictures and labels as ultralytics reads them; the path of the file that describes them."""
    for part, first_seed, count in (
        ("train", TRAIN_SEED + NEXT_SEED * recipe.seed, recipe.pictures),
        ("val", VAL_SEED, recipe.val_pictures),
    ):
        for kind in ("images", "labels"):
            (folder / kind / part).mkdir(parents=True, exist_ok=True)
        quality = np.random.default_rng([first_seed, 4]).integers(60, 96, count).tolist()
        order = np.random.default_rng([first_seed, 5]).permutation(count).tolist()  # `rect` is not shuffled again
        for number, picture in zip(order, pictures(first_seed, count), strict=True):
            _write_picture(folder, f"{part}/{number:05d}", picture, quality[number])
    described = folder / "scenes.yaml"
    names = dict(enumerate(CLASSES))
    described.write_text(
        yaml.safe_dump({"path": str(folder.resolve()), "train": "images/train", "val": "images/val", "names": names}),
        encoding="utf-8",
    )
    return described


def _write_picture(folder: Path, name: str, picture: Rendered, quality: int) -> None:
    """One JPEG, and its labels: class, then the box's middle, width and height as shares of the picture."""
    import cv2

    height, width = picture.image.shape[:2]
    cv2.imwrite(str(folder / "images" / f"{name}.jpg"), picture.image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    rows = []
    for one in picture.boxes:
        left, top, right, bottom = one.box
        shares = (
            (left + right) / 2 / width,
            (top + bottom) / 2 / height,
            (right - left) / width,
            (bottom - top) / height,
        )
        rows.append(" ".join([str(CLASSES.index(one.object_class)), *(f"{share:.5f}" for share in shares)]))
    (folder / "labels" / f"{name}.txt").write_text("\n".join(rows), encoding="utf-8")


def train(folder: Path, recipe: Recipe, weights: Path, start: Path = MODEL) -> None:
    """Train on rendered pictures in `folder`; the weights go to `weights`, int8 and metrics beside it.

    `start` are weights of an earlier training to go on from, at half its rate; the default begins from nothing.
    """
    offline()
    from ultralytics import YOLO

    described = write_dataset(folder / "pictures", recipe)
    YOLO(str(start), task="detect").train(
        data=str(described),
        time=recipe.minutes / 60,
        imgsz=recipe.image_px,
        batch=recipe.batch,
        nbs=recipe.batch,
        seed=recipe.seed,
        project=str((folder / "runs").resolve()),
        name="detector",
        **HABITS,
        lr0=RATE if start == MODEL else RATE / 2,
    )
    best = folder / "runs" / "detector" / "weights" / "best.pt"
    weights.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(best, weights)
    made = optimise(Plan(weights, str(folder / "pictures" / "images" / "val"), weights.parent))
    record = {
        "knows": "rendered scenes only; never use it on a real camera",
        "recipe": asdict(recipe) | {"start": start.name},
        "epochs": len((folder / "runs" / "detector" / "results.csv").read_text(encoding="utf-8").splitlines()) - 1,
        "validation": _validated(weights, described, recipe),
        "int8": {"same": made.same, "compared": made.compared, "detections": made.detections},
    }
    weights.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _validated(weights: Path, described: Path, recipe: Recipe) -> dict[str, float]:
    """Precision, recall and mean average precision on scenes that training has not seen, and the last by class."""
    from ultralytics import YOLO

    metrics = YOLO(str(weights)).val(data=str(described), imgsz=recipe.image_px, device="cpu", plots=False, workers=1)
    told = {name: round(float(value), 4) for name, value in metrics.results_dict.items()}
    by_class = {f"mAP50-95 {CLASSES[index]}": round(float(metrics.maps[index]), 4) for index in range(len(CLASSES))}
    return told | by_class


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description="Train the demo detector on rendered scenes.")
    parser.add_argument("--folder", type=Path, default=Path("out/train"), help="where pictures and runs go")
    parser.add_argument("--weights", type=Path, default=TRAINED, help="the file to write")
    parser.add_argument("--start", type=Path, default=MODEL, help="weights to go on from; default: none")
    for name, value in asdict(Recipe()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=value)
    given = vars(parser.parse_args())
    folder, weights, start = given.pop("folder"), given.pop("weights"), given.pop("start")
    train(folder, Recipe(**given), weights, start)


if __name__ == "__main__":
    main()
