"""JSON as strangers write it (RFC 8259): taken strictly, and refused with a reason that echoes no value."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from core.errors import TodokeError

BOM = b"\xef\xbb\xbf"
"""A byte order mark in UTF-8: Windows programs write it, and RFC 8259 lets readers pass over it."""


class NotJson(TodokeError, ValueError):
    """Text that is no JSON of ours; the message says why."""


class MoreJson(NotJson):
    """One value, and something behind it."""


def parse_json(text: str | bytes) -> Any:
    """The one value. A byte order mark before octets is passed over. Raises NotJson.

    Refused besides what is no JSON: a key given twice in one object, since readers differ in which one they take;
    NaN and Infinity; and what would exhaust the machine.
    """
    try:
        return json.loads(_decoded(text), parse_constant=_refuse_constant, object_pairs_hook=_object)
    except NotJson:
        raise
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if "\n" in error.doc else ""
        kind = MoreJson if error.msg == "Extra data" else NotJson
        raise kind(f"not JSON at {line}column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise NotJson("nested too deeply") from None
    except ValueError:  # of int(), for a number with thousands of digits
        raise NotJson("holds a number with too many digits") from None


def _decoded(text: str | bytes) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.removeprefix(BOM).decode()
    except UnicodeDecodeError as error:
        raise NotJson(f"not UTF-8 at octet {error.start}") from None


def _refuse_constant(_name: str) -> Any:
    raise NotJson("holds NaN or Infinity, which JSON does not have")


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotJson("an object names the same key twice")
    return found
