"""The tables of docs/settings.md, made from the settings themselves: `python -m config.reference docs/settings.md`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from config.settings import Origin, Settings

GROUPS: Mapping[str, str] = {
    "environment": "The service and its data",
    "smtp_host": "The relay that takes the mails",
    "http_host": "API and pages",
    "bounce_host": "Failure reports and the addresses of the envelope",
    "dkim_domain": "DKIM signatures",
    "secret_keys": "Secrets, links and recipients",
    "clock": "Times and tries",
    "log_format": "Logs",
}
"""Headings, by the first setting under each, in the order of the class."""

_SOURCE = re.compile(r" \((?:rules?|contract) [^)]*\)")
_TABLES = re.compile(r"(?<=<!-- made from config/settings\.py -->\n).*(?=<!-- end -->)", re.DOTALL)


def tables() -> str:
    """Every setting with its variable, key, default and meaning, in Markdown."""
    return "\n".join(_lines()) + "\n"


def with_tables(text: str) -> str:
    """The text of a page with the tables as they are now between its two marks."""
    return _TABLES.sub(lambda _: f"\n{tables()}\n", text, count=1)


def _lines() -> Iterator[str]:
    for origin in Settings.model_validate({}).origins():
        if origin.name in GROUPS:
            yield from () if origin.name == next(iter(GROUPS)) else ("",)
            yield f"### {GROUPS[origin.name]}"
            yield ""
            yield "| variable | key | default | meaning |"
            yield "|---|---|---|---|"
        yield _row(origin)


def _row(origin: Origin) -> str:
    field = Settings.model_fields[origin.name]
    by_machine = field.default_factory is not None
    default = f"`{origin.value}`" if origin.value is not None and not by_machine else ""
    meaning = _SOURCE.sub("", " ".join((field.description or "").split()))
    return f"| `{origin.variable}` | `{origin.name}` | {default} | {meaning} |"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(with_tables(page.read_text("utf-8")), encoding="utf-8")
