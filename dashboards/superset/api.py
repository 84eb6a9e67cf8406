"""Superset's REST API by the standard library: log in, get, put, send a file."""

import json
import secrets
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from http.cookiejar import CookieJar
from typing import Any, Final, Self

from dashboards.superset.server import ADMIN, admin_password_file, url
from infra.errors import UserError
from infra.settings import Settings

Json = Any  # what json.loads gives
TIMEOUT_S: Final = 90
PAGE: Final = 100


class ApiError(UserError):
    """Superset refused a request; `problem` says which and why."""


class Api:
    """A session, as the administrator if nobody else is named. A change needs the bearer token and, besides, the
    session's CSRF token.
    """

    def __init__(self, base: str, password: str, user: str = ADMIN) -> None:
        self._begin(base)
        login = {"username": user, "password": password, "provider": "db", "refresh": False}
        token = self._json("POST", "/api/v1/security/login", login)["access_token"]
        self._headers["Authorization"] = f"Bearer {token}"
        self._headers["X-CSRFToken"] = self.get("/api/v1/security/csrf_token/")["result"]

    @classmethod
    def guest(cls, base: str, token: str) -> Self:
        """A session as the guest whom a token of an embedded dashboard names."""
        api = cls.__new__(cls)
        api._begin(base)
        api._headers["X-GuestToken"] = token
        api._headers["X-CSRFToken"] = api.get("/api/v1/security/csrf_token/")["result"]
        return api

    def _begin(self, base: str) -> None:
        self._base = base
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self._headers = {"Referer": base}

    def get(self, path: str) -> Json:
        """The answer to GET, decoded."""
        return self._json("GET", path)

    def download(self, path: str) -> bytes:
        """The answer to GET, as it is."""
        return self._send(urllib.request.Request(self._base + path, headers=self._headers))  # noqa: S310

    def post(self, path: str, content: Json) -> Json:
        """The answer to POST of `content` as JSON."""
        return self._json("POST", path, content)

    def put(self, path: str, content: Json) -> Json:
        """The answer to PUT of `content` as JSON."""
        return self._json("PUT", path, content)

    def everything(self, resource: str) -> Iterator[Json]:
        """All entries of a resource such as `chart`, page by page."""
        page = 0
        while True:
            asked = f"(page:{page},page_size:{PAGE})"
            found = self.get(f"/api/v1/{resource}/?q={urllib.parse.quote(asked)}")["result"]
            yield from found
            if len(found) < PAGE:
                return
            page += 1

    def upload(self, path: str, name: str, content: bytes, fields: Mapping[str, str]) -> Json:
        """The answer to POST of a form with the file `name` and further fields."""
        boundary = secrets.token_hex(16)
        headers = {**self._headers, "Content-Type": f"multipart/form-data; boundary={boundary}"}
        body = form_data(boundary, name, content, fields)
        request = urllib.request.Request(self._base + path, body, headers)  # noqa: S310
        return json.loads(self._send(request))

    def _json(self, method: str, path: str, content: Json = None) -> Json:
        body = None if content is None else json.dumps(content).encode()
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        request = urllib.request.Request(self._base + path, body, headers, method=method)  # noqa: S310
        return json.loads(self._send(request))

    def _send(self, request: urllib.request.Request) -> bytes:
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            what = f"{request.get_method()} {request.selector}: {error.code} {reason(error.read())}"
            raise ApiError(what, "look into `anfang logs superset`") from error
        except OSError as error:
            raise ApiError(f"Superset does not answer at {self._base}: {error}", "`anfang dashboards up`") from error


def connect(settings: Settings) -> Api:
    """Log in to the running Superset."""
    password_file = admin_password_file(settings)
    try:
        return Api(url(settings), password_file.read_text().strip())
    except ApiError as error:
        if " 401 " not in error.problem:
            raise
        raise UserError(
            f"Superset does not accept the password in {password_file}",
            f"put the right one there, or remove {password_file.parents[1] / 'superset'} and start again",
        ) from error


def reason(body: bytes) -> str:
    """The words of an error answer: `message` or each of `errors`, else its beginning."""
    try:
        content = json.loads(body)
    except ValueError:
        return body[:300].decode("utf-8", "replace")
    said = [str(error.get("message", error)) for error in content.get("errors", ())] or [str(content.get("message"))]
    return "; ".join(said)[:1000]


def form_data(boundary: str, name: str, content: bytes, fields: Mapping[str, str]) -> bytes:
    """A multipart/form-data body: the text fields, then the file."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}.zip"\r\n'
    return b"".join(
        [*parts, head.encode(), b"Content-Type: application/zip\r\n\r\n", content, f"\r\n--{boundary}--\r\n".encode()]
    )
