"""A client of our own HTTP API, on the standard library: no proxy and no environment has a say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlencode

from core.errors import TodokeError

_TIMEOUT_SECONDS = 30


class UnexpectedAnswer(TodokeError):
    """The API answered otherwise than it must."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered: a JSON object, problems included."""

    status: int
    body: dict[str, Any]

    def expect(self, status: int) -> dict[str, Any]:
        """The body. Raises UnexpectedAnswer for another status."""
        if self.status != status:
            code = self.body.get("code", "")
            raise UnexpectedAnswer(f"the API answered {self.status} {code} where {status} was expected")
        return self.body


@dataclass(frozen=True, slots=True)
class Api:
    """Calls with one bearer token."""

    host: str
    port: int
    token: str

    async def get(self, path: str, **query: str) -> Reply:
        """GET with a query."""
        return await asyncio.to_thread(self._call, "GET", f"{path}?{urlencode(query)}" if query else path, None)

    async def post(self, path: str, body: Mapping[str, Any] | None = None) -> Reply:
        """POST with a JSON body."""
        return await asyncio.to_thread(self._call, "POST", path, body)

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None) -> Reply:
        connection = HTTPConnection(self.host, self.port, timeout=_TIMEOUT_SECONDS)
        try:
            headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return Reply(answer.status, json.loads(answer.read()))
        finally:
            connection.close()


def in_path(text: str) -> str:
    """A name as part of a path."""
    return quote(text, safe="")
