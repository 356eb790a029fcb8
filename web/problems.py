"""Refusals as HTTP answers: every error is an RFC 9457 document, none shows internals or echoes a value."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, TypeAlias

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from core.errors import TodokeError
from core.problems import MEDIA_TYPE, Problem
from core.trouble import Trouble
from scheduler.commands import CommandRefused
from store.engine import OUTAGE
from web.pages.errors import problem_page, shows_pages

log = structlog.get_logger("web")

RETRY_AFTER = {"Retry-After": "5"}
"""Seconds, behind 503."""
_QUIET_SECONDS = 10.0
_CLIENT_LEFT = 499  # nobody reads it; the access log does
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_BY_STATUS = {404: "not-found", 405: "method-not-allowed", 413: "too-large"}


class Refusal(TodokeError):
    """A request that is not answered as asked; raised anywhere below the routes."""

    def __init__(self, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        self.problem = problem
        self.headers = headers
        super().__init__(problem.code)


def not_found() -> Refusal:
    """404, the same whether there is nothing or nothing that this role may see."""
    return Refusal(Problem("not-found"))


def problem_response(problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """A problem as an answer."""
    return JSONResponse(problem.as_dict(), problem.status, headers, media_type=MEDIA_TYPE)


def problem_answer(request: Request, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """A problem as whoever asks can read it: a page for a browser, a document for a program."""
    if shows_pages(request):
        return problem_page(request, problem, headers)
    return problem_response(problem, headers)


async def _on_refusal(request: Request, error: Refusal) -> Response:
    return problem_answer(request, error.problem, error.headers)


async def _on_command_refused(request: Request, error: CommandRefused) -> Response:
    return problem_answer(request, error.problem)


async def _on_http_exception(request: Request, error: HTTPException) -> Response:
    """What the router refuses: unknown paths and methods."""
    code = _BY_STATUS.get(error.status_code, "internal" if error.status_code >= 500 else "unparsable")
    headers = {"Allow": ", ".join(_allowed(request))} if error.status_code == 405 else error.headers
    return problem_answer(request, Problem(code), headers)


def _allowed(request: Request) -> Iterator[str]:
    """The methods of all routes of a path: the router names those of the first one, and knows no HEAD."""
    for method in _METHODS:
        asked = {**request.scope, "method": "GET" if method == "HEAD" else method}
        if any(route.matches(asked)[0] is Match.FULL for route in request.app.routes):
            yield method


def unavailable_answer(request: Request) -> Response:
    """503, and when to try again."""
    return problem_answer(request, Problem("unavailable"), RETRY_AFTER)


def database_trouble() -> Trouble:
    """That of all requests to one application: while some fail, as those that write where a disk is full, it lasts."""
    return Trouble(log, "could not use the database", "uses the database again", quiet=_QUIET_SECONDS)


async def _on_database_trouble(request: Request, _error: Exception) -> Response:
    request.app.state.outage.met()
    request.app.state.services.writable.doubt()
    return unavailable_answer(request)


async def _on_disconnect(_request: Request, _error: Exception) -> Response:
    return Response(status_code=_CLIENT_LEFT)


Handler: TypeAlias = Callable[[Request, Any], Coroutine[Any, Any, Response]]

EXCEPTION_HANDLERS: Mapping[int | type[Exception], Handler] = {
    Refusal: _on_refusal,
    CommandRefused: _on_command_refused,
    HTTPException: _on_http_exception,
    **dict.fromkeys(OUTAGE, _on_database_trouble),
    ClientDisconnect: _on_disconnect,
}
