"""What forms of our pages send: `application/x-www-form-urlencoded`, bounded and read once."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from core.problems import Problem
from web.bodies import read_body
from web.problems import Refusal

MEDIA_TYPE = "application/x-www-form-urlencoded"

_MOST_FIELDS = 200


async def read_form(request: Request, most: int) -> Mapping[str, str]:
    """The fields of a form by name; of one that is given twice, the last. Asked again, it answers the same.

    Refused with `unparsable` for any other media type or for what is no form, and with `too-large`.
    """
    if not hasattr(request.state, "form"):
        request.state.form = _parsed(request, await read_body(request, most))
    form: Mapping[str, str] = request.state.form
    return form


def is_form(request: Request) -> bool:
    """Whether a request says that it carries a form."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == MEDIA_TYPE


def _parsed(request: Request, body: bytes) -> Mapping[str, str]:
    if body and not is_form(request):
        raise Refusal(Problem("unparsable"))
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise Refusal(Problem("unparsable")) from None
    return dict(fields)
