"""`todoke db`."""

from __future__ import annotations

from datetime import datetime

from store import schema
from todoke.cli.asking import moment_of
from todoke.cli.output import print_json, print_line
from todoke.cli.running import open_wiring, refused, run, settings_of_command, wrong_usage
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


def restored(taken_at: str, *, as_json: bool) -> None:
    """Put in doubt the guides that may have left since a backup was taken."""
    count = run(_doubt_guides(moment_of("--taken-at", taken_at)))
    if as_json:
        print_json({"in_doubt": count})
    elif count:
        print_line(f"{count} guide(s) may have left since then: in doubt now, for a person to decide (/in-doubt)")
    else:
        print_line("no guide can have left since then")


async def _doubt_guides(taken_at: datetime) -> int:
    from store.restoring import Restored
    from store.sole_sender import sole_sender

    async with open_wiring() as wiring:
        if taken_at > wiring.clock.now():
            wrong_usage("--taken-at: lies in the future")
        with sole_sender(wiring.db):
            await wiring.leases.take_over_all()
            # By now what was taken over is ready, too.
            return await Restored(wiring.db, wiring.ledger, wiring.timing).doubt_guides(taken_at, wiring.clock.now())


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
