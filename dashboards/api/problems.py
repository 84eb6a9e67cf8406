"""The API's refusals, and how each becomes an answer."""

from collections.abc import Mapping, Sequence
from typing import Final

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException

from dashboards.web.guard import Refused
from dashboards.web.problem import Wrong, problem
from infra.errors import UserError

MOST_TOLD: Final = 20

log = structlog.get_logger()


class Problem(Refused):
    """A refusal that says why: `told` to who asked, `why` (else the same) to the audit."""

    def __init__(
        self,
        status: int,
        told: str = "",
        *,
        why: str = "",
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Wrong] = (),
    ) -> None:
        super().__init__(status, why or told, dict(headers or {}))
        self.told, self.errors = told, errors


def answer_problems(app: FastAPI) -> None:
    """All that goes wrong in `app` is answered as problem+json, with the reason for the audit."""
    app.add_exception_handler(StarletteHTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(UserError, _away)
    app.add_exception_handler(Exception, _broken)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    request.state.why = error.detail if isinstance(error, Refused) else "no such address"
    if isinstance(error, Problem):
        return problem(error.status_code, error.told, error.errors, error.headers)
    return problem(error.status_code)


async def _invalid(request: Request, error: Exception) -> Response:
    """What was given is not said again: it may be a secret in the wrong place."""
    assert isinstance(error, RequestValidationError)
    request.state.why = "wrong values"
    errors = [Wrong(_pointer(one["loc"]), str(one["msg"])) for one in error.errors()[:MOST_TOLD]]
    return problem(422, f"{len(error.errors())} values are not as they should be.", errors)


def _pointer(loc: Sequence[str | int]) -> str:
    where, *parts = map(str, loc)
    return (
        "#/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in parts) if where == "body" else parts[-1]
    )


async def _away(request: Request, error: Exception) -> Response:
    """ClickHouse does not answer, or a file of ours cannot be read: where and why is for the log."""
    assert isinstance(error, UserError)
    log.warning("a request of the API could not be answered", problem=error.problem)
    request.state.why = error.problem
    return problem(503, headers={"Retry-After": "30"})


async def _broken(request: Request, _error: Exception) -> Response:
    request.state.why = "a defect"
    return problem(500)
