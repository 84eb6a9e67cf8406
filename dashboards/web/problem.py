"""Refusals that a program can read: `application/problem+json` after RFC 9457."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

import msgspec
from msgspec import Struct
from starlette.responses import Response

PROBLEM: Final = "application/problem+json"
WORDS: Final = {
    400: "The request cannot be understood.",
    403: "This is not allowed.",
    404: "There is nothing here for this key.",
    405: "This method is not known here.",
    408: "The body came too slowly.",
    413: "The body is too large.",
    414: "The address is too long.",
    415: "Send the body as application/json.",
    500: "Something broke on our side; the operator finds it in the log.",
    503: "Something that is needed does not answer; try again later.",
}


class Wrong(Struct, frozen=True):
    """One wrong value: where (a JSON pointer, or a parameter's name), and what was expected."""

    pointer: str
    detail: str


def problem(
    status: int, told: str = "", errors: Sequence[Wrong] = (), headers: Mapping[str, str] | None = None
) -> Response:
    """A problem as an answer. Its type is that of its status, so `type` says nothing more (about:blank)."""
    said: dict[str, object] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    said["detail"] = told or WORDS.get(status, HTTPStatus(status).description)
    if errors:
        said["errors"] = list(errors)
    return Response(msgspec.json.encode(said), status, dict(headers or {}), PROBLEM)
