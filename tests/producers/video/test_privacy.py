"""No face gets out: the program watches two persons, then all that it sent, said and wrote is searched for them.

The search is told what to look for by a run of the same film in this process; and it must go red when a single line of
the program is changed to let a face out.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from infra.settings import SMALL_SITE, Settings
from infra.site import load_site
from infra.topics import TOPICS
from producers.video import run as video
from producers.video.geometry import Floats
from producers.video.motion import Image
from producers.video.recognise import load_represent
from tests.kafka_helpers import read_all
from tests.producers.helpers import MemorySink
from tests.producers.video.helpers import CHECKOUT, WANTS_MODEL, WEIGHTS, judged
from tests.producers.video.leaks import Secrets, leaks
from tests.producers.video.people import street

VIEW: Final = (
    "view: {size_px: [1280, 720], zones: {plaza: [[0, 0], [1280, 0], [1280, 720], [0, 720]]}, "
    "lines: {plaza_edge: [[640, 720], [640, 0]]}}"
)
FACES: Final = "faces: {purpose: 统计广场每日到访人数以安排值守}"
PASSING: Final = ("coach", "second", "coach")
FRAMES_PER_S: Final = 5


@dataclass(frozen=True)
class Film:
    """A folder of frames and the site whose plaza camera took them."""

    frames: Path
    site: Path


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    """One person passes, then another, then the first again."""
    import cv2

    folder = tmp_path_factory.mktemp("film")
    (folder / "frames").mkdir()
    pictures = [street(who, x) for who in PASSING for x in [*range(100, 650, 60), *[None] * 9]]
    for n, picture in enumerate(pictures):
        assert cv2.imwrite(str(folder / "frames" / f"{n:04}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 97])
    site, line = folder / "site.yaml", "lines: [plaza_edge]"
    site.write_text(SMALL_SITE.read_text("utf-8").replace(line, f"{line}, {VIEW}, {FACES}"), "utf-8")
    return Film(folder / "frames", site)


@dataclass(frozen=True)
class Known:
    """What a run in this process saw, and what it told."""

    secrets: Secrets
    tokens: list[str]
    without: int


@pytest.fixture(scope="module")
def known(film: Film) -> Known:
    """The faces that the program will see, taken where nothing else may take them."""
    represent, vectors, pictures = load_represent(), list[Floats](), list[Image]()

    def spy(image: Image) -> Floats | None:
        vector = represent(image)
        pictures.append(image.copy())
        if vector is not None:
            vectors.append(vector)
        return vector

    site, sink = load_site(film.site), MemorySink()
    plan = video.Plan([str(film.frames)], ["cam_plaza"], WEIGHTS, "2026-03-01T08:00:00", FRAMES_PER_S)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(video, "load_represent", lambda: spy)
        totals = video.run(site, plan, sink)
    told = totals.cameras["cam_plaza"].faces
    assert told is not None
    tokens = [token for one in judged(sink, site) if one.visitors for token in one.visitors.token]
    return Known(Secrets(tuple(vectors), tuple(pictures)), tokens, told.without)


@dataclass(frozen=True)
class Traces:
    """All that one run of the program left: what it said, and each file in its folders."""

    said: bytes
    written: dict[str, bytes]


def watch(film: Film, home: Path, to: str, settings: Settings | None = None, code: Path = CHECKOUT) -> Traces:
    """Run `anfang produce video` in folders of its own, with the packages in `code` before any others."""
    folders = {name: home / name for name in ("home", "tmp", "work")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    kafka = {"ANFANG_KAFKA": settings.kafka_address(), "ANFANG_TOPIC_PREFIX": settings.topic_prefix} if settings else {}
    own = {"HOME": str(folders["home"]), "TMPDIR": str(folders["tmp"]), "ANFANG_HOME": str(folders["home"] / "anfang")}
    places = [str(film.frames), "--camera", "cam_plaza", "--site", str(film.site), "--weights", str(WEIGHTS)]
    options = ["--start", "2026-03-01T08:00:00", "--frames", str(FRAMES_PER_S), "--to", to]
    done = subprocess.run(
        [sys.executable, "-c", "from anfang import app; app()", "produce", "video", *places, *options],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(code), **own, **kafka},
        cwd=folders["work"],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    files = [path for path in home.rglob("*") if path.is_file()]
    return Traces(done.stdout + done.stderr, {str(path.relative_to(home)): path.read_bytes() for path in files})


def sent(settings: Settings) -> bytes:
    """Every byte in Kafka: keys, values and headers of all topics of this test."""
    messages = [message for topic in TOPICS for message in read_all(settings, topic)]
    parts = [(message.key(), message.value(), repr(message.headers()).encode()) for message in messages]
    return b"\n".join(part for message in parts for part in message if isinstance(part, bytes))


def patched(folder: Path, file: str, line: str, changed: str) -> Path:
    """The producers' code with one line changed."""
    shutil.copytree(CHECKOUT / "producers", folder / "producers", ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / "producers" / "video" / file
    code = path.read_text("utf-8")
    assert code.count(line) == 1
    path.write_text(code.replace(line, changed), "utf-8")
    return folder


@WANTS_MODEL
def test_two_persons_are_two_visitors_and_who_comes_back_is_known_again(known: Known) -> None:
    first, second, again = known.tokens
    assert (first == again, first == second, known.without) == (True, False, 0)
    assert len(known.secrets.vectors) == len(known.secrets.pictures) == 3


@pytest.mark.stack
@WANTS_MODEL
def test_no_face_gets_out(film: Film, known: Known, fresh: Settings, tmp_path: Path) -> None:
    traces = watch(film, tmp_path, "kafka", fresh)
    everything = sent(fresh)
    assert everything.count(b'"token":["v') == len(PASSING)
    assert leaks(everything, known.secrets) == set()
    assert leaks(traces.said, known.secrets) == set()
    assert {name: found for name, data in traces.written.items() if (found := leaks(data, known.secrets))} == {}
    assert b'"tokens": 3' in traces.said


@pytest.mark.stack
@WANTS_MODEL
def test_it_goes_red_when_one_line_sends_the_vector(film: Film, known: Known, fresh: Settings, tmp_path: Path) -> None:
    line = "self._tokens.append(self._new_token())"
    leaky = 'self._tokens.append(",".join(f"{x:.4f}" for x in face[:8]))'
    watch(film, tmp_path / "run", "kafka", fresh, patched(tmp_path / "code", "faces.py", line, leaky))
    assert leaks(sent(fresh), known.secrets) == {"a vector as decimal text"}


@WANTS_MODEL
def test_it_goes_red_when_one_line_logs_the_vector(film: Film, known: Known, tmp_path: Path) -> None:
    line = "self._vectors[known] = face"
    code = patched(tmp_path / "code", "faces.py", line, f"{line}; print(face.tobytes().hex())")
    traces = watch(film, tmp_path / "run", "jsonl:out.jsonl", code=code)
    assert leaks(traces.said, known.secrets) == {"a vector as <f8"}


@WANTS_MODEL
def test_it_goes_red_when_one_line_keeps_the_picture(film: Film, known: Known, tmp_path: Path) -> None:
    line = "face = self._represent(job.head.image)"
    code = patched(tmp_path / "code", "recognise.py", line, f'job.head.image.tofile("head"); {line}')
    traces = watch(film, tmp_path / "run", "jsonl:out.jsonl", code=code)
    found = {name for name, data in traces.written.items() if leaks(data, known.secrets)}
    assert found == {"work/head"}
