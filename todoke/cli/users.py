"""`todoke user`. Passwords are typed at a prompt or come from stdin, never from the command line."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from core.jst import rfc3339
from scheduler.job_parsing import PREFECTURES
from store.people import Role
from store.users import ROLES, User, Users
from todoke.cli.output import complain, print_json, print_line, print_table
from todoke.cli.running import open_wiring, run, wrong_usage

_COLUMNS = {
    "name": "name",
    "role": "role",
    "prefecture": "prefecture",
    "sign_in": "signs in by",
    "signed_in_at": "last signed in",
    "disabled_at": "disabled",
}


def create(name: str, role_name: str, prefecture: str | None, *, as_json: bool) -> None:
    """Make a user."""
    if role_name not in ROLES:
        wrong_usage(f"--role {role_name}: no role of people; they are {', '.join(ROLES)}")
    role = Role(role_name)
    if (role is Role.PREFECTURE) != (prefecture is not None):
        wrong_usage("--prefecture goes with --role prefecture, and only with it")
    if prefecture is not None and prefecture not in PREFECTURES:
        wrong_usage("--prefecture: must be 01 to 47")
    password = _password()
    _with_users(lambda users: users.create(name, role, prefecture, password))
    _say({"name": name, "role": role.value, "prefecture": prefecture}, f"{name} may sign in.", as_json=as_json)


def change_password(name: str, *, as_json: bool) -> None:
    """Give a user another password."""
    password = _password()
    _with_users(lambda users: users.set_password(name, password))
    _say({"name": name}, f"{name} has another password; open sessions have ended.", as_json=as_json)


def disable(name: str, *, as_json: bool) -> None:
    """Let a user in no more."""
    _with_users(lambda users: users.disable(name))
    _say({"name": name}, f"{name} may sign in no more; open sessions have ended.", as_json=as_json)


def show(*, as_json: bool) -> None:
    """All users."""
    rows = [_row(user) for user in run(_listed())]
    if as_json:
        print_json(rows)
    elif rows:
        print_table(rows, _COLUMNS)
    else:
        complain("There is no user yet: `todoke user create` makes one.")


def _row(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "role": user.role.value,
        "prefecture": user.prefecture,
        "sign_in": "password" if user.by_password else "OpenID Connect",
        "created_at": rfc3339(user.created_at),
        "signed_in_at": rfc3339(user.signed_in_at),
        "disabled_at": rfc3339(user.disabled_at),
    }


def _say(value: dict[str, Any], text: str, *, as_json: bool) -> None:
    if as_json:
        print_json(value)
    else:
        print_line(text)


def _password() -> str:
    """Typed twice on a terminal; the first line of stdin elsewhere."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        wrong_usage("the two passwords differ")
    return password


def _with_users(work: Callable[[Users], Awaitable[None]]) -> None:
    async def working() -> None:
        async with open_wiring() as wiring:
            await work(wiring.users)

    run(working())


async def _listed() -> list[User]:
    async with open_wiring() as wiring:
        return list(await wiring.users.listed())
