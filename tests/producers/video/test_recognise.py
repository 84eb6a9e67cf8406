"""What is let in of deepface, on real faces: vectors and nothing else; and that nothing of ours asks for more."""

import ast
import importlib
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from producers.video.faces import SAME_PERSON, Gallery, head_of
from producers.video.geometry import Floats
from producers.video.motion import Image
from producers.video.recognise import BARRED, Represent, load_represent
from tests.producers.video.helpers import CHECKOUT
from tests.producers.video.people import NO_FACE, PERSONS, asset

ROOMS = (
    "infra",
    "producers",
    "streams",
    "batch",
    "warehouse",
    "dashboards",
    "anfang.py",
    "anfang_demo.py",
    "anfang_demo_account.py",
)


@pytest.fixture(scope="module")
def represent() -> Represent:
    """The real model, loaded once."""
    return load_represent()


def head(who: str) -> Image:
    """The head of one of the persons, as the camera side cuts it out."""
    name, (left, top, right, bottom) = PERSONS.get(who, NO_FACE)
    cut = head_of(asset(name), (left, top, right, bottom))
    assert cut is not None
    return cut


def seen_otherwise(image: Image) -> Iterator[Image]:
    """The same face darker, smaller, a little turned, and noisy."""
    import cv2

    height, width = image.shape[:2]
    yield (image * 0.7).astype(np.uint8)
    yield cv2.resize(image, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 6, 1)
    yield cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    noise = np.random.default_rng(1).normal(0, 6, image.shape)
    yield np.clip(image + noise, 0, 255).astype(np.uint8)


def vector(represent: Represent, image: Image) -> Floats:
    """The vector of a face that must be found."""
    found = represent(image)
    assert found is not None
    return found


def test_three_persons_are_three_visitors_however_they_are_seen(represent: Represent) -> None:
    gallery, day = Gallery(), date(2026, 3, 1)
    tokens = {who: gallery.token(day, vector(represent, head(who))) for who in PERSONS}
    assert len({*tokens.values()}) == len(gallery) == 3
    for who in ("coach", "passer"):
        for image in seen_otherwise(head(who)):
            assert gallery.token(day, vector(represent, image)) == tokens[who]
    vectors = [vector(represent, head(who)) for who in PERSONS]
    assert min(np.linalg.norm(a - b) for n, a in enumerate(vectors) for b in vectors[:n]) >= SAME_PERSON


def test_no_face_and_two_faces_have_no_vector(represent: Represent) -> None:
    side, coach, passer = head("side"), head("coach"), head("passer")
    assert represent(side) is None
    assert represent(np.zeros_like(side)) is None
    both = np.zeros((256, 512, 3), np.uint8)
    both[: len(coach), : coach.shape[1]] = coach
    both[: len(passer), 256 : 256 + passer.shape[1]] = passer
    assert represent(both) is None


def test_what_deepface_can_do_besides_cannot_be_reached(represent: Represent) -> None:
    for name in BARRED:
        with pytest.raises(ImportError):
            importlib.import_module(name)
    with pytest.raises(ImportError):
        from deepface import DeepFace  # noqa: F401


def test_it_prints_nothing_and_keeps_no_folder(capfd: pytest.CaptureFixture[str]) -> None:
    load_represent()(head("coach"))
    assert capfd.readouterr() == ("", "")
    assert not Path(os.environ["DEEPFACE_HOME"]).exists()


def sources() -> Iterator[Path]:
    """All Python of ours that is not a test."""
    for room in ROOMS:
        path = CHECKOUT / room
        yield from [path] if path.is_file() else path.rglob("*.py")


def names(tree: ast.AST) -> Iterator[str]:
    """Every name that code uses, calls, imports or spells in a string of its own."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
                yield name
            case ast.Constant(value=str(text)) if text.isidentifier():
                yield text


def imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(module, name) of every import."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=found):
                yield from ((one.name, "") for one in found)
            case ast.ImportFrom(module=str(module), names=found):
                yield from ((module, one.name) for one in found)


def test_nothing_of_ours_asks_for_more_than_vectors() -> None:
    trees = {path.relative_to(CHECKOUT).as_posix(): ast.parse(path.read_text("utf-8")) for path in sources()}
    assert len(trees) > 80
    assert [path for path, tree in trees.items() if "analyze" in names(tree)] == []
    taken = {(path, *one) for path, tree in trees.items() for one in imports(tree) if one[0].startswith("deepface")}
    assert taken == {("producers/video/recognise.py", "deepface.modules.representation", "represent")}


def test_the_search_for_names_finds_them() -> None:
    for line in ("DeepFace.analyze(x)", "from deepface.DeepFace import analyze", "getattr(d, 'analyze')", "analyze()"):
        assert "analyze" in names(ast.parse(line)), line
