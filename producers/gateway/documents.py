"""From the body of a push to the documents in it. Pictures are dropped here, unread: nothing behind this sees one.

Cameras send XML, JSON or text alone, or as parts of multipart/form-data or multipart/mixed with JPEG parts behind.
"""

import re
from email.message import Message
from typing import Final

from producers.gateway.readings import RefusedError

MAX_DOCUMENT_BYTES: Final = 262_144
MAX_DOCUMENTS: Final = 32
TEXT_TYPES: Final = frozenset(
    {"application/xml", "text/xml", "application/soap+xml", "application/json", "text/json", "text/plain"}
)
MULTIPART_TYPES: Final = frozenset({"multipart/form-data", "multipart/mixed"})
_BLANK_LINE: Final = re.compile(rb"\r?\n\r?\n")
_PART_TYPE: Final = re.compile(rb"^content-type:[ \t]*([\w.+-]+/[\w.+-]+)", re.IGNORECASE | re.MULTILINE)
_PART_HEADER: Final = re.compile(rb"^content-(?:type|disposition):", re.IGNORECASE | re.MULTILINE)
_BASE64: Final = rb"(?:[A-Za-z0-9+/=_-]|\\/|%[0-9A-Fa-f]{2})"
_BASE64_RUN: Final = re.compile(
    _BASE64 + rb"{400,}+|(?:" + _BASE64 + rb"{40,}+(?:\s|\\[nrt])++){6,}" + _BASE64 + rb"*+"
)
"""Also in lines, indented, escaped as JSON or as a form: who reads dead letters is to see no faces."""


def media_type(content_type: str) -> tuple[str, str]:
    """(media type in lower case, boundary or "") of a Content-Type header."""
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_param("boundary", "")
    return header.get_content_type() if content_type else "", boundary if isinstance(boundary, str) else ""


def documents(body: bytes, content_type: str) -> list[bytes]:
    """The documents in `body`, without its pictures. Raises RefusedError on another content type, or too much of it."""
    kind, boundary = media_type(content_type)
    if kind in TEXT_TYPES:
        found = [body]
    elif kind in MULTIPART_TYPES and boundary:
        found = _parts(body, boundary.encode("utf-8", "replace"))
    else:
        expected = ", ".join(sorted(TEXT_TYPES | MULTIPART_TYPES))
        raise RefusedError("wrong_content_type", f"content type {content_type[:80]!r}, expected one of {expected}")
    if len(found) > MAX_DOCUMENTS or any(len(document) > MAX_DOCUMENT_BYTES for document in found):
        raise RefusedError("too_large", f"expected at most {MAX_DOCUMENTS} documents of {MAX_DOCUMENT_BYTES} bytes")
    return found


def _parts(body: bytes, boundary: bytes) -> list[bytes]:
    """The text parts. Cameras are loose about line ends and the closing boundary, so we are too."""
    found = []
    for part in body.split(b"--" + boundary)[1:]:
        head, blank, content = _halves(part)
        told = _PART_TYPE.search(head)
        is_text = told is None or told[1].decode().lower() in TEXT_TYPES
        if blank and _PART_HEADER.search(head) and is_text and not content.startswith(b"\xff\xd8"):
            found.append(content.strip(b"\r\n"))
    if not found:
        raise RefusedError("malformed", "multipart without a part of XML, JSON or text")
    return found


def _halves(part: bytes) -> tuple[bytes, bool, bytes]:
    blank = _BLANK_LINE.search(part, 0, 4096)
    return (part[: blank.start()], True, part[blank.end() :]) if blank else (part, False, b"")


def without_pictures(body: bytes, content_type: str) -> bytes:
    """What of a refused body may be kept: its documents up to the first byte that is not text, pictures cut out."""
    try:
        found = documents(body, content_type)
    except RefusedError:
        found = [body]
    return b"\n".join(_text_only(document) for document in found)[:MAX_DOCUMENT_BYTES]


def _text_only(document: bytes) -> bytes:
    try:
        document.decode()
    except UnicodeDecodeError as error:
        document = document[: error.start]
    return _BASE64_RUN.sub(b"[picture cut out]", document.partition(b"\0")[0])
