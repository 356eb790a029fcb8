"""What forms of the pages send, read field by field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request

from scheduler.fields import Reader
from web.forms import read_form
from web.pages.faults import wrong

MAX_WHY = 1000

_CSRF = "csrf_token"


async def form_reader(request: Request, most: int) -> Reader:
    """The fields of a form. An empty field counts as absent, and the guard against forgery is no field of it."""
    form = await read_form(request, most)
    return Reader({name: value or None for name, value in form.items() if name != _CSRF})


def shown_again(form: str, reader: Reader, fields: Sequence[str] = ("why",)) -> dict[str, Any]:
    """Values of a page with several forms of which one was refused: what is wrong with it, and what was typed there."""
    return {"wrong": {form: wrong(reader.errors)}, "typed": {form: {name: reader.get(name) or "" for name in fields}}}


def read_why(reader: Reader) -> str | None:
    """The reason for an action, which the audit trail keeps."""
    return reader.line("why", required=True, most=MAX_WHY, several=True)
