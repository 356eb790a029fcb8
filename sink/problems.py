"""Errors of the HTTP API: RFC 9457 problem details, and the reading of parameters that raises them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from core.errors import FieldError, TodokeError
from core.jst import parse_rfc3339
from core.problems import MEDIA_TYPE, Problem, field_problem


class Refused(TodokeError):
    """A request that cannot be answered."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.code)


def not_found(detail: str) -> Refused:
    """404, and what is not there."""
    return Refused(Problem("not-found", detail))


def bad_parameter(name: str, code: str, detail: str) -> Refused:
    """422: one query parameter is wrong."""
    return Refused(field_problem([FieldError(name, code, detail)]))


async def on_refused(_request: Request, error: Exception) -> Response:
    """Answer a `Refused`."""
    assert isinstance(error, Refused)
    return _answer(error.problem)


async def on_not_found(_request: Request, _error: Exception) -> Response:
    """Answer for a path that the router does not know."""
    return _answer(Problem("not-found", "there is no such path"))


async def on_wrong_method(_request: Request, error: Exception) -> Response:
    """Answer for a method that the path does not take."""
    headers = error.headers if isinstance(error, HTTPException) else None
    return _answer(Problem("method-not-allowed"), headers)


def _answer(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse(problem.as_dict(), problem.status, headers, media_type=MEDIA_TYPE)


class Parameters:
    """The query parameters of a request; whatever is wrong with one raises `Refused`."""

    def __init__(self, request: Request, known: frozenset[str]) -> None:
        self._given = dict(request.query_params.multi_items())
        for name in self._given:
            if name not in known:
                raise bad_parameter(name[:50], "unknown-field", f"known are {', '.join(sorted(known))}")

    def refuse_empty(self, otherwise: str) -> None:
        """Refuse a parameter that was given without a value; `otherwise` says what happens where it is left out."""
        for name, value in self._given.items():
            if not value:
                raise bad_parameter(name, "empty", f"must not be empty; {otherwise}")

    def text(self, name: str) -> str | None:
        """A text; an empty one counts as not given."""
        return self._given.get(name) or None

    def whole_number(self, name: str, *, lowest: int, highest: int) -> int | None:
        """A whole number within bounds."""
        given = self.text(name)
        if given is None:
            return None
        number = int(given) if given.isascii() and given.isdigit() and len(given) < 19 else -1
        if not lowest <= number <= highest:
            raise bad_parameter(name, "out-of-range", f"must be a whole number from {lowest} to {highest}")
        return number

    def seconds(self, name: str, *, highest: float) -> float:
        """A number of seconds; 0 when not given."""
        try:
            number = float(self.text(name) or 0)
        except ValueError:
            number = math.nan
        if not 0 <= number <= highest:
            raise bad_parameter(name, "out-of-range", f"must be a number of seconds from 0 to {highest:g}")
        return number

    def moment(self, name: str) -> datetime | None:
        """An RFC 3339 time with offset. A plus sign that the client left unescaped arrives as a space."""
        given = self.text(name)
        if given is None:
            return None
        try:
            return parse_rfc3339(given.replace(" ", "+"))
        except ValueError:
            problem = "must be RFC 3339 with offset, as 2026-11-24T09:00:00+09:00"
            raise bad_parameter(name, "not-a-time", problem) from None
