"""`todoke token`."""

from __future__ import annotations

from scheduler.job_parsing import PREFECTURES
from store.people import Role
from todoke.cli.output import complain, print_json, print_line
from todoke.cli.running import open_wiring, run, wrong_usage


def create(name: str, role_name: str, prefecture: str | None, *, as_json: bool) -> None:
    """Make a token and show it once."""
    if role_name not in set(Role):
        wrong_usage(f"--role {role_name}: no such role; they are {', '.join(Role)}")
    role = Role(role_name)
    if (role is Role.PREFECTURE) != (prefecture is not None):
        wrong_usage("--prefecture goes with --role prefecture, and only with it")
    if prefecture is not None and prefecture not in PREFECTURES:
        wrong_usage("--prefecture: must be 01 to 47")
    token = run(_create(name, role, prefecture))
    if as_json:
        print_json({"name": name, "role": role.value, "prefecture": prefecture, "token": token})
        return
    print_line(token)
    complain("Keep it: it is not shown again.")


async def _create(name: str, role: Role, prefecture: str | None) -> str:
    async with open_wiring() as wiring:
        return await wiring.people.create(name, role, prefecture)
