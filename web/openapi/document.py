"""Puts the OpenAPI document together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts

from core.problems import MEDIA_TYPE, TITLES, Problem
from store.people import Role
from web.auth import roles_of
from web.csrf import HEADER
from web.openapi.answers import ANSWERS
from web.openapi.operations import OPERATIONS, Operation, Told
from web.openapi.parts import INTEGER, STRING, ref
from web.openapi.requests import REQUESTS

_FIRST_SENTENCE = re.compile(r"\.(?:\s|\Z)")
_FOR_EVERYBODY = ("internal",)
_WITH_BODY = ("unsupported-encoding",)
_WITH_TOKEN = ("unauthenticated", "forbidden", "unavailable")
_DESCRIPTION = (
    "E-mail notification and delivery tracking. Times are RFC 3339 in Asia/Tokyo. Errors are RFC 9457 problems; "
    "`errors`, which is always there, names each field at fault, and never its value. Each call under `/v1` says which "
    "roles may use it; others are answered 403. Parameters and keys that a call does not know are refused (422 "
    "`unknown-field`). HEAD is answered wherever GET is; another method than those of a path is 405, and `Allow` "
    "names them."
)
_SECURITY = {
    "token": {"type": "http", "scheme": "bearer", "description": "of `todoke token create`"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-todoke-session",
        "description": "of somebody who signed in at `/login`; over plain HTTP, in `local`, `todoke-session`",
    },
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": HEADER,
        "description": "beside a session, for what changes something: the token that our pages hold",
    },
}
_HEADERS: Mapping[str, Mapping[str, Any]] = {
    "415": {"Accept-Encoding": {"description": "RFC 9110, section 15.5.16", "schema": STRING}},
    "401": {"WWW-Authenticate": {"description": "RFC 6750", "schema": STRING}},
    "503": {"Retry-After": {"description": "in seconds", "schema": INTEGER}},
}


def document(app: FastAPI, version: str) -> dict[str, Any]:
    """The whole document."""
    found = get_openapi(title="todoke", version=version, description=_DESCRIPTION, routes=app.routes)
    roles = _roles(app)
    for path in found["paths"].values():
        for method, call in path.items():
            name = call["operationId"]
            _complete(call, OPERATIONS[name])
            if OPERATIONS[name].needs_token:
                call["description"] += f"\n\nRoles: {', '.join(f'`{role}`' for role in roles[name])}."
                call["security"] = [{"token": []}, {"session": []} | ({} if method == "get" else {"csrf": []})]
    found["components"] = {"schemas": {**REQUESTS, **ANSWERS}, "securitySchemes": _SECURITY}
    return found


def _roles(app: FastAPI) -> Mapping[str, Sequence[Role]]:
    """Who may use each call, by operation id."""
    routes = (context.original_route for context in iter_route_contexts(app.routes))
    return {route.name: roles_of(route) for route in routes if isinstance(route, APIRoute)}


def _complete(call: dict[str, Any], operation: Operation) -> None:
    call["summary"] = _FIRST_SENTENCE.split(call["description"], maxsplit=1)[0]
    call["responses"] = {str(told.status): _good(told) for told in operation.told}
    call["responses"] |= dict(_problems(operation))
    if operation.parameters:
        call["parameters"] = list(operation.parameters)
    if operation.body is not None:
        call["requestBody"] = operation.body


def _good(told: Told) -> Mapping[str, Any]:
    content = {} if told.schema is None else {"schema": ref(told.schema)}
    return {"description": told.description, "content": dict.fromkeys(told.media_types, content)}


def _problems(operation: Operation) -> Iterator[tuple[str, Mapping[str, Any]]]:
    codes = {*_FOR_EVERYBODY, *operation.problems, *(_WITH_TOKEN if operation.needs_token else ())}
    codes |= set(_WITH_BODY if operation.body is not None else ())
    ordered = sorted(codes, key=lambda code: (TITLES[code][0], code))
    for status, group in groupby(ordered, key=lambda code: TITLES[code][0]):
        yield str(status), _bad(list(group))


def _bad(codes: Sequence[str]) -> Mapping[str, Any]:
    examples = {code: {"value": Problem(code).as_dict()} for code in codes}
    content = {MEDIA_TYPE: {"schema": ref("Problem"), "examples": examples}}
    status = str(TITLES[codes[0]][0])
    headers = {"headers": _HEADERS[status]} if status in _HEADERS else {}
    return {"description": ", ".join(codes), "content": content, **headers}
