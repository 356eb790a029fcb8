"""Puts the OpenAPI document together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from core.problems import MEDIA_TYPE, TITLES, Problem
from web.openapi.answers import ANSWERS
from web.openapi.operations import OPERATIONS, Operation, Told
from web.openapi.parts import ref
from web.openapi.requests import REQUESTS

_FIRST_SENTENCE = re.compile(r"\.(?:\s|\Z)")
_FOR_EVERYBODY = ("internal",)
_WITH_TOKEN = ("unauthenticated", "forbidden", "unavailable")
_DESCRIPTION = (
    "E-mail notification and delivery tracking. Times are RFC 3339 in Asia/Tokyo. Errors are RFC 9457 problems; "
    "`errors`, which is always there, names each field at fault, and never its value."
)


def document(app: FastAPI, version: str) -> dict[str, Any]:
    """The whole document."""
    found = get_openapi(title="todoke", version=version, description=_DESCRIPTION, routes=app.routes)
    for path in found["paths"].values():
        for call in path.values():
            _complete(call, OPERATIONS[call["operationId"]])
    found["components"] = {
        "schemas": {**REQUESTS, **ANSWERS},
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
    }
    return found


def _complete(call: dict[str, Any], operation: Operation) -> None:
    call["summary"] = _FIRST_SENTENCE.split(call["description"], maxsplit=1)[0]
    call["responses"] = {str(told.status): _good(told) for told in operation.told}
    call["responses"] |= dict(_problems(operation))
    if operation.parameters:
        call["parameters"] = list(operation.parameters)
    if operation.body is not None:
        call["requestBody"] = operation.body
    if operation.needs_token:
        call["security"] = [{"token": []}]


def _good(told: Told) -> Mapping[str, Any]:
    content = {} if told.schema is None else {"schema": ref(told.schema)}
    return {"description": told.description, "content": dict.fromkeys(told.media_types, content)}


def _problems(operation: Operation) -> Iterator[tuple[str, Mapping[str, Any]]]:
    codes = {*_FOR_EVERYBODY, *operation.problems, *(_WITH_TOKEN if operation.needs_token else ())}
    ordered = sorted(codes, key=lambda code: (TITLES[code][0], code))
    for status, group in groupby(ordered, key=lambda code: TITLES[code][0]):
        yield str(status), _bad(list(group))


def _bad(codes: Sequence[str]) -> Mapping[str, Any]:
    examples = {code: {"value": Problem(code).as_dict()} for code in codes}
    content = {MEDIA_TYPE: {"schema": ref("Problem"), "examples": examples}}
    return {"description": ", ".join(codes), "content": content}
