"""`todoke token`."""

from __future__ import annotations

from collections.abc import Sequence

from core.jst import rfc3339
from scheduler.job_parsing import PREFECTURES
from store.people import Role, Token
from todoke.cli.output import complain, print_json, print_line, print_table
from todoke.cli.running import open_wiring, run, wrong_usage

_COLUMNS = {
    "name": "name",
    "role": "role",
    "prefecture": "prefecture",
    "created_at": "created",
    "revoked_at": "revoked",
}


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


def show(*, as_json: bool) -> None:
    """All tokens, without their secrets."""
    rows = [_row(token) for token in run(_listed())]
    if as_json:
        print_json(rows)
    elif rows:
        print_table(rows, _COLUMNS)
    else:
        complain("There is no token yet: `todoke token create` makes one.")


def revoke(name: str, *, as_json: bool) -> None:
    """End a token."""
    run(_revoke(name))
    if as_json:
        print_json({"name": name})
    else:
        print_line(f"{name} is revoked; whoever comes with it is refused from now on.")


def _row(token: Token) -> dict[str, str | None]:
    return {
        "name": token.name,
        "role": token.role.value,
        "prefecture": token.prefecture,
        "created_at": rfc3339(token.created_at),
        "revoked_at": rfc3339(token.revoked_at),
    }


async def _create(name: str, role: Role, prefecture: str | None) -> str:
    async with open_wiring() as wiring:
        return await wiring.people.create(name, role, prefecture)


async def _listed() -> Sequence[Token]:
    async with open_wiring() as wiring:
        return await wiring.people.listed()


async def _revoke(name: str) -> None:
    async with open_wiring() as wiring:
        await wiring.people.revoke(name)
