"""`todoke config`."""

from __future__ import annotations

from dataclasses import asdict

from todoke.cli.output import print_json, print_table
from todoke.cli.running import settings_of_command


def show(*, as_json: bool) -> None:
    """Every setting with its origin."""
    origins = settings_of_command().origins()
    if as_json:
        print_json({origin.name: asdict(origin) for origin in origins})
        return
    rows = [asdict(origin) for origin in origins]
    print_table(rows, {"variable": "variable", "source": "from", "value": "value"})
