"""What stands in a path: in the form of an id it is looked for, in any other it names nothing and is not found."""

from __future__ import annotations

import uuid

from starlette.requests import Request

from scheduler.fields import Reader
from web.problems import not_found


def uuid_in(request: Request, name: str) -> str:
    """The UUID of a message or an entry, in its one spelling."""
    try:
        return str(uuid.UUID(request.path_params[name]))
    except ValueError:
        raise not_found() from None


def identifier_in(request: Request, name: str) -> str:
    """An identifier that a registration system chose."""
    return _found(Reader(request.path_params).identifier(name))


def institution_code_in(request: Request, name: str) -> str:
    """An institution code, normalised."""
    return _found(Reader(request.path_params).institution_code(name))


def _found(value: str | None) -> str:
    if value is None:
        raise not_found()
    return value
