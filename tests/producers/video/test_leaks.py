"""The search for faces finds what it is meant to find, in every dress, and nothing where there is nothing."""

import base64
import io
import json
from collections.abc import Callable

import numpy as np
import pytest

from producers.video.geometry import Floats
from producers.video.motion import Image
from tests.producers.video.leaks import Secrets, leaks
from tests.producers.video.people import cut_out

VECTOR: Floats = np.random.default_rng(5).normal(0, 0.1, 128).astype(np.float32).astype(np.float64)
NOISE = np.random.default_rng(6).integers(32, 126, 20_000, dtype=np.uint8).tobytes()
QUIET = json.dumps({"x_m": [149.98, 12.5, 0.0, 0.0, 0.0], "token": "v00ff17aa", "event_ms": 1_716_768_000_000}).encode()


def picture() -> Image:
    """A real face."""
    return cut_out("coach")[:256, 60:316]


def as_text(numbers: Floats, form: str) -> bytes:
    """Numbers in one format, with commas."""
    return ", ".join(format(number, form) for number in numbers).encode()


def npy(array: Image | Floats) -> bytes:
    """As `numpy.save` writes it."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def coded(suffix: str) -> bytes:
    """As a picture file."""
    import cv2

    done, file = cv2.imencode(suffix, picture())
    assert done
    return bytes(file.tobytes())


VECTORS = {
    **{kind: VECTOR.astype(kind).tobytes() for kind in ("<f2", "<f4", ">f4", "<f8", ">f8")},
    **{f"text {form}": as_text(VECTOR, form) for form in (".3f", ".4f", ".6f", ".17g", ".9e")},
    "four numbers": as_text(VECTOR[70:74], ".4f"),
    "four floats": VECTOR[9:13].astype("<f4").tobytes(),
    "lines": as_text(VECTOR, ".5f").replace(b", ", b"\n"),
    "repr": repr(VECTOR).encode(),
    "list": json.dumps(VECTOR.tolist()).encode(),
    "npy": npy(VECTOR),
}
PICTURES = {
    "jpeg": coded(".jpg"),
    "png": coded(".png"),
    "bmp": coded(".bmp"),
    "webp": coded(".webp"),
    "npy": npy(picture()),
    "rows BGR": picture()[100:101].tobytes(),
    "rows RGB": picture()[100:101, :, ::-1].tobytes(),
    "list": json.dumps(picture()[100:102].tolist()).encode(),
}
DRESSES: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda data: data,
    "base64": base64.b64encode,
    "base64 for URLs": lambda data: base64.urlsafe_b64encode(b"?" + data),
    "base64 in lines": lambda data: base64.encodebytes(b"??" + data),
    "hex": lambda data: data.hex().encode(),
    "hex in capitals": lambda data: b"F" + data.hex().upper().encode(),
    "repr": lambda data: repr(data).encode(),
    "base64 of base64": lambda data: base64.b64encode(base64.b64encode(data)),
}


@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize("what", VECTORS)
def test_a_planted_vector_is_found(what: str, dress: str) -> None:
    data = NOISE + b" " + DRESSES[dress](VECTORS[what]) + b" " + NOISE
    assert any("vector" in one for one in leaks(data, Secrets((VECTOR,), ())))


@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize("what", PICTURES)
def test_a_planted_picture_is_found(what: str, dress: str) -> None:
    data = NOISE + b" " + DRESSES[dress](PICTURES[what]) + b" " + NOISE
    assert leaks(data, Secrets((), (picture(),)))


def test_nothing_is_found_where_nothing_is() -> None:
    secrets = Secrets((VECTOR,), (picture(),))
    assert leaks(NOISE + QUIET * 100, secrets) == set()
    assert leaks(as_text(VECTOR[:3], ".4f"), secrets) == set()
    other = Secrets((np.roll(VECTOR, 1) + 0.01,), (picture()[:, ::-1],))
    assert leaks(as_text(VECTOR, ".6f") + VECTOR.tobytes(), other) == set()
