"""The building blocks of schemas (JSON Schema 2020-12, as OpenAPI 3.1 has it)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]

STRING: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
BOOLEAN: Schema = {"type": "boolean"}
DATE: Schema = {"type": "string", "format": "date", "examples": ["2026-11-02"]}
MOMENT: Schema = {"type": "string", "format": "date-time", "examples": ["2026-11-24T09:00:00+09:00"]}
UUID: Schema = {"type": "string", "format": "uuid"}
PREFECTURE: Schema = {"type": "string", "pattern": "^(0[1-9]|[1-3][0-9]|4[0-7])$", "examples": ["35"]}
CODE: Schema = {"type": "string", "pattern": "^[A-Za-z0-9-]{1,20}$", "examples": ["3510012345"]}
IDENTIFIER: Schema = {"type": "string", "pattern": "^[\\x20-\\x7e]{1,200}$"}
NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 200}
REASON: Schema = {"type": "string", "minLength": 1, "maxLength": 1000}
ANY_OBJECT: Schema = {"type": "object"}
"""An object whose keys depend on the case."""


def ref(name: str) -> Schema:
    """A schema among the document's components."""
    return {"$ref": f"#/components/schemas/{name}"}


def nullable(schema: Schema) -> Schema:
    """The same, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def array(items: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": items}


def words(values: Sequence[str]) -> Schema:
    """A closed vocabulary."""
    return {"type": "string", "enum": [str(value) for value in values]}


def told(properties: Mapping[str, Schema], **more: Any) -> Schema:
    """An object of an answer: every key is always there."""
    return {"type": "object", "properties": properties, "required": list(properties), **more}


def taken(properties: Mapping[str, Schema], required: Sequence[str], **more: Any) -> Schema:
    """An object of a request: a key that is not listed is refused."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
        **more,
    }


def page(name: str) -> Schema:
    """One page of a list."""
    return told(
        {"items": array(ref(name)), "next": {**nullable(STRING), "description": "the `cursor` of the next page"}}
    )
