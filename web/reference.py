"""Pages for people who write clients: the API's description and what its problems mean. No script, nothing foreign."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, JSONResponse

from core.problems import TITLES
from web.openapi.document import document
from web.problem_meanings import MEANINGS
from web.problems import not_found

router = APIRouter(include_in_schema=False)

_HTML = Path(__file__).parent / "html"
_REFERENCE = re.compile(r'"#/components/schemas/(\w+)"')


@router.get("/openapi.json")
async def openapi(request: Request) -> JSONResponse:
    """The OpenAPI document."""
    return JSONResponse(_document(request))


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """The same, to be read."""
    found = _document(request)
    grouped = groupby(_calls(found), key=lambda call: call["tags"][0])
    tags = [{"name": name, "calls": list(calls)} for name, calls in grouped]
    return _page("docs.html", language="en", document=found, tags=tags)


@router.get("/problems/{code}")
async def problem(request: Request) -> HTMLResponse:
    """What a problem's `type` means."""
    code = request.path_params["code"]
    if code not in TITLES:
        raise not_found()
    status, title = TITLES[code]
    return _page("problem.html", language="ja", code=code, status=status, title=title, meaning=MEANINGS[code])


def _document(request: Request) -> dict[str, Any]:
    app = request.app
    if app.openapi_schema is None:
        app.openapi_schema = document(app, version("todoke"))
    found: dict[str, Any] = app.openapi_schema
    return found


def _calls(found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for path, methods in found["paths"].items():
        for method, call in methods.items():
            schemas = dict.fromkeys(_REFERENCE.findall(json.dumps(call.get("requestBody"))))
            yield {
                "parameters": [],
                "requestBody": None,
                **call,
                "method": method.upper(),
                "path": path,
                "body_schemas": list(schemas),
            }


def _page(template: str, **values: Any) -> HTMLResponse:
    text = _environment().get_template(template).render(values)
    return HTMLResponse(text, headers={"Content-Security-Policy": _policy()})


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HTML),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["pretty"] = lambda value: json.dumps(value, ensure_ascii=False, indent=2)
    environment.filters["values_text"] = _values_text
    return environment


def _values_text(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(schema["enum"])
    return str(schema.get("format") or schema.get("pattern") or schema["type"])


@cache
def _policy() -> str:
    """The content security policy that allows our style sheet and nothing else (CSP level 3, section 2.3)."""
    style = _environment().get_template("style.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    allowed = f"default-src 'none'; style-src 'sha256-{digest}'"
    return f"{allowed}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
