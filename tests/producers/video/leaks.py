"""Looks for faces in bytes: vectors and pictures, as they are and as text, hex, base64 or escapes, twice over."""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from producers.video.geometry import Floats
from producers.video.motion import Image

WINDOW: Final = 4
"""So many numbers of a vector, one after the other, are a leak."""
TOLERANCE: Final = 6e-4
"""Numbers written with three decimals or more are recognised."""
PIXELS: Final = 8
DEPTH: Final = 2
BINARY: Final = ("<f2", "<f4", ">f4", "<f8", ">f8")
NUMBER: Final = re.compile(rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?")
HEX: Final = re.compile(rb"[0-9a-fA-F]{16,}")
BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]{20,}")
ESCAPE: Final = re.compile(rb"\\+(?:(?:x|u00)([0-9a-fA-F]{2})|([nrt]))")
LETTERS: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}
FILE_TYPES: Final = {
    "JPEG": rb"\xff\xd8\xff[\xc0\xc4\xdb\xe0-\xef\xfe]",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "BMP": rb"(?s:BM.{4}\x00{4}.{4}[\x0c\x28\x34\x38\x6c\x7c]\x00{3})",
    "GIF": rb"GIF8[79]a",
    "WebP": rb"(?s:RIFF.{4}WEBP)",
    "npy": rb"\x93NUMPY",
    "npz": rb"PK\x03\x04.{26}\S+\.npy",
}


@dataclass(frozen=True)
class Secrets:
    """What must not get out: the vectors, and the pictures (BGR) that they were made of."""

    vectors: tuple[Floats, ...]
    pictures: tuple[Image, ...]


def leaks(data: bytes, secrets: Secrets) -> set[str]:
    """What is found in the data, in words; empty where it is clean."""
    return set(_leaks(data, secrets))


def _leaks(data: bytes, secrets: Secrets) -> Iterator[str]:
    binary, rows = list(_binary(secrets.vectors)), list(_rows(secrets.pictures))
    for view in views(data):
        yield from (f"a vector as {kind}" for kind, needle in binary if needle in view)
        yield from (f"a picture in {order}" for order, needle in rows if needle in view)
        yield from (f"a file of type {name}" for name, magic in FILE_TYPES.items() if re.search(magic, view))
        numbers = np.array([float(text) for text in NUMBER.findall(view)])
        if any(_has_window(numbers, vector) for vector in secrets.vectors):
            yield "a vector as decimal text"
        pixels = np.where((numbers >= 0) & (numbers <= 255), numbers, 0).astype(np.uint8).tobytes()
        yield from (f"a picture in {order} as decimal text" for order, needle in rows if needle in pixels)


def views(data: bytes, depth: int = DEPTH) -> Iterator[bytes]:
    """The data, and what it may hold in hex, base64 or escapes, wherever such a run begins."""
    yield data
    if depth == 0:
        return
    for inner in (*_from_hex(data), *_from_base64(data), *_from_escapes(data)):
        yield from views(inner, depth - 1)


def _from_hex(data: bytes) -> Iterator[bytes]:
    runs = HEX.findall(data)
    for start in range(2 if runs else 0):
        yield b"\n".join(binascii.unhexlify(run[start:][: (len(run) - start) // 2 * 2]) for run in runs)


def _from_base64(data: bytes) -> Iterator[bytes]:
    runs = [run.translate(bytes.maketrans(b"-_", b"+/")) for run in BASE64.findall(data)]
    for start in range(4 if runs else 0):
        yield b"\n".join(_decoded(run[start:]) for run in runs)


def _decoded(run: bytes) -> bytes:
    """As far as it goes: padding may be missing, and one letter too many."""
    whole = run[:-1] if len(run) % 4 == 1 else run
    return base64.b64decode(whole + b"=" * (-len(whole) % 4))


def _from_escapes(data: bytes) -> Iterator[bytes]:
    if ESCAPE.search(data):
        yield ESCAPE.sub(lambda found: binascii.unhexlify(found[1]) if found[1] else LETTERS[found[2]], data)


def _binary(vectors: Iterable[Floats]) -> Iterator[tuple[str, bytes]]:
    for vector in vectors:
        for kind in BINARY:
            raw = vector.astype(kind)
            yield from ((kind, raw[at : at + WINDOW].tobytes()) for at in range(len(vector) - WINDOW + 1))


def _rows(pictures: Iterable[Image]) -> Iterator[tuple[str, bytes]]:
    """The middle of each row that is not of one colour."""
    import cv2

    for image in pictures:
        orders = {"BGR": image, "RGB": image[:, :, ::-1], "grey": cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)}
        for order, pixels in orders.items():
            wide = PIXELS if pixels.ndim == 3 else 3 * PIXELS
            middle = pixels[:, image.shape[1] // 2 - wide // 2 :][:, :wide]
            yield from ((order, row.tobytes()) for row in middle if np.ptp(row.astype(np.int16)) > 40)


def _has_window(numbers: Floats, vector: Floats) -> bool:
    if len(numbers) < WINDOW:
        return False
    places = len(numbers) - WINDOW + 1
    for at in range(len(vector) - WINDOW + 1):
        close = np.abs(numbers[:places] - vector[at]) < TOLERANCE
        for n in range(1, WINDOW):
            close &= np.abs(numbers[n : n + places] - vector[at + n]) < TOLERANCE
        if close.any():
            return True
    return False
