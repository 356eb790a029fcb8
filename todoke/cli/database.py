"""`todoke db`."""

from __future__ import annotations

from store import schema
from todoke.cli.output import print_json, print_line
from todoke.cli.running import refused, run, settings_of_command
from todoke.wiring import Wiring


def upgrade(*, as_json: bool) -> None:
    """Bring the schema up to date."""
    before = run(_upgrade())
    if as_json:
        print_json({"before": before.current, "now": before.head})
    elif before.up_to_date:
        print_line(f"up to date ({before.head})")
    else:
        print_line(f"upgraded from {before.current or 'an empty database'} to {before.head}")


def check(*, as_json: bool) -> None:
    """Whether the schema is up to date."""
    found = run(_state())
    if as_json:
        print_json({"current": found.current, "head": found.head, "up_to_date": found.up_to_date, "known": found.known})
    else:
        print_line(f"the schema is at {found.current}" if found.up_to_date else found.advice)
    if not found.up_to_date:
        refused()


async def _upgrade() -> schema.SchemaState:
    wiring = Wiring(settings_of_command())
    try:
        return await schema.upgrade(wiring.db)
    finally:
        await wiring.close()


async def _state() -> schema.SchemaState:
    wiring = Wiring(settings_of_command())
    try:
        return await schema.state(wiring.db)
    finally:
        await wiring.close()
