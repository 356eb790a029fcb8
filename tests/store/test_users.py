"""People who sign in, on both databases: who is let in, for how long, and how guessing is slowed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from core.clock import SystemClock
from core.ids import IdSource
from store.engine import Database
from store.guesses import FREE_FAILURES, LONGEST_LOCK, lock_after
from store.passwords import PasswordRefused, Passwords
from store.people import People, Principal, Role, TokenRefused
from store.sessions import SessionLimits
from store.tables import audit, guesses, sessions, users
from store.users import Admitted, Attempt, TurnedAway, UserRefused, Users

START = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
PASSWORD = "五月雨を集めて早し最上川"
OFFICE = Attempt("山口県窓口", PASSWORD, "192.0.2.1")
WRONG = replace(OFFICE, password="another password")
LIMITS = SessionLimits(idle=timedelta(minutes=60), longest=timedelta(hours=12))


class Doors:
    """The users of a database, at a time that tests set."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.now = START
        self.passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        self.users = Users(db, IdSource(SystemClock()), self.passwords, LIMITS, now=lambda: self.now)

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)

    async def admitted(self, attempt: Attempt = OFFICE) -> Admitted:
        answer = await self.users.sign_in(attempt)
        assert isinstance(answer, Admitted), answer
        return answer

    async def fail(self, times: int, attempt: Attempt = WRONG) -> datetime | None:
        """Fail so many times; the lock that the last try left."""
        until = None
        for _ in range(times):
            answer = await self.users.sign_in(attempt)
            assert isinstance(answer, TurnedAway)
            until = answer.until
        return until

    async def told(self) -> list[tuple[str, str, str]]:
        """Actor, action and subject of the audit trail."""
        async with self.db.read() as conn:
            rows = await conn.execute(select(audit).order_by(audit.c.id))
            return [(row.actor, row.action, row.subject) for row in rows]

    async def rows(self, table: Any) -> list[Any]:
        async with self.db.read() as conn:
            return list(await conn.execute(select(table)))


@pytest.fixture
async def doors(db: Database) -> Doors:
    made = Doors(db)
    await made.users.create("山口県窓口", Role.PREFECTURE, "35", PASSWORD)
    return made


async def test_who_knows_the_password_is_let_in_and_recognised(doors: Doors) -> None:
    admitted = await doors.admitted()
    assert admitted.who == Principal("山口県窓口", Role.PREFECTURE, "35")
    assert await doors.users.recognise(admitted.token) == admitted.who
    assert await doors.users.recognise(admitted.token + "x") is None
    assert await doors.told() == [
        ("todoke user", "user-created", "山口県窓口"),
        ("山口県窓口", "sign-in", "山口県窓口"),
    ]


async def test_names_and_passwords_may_be_typed_in_another_width(doors: Doors) -> None:
    await doors.users.create("Tanaka", Role.HELPDESK, None, "Blue-Heron-2026")
    await doors.admitted(Attempt("ｔａｎａｋａ ", "Ｂｌｕｅ-Heron-２０２６", "192.0.2.1"))


async def test_the_database_keeps_neither_password_nor_token(doors: Doors) -> None:
    admitted = await doors.admitted()
    [user], [session] = await doors.rows(users), await doors.rows(sessions)
    assert user.password.startswith("$argon2id$")
    assert PASSWORD not in str(tuple(user))
    assert admitted.token not in str(tuple(session))


@pytest.mark.parametrize(
    "attempt",
    [WRONG, replace(OFFICE, password=""), replace(OFFICE, name="東京都窓口"), replace(OFFICE, name="")],
)
async def test_who_does_not_is_turned_away(doors: Doors, attempt: Attempt) -> None:
    assert await doors.users.sign_in(attempt) == TurnedAway()
    actor, action, subject = (await doors.told())[-1]
    assert (actor, action) == ("-", "sign-in-failed")
    assert subject == ("山口県窓口" if attempt.name == "山口県窓口" else "unknown user")


async def test_a_session_ends_when_it_is_idle(doors: Doors) -> None:
    token = (await doors.admitted()).token
    for _ in range(3):
        doors.later(minutes=59)
        assert await doors.users.recognise(token) is not None
    doors.later(minutes=60)
    assert await doors.users.recognise(token) is None


@pytest.mark.parametrize(("idle", "pause"), [(1, 5), (1, 0.7), (2, 50), (60, 45), (60, 59 * 60)])
async def test_idleness_counts_from_the_last_request(doors: Doors, idle: int, pause: float) -> None:
    limits = SessionLimits(timedelta(minutes=idle), timedelta(days=365))
    users = Users(doors.db, IdSource(SystemClock()), doors.passwords, limits, now=lambda: doors.now)
    answer = await users.sign_in(OFFICE)
    assert isinstance(answer, Admitted)
    for _ in range(30):
        doors.later(seconds=pause)
        assert await users.recognise(answer.token) is not None
    doors.later(minutes=idle * 58 / 60)
    assert await users.recognise(answer.token) is not None
    doors.later(minutes=idle)
    assert await users.recognise(answer.token) is None


async def test_a_session_ends_however_busy_it_is(doors: Doors) -> None:
    token = (await doors.admitted()).token
    for _ in range(23):
        doors.later(minutes=30)
        assert await doors.users.recognise(token) is not None
    doors.later(minutes=30)
    assert await doors.users.recognise(token) is None
    await doors.admitted()
    assert len(await doors.rows(sessions)) == 1  # what is over does not stay


async def test_signing_in_again_ends_the_session_before(doors: Doors) -> None:
    first = (await doors.admitted()).token
    second = (await doors.admitted(replace(OFFICE, session=first))).token
    assert first != second
    assert await doors.users.recognise(first) is None
    assert await doors.users.recognise(second) is not None


async def test_signing_out_ends_it(doors: Doors) -> None:
    admitted = await doors.admitted()
    await doors.users.sign_out(admitted.who, admitted.token)
    assert await doors.users.recognise(admitted.token) is None
    assert (await doors.told())[-1] == ("山口県窓口", "sign-out", "山口県窓口")


async def test_a_disabled_user_is_out_at_once(doors: Doors) -> None:
    token = (await doors.admitted()).token
    await doors.users.disable("山口県窓口")
    assert await doors.users.recognise(token) is None
    assert isinstance(await doors.users.sign_in(OFFICE), TurnedAway)
    with pytest.raises(UserRefused, match="in force"):
        await doors.users.disable("山口県窓口")
    with pytest.raises(UserRefused, match="in force"):
        await doors.users.set_password("山口県窓口", PASSWORD)


async def test_a_disabled_user_comes_back_in_the_same_role_alone(doors: Doors) -> None:
    await doors.users.disable("山口県窓口")
    with pytest.raises(UserRefused, match="another role"):
        await doors.users.create("山口県窓口", Role.PREFECTURE, "13", PASSWORD)
    await doors.users.create("山口県窓口", Role.PREFECTURE, "35", "a wholly different one")
    await doors.admitted(replace(OFFICE, password="a wholly different one"))
    [user] = await doors.users.listed()
    assert (user.name, user.disabled_at, user.signed_in_at) == ("山口県窓口", None, START)


async def test_another_password_ends_sessions_and_the_lock(doors: Doors) -> None:
    token = (await doors.admitted()).token
    assert await doors.fail(FREE_FAILURES) is not None
    await doors.users.set_password("山口県窓口", "a wholly different one")
    assert await doors.users.recognise(token) is None
    await doors.admitted(replace(OFFICE, password="a wholly different one"))
    assert isinstance(await doors.users.sign_in(OFFICE), TurnedAway)


async def test_another_password_ends_the_lock_of_a_known_device(doors: Doors) -> None:
    at_the_office = replace(OFFICE, device="d1")
    await doors.admitted(at_the_office)
    assert await doors.fail(FREE_FAILURES, replace(at_the_office, password="x")) is not None
    await doors.users.set_password("山口県窓口", "a wholly different one")
    await doors.admitted(replace(at_the_office, password="a wholly different one"))


async def test_guessing_is_slowed(doors: Doors) -> None:
    assert await doors.fail(FREE_FAILURES - 1) is None
    assert await doors.fail(1) == START + timedelta(minutes=1)
    assert await doors.users.sign_in(OFFICE) == TurnedAway(START + timedelta(minutes=1))  # not even looked at
    doors.later(minutes=1)
    assert await doors.fail(1) == doors.now + timedelta(minutes=2)
    assert [action for _, action, _ in await doors.told()].count("sign-in-locked") == 2


async def test_tries_under_a_lock_do_not_prolong_it(doors: Doors) -> None:
    until = await doors.fail(FREE_FAILURES)
    lines = len(await doors.told())
    assert await doors.fail(20) == until
    assert len(await doors.told()) == lines
    doors.later(minutes=1)
    await doors.admitted()
    assert await doors.rows(guesses) == []


async def test_a_lock_tells_nothing_of_who_exists(doors: Doors) -> None:
    nobody = replace(WRONG, name="nobody")
    assert await doors.fail(FREE_FAILURES, nobody) == await doors.fail(FREE_FAILURES, WRONG)


async def test_strangers_do_not_lock_a_known_device_out(doors: Doors) -> None:
    await doors.fail(FREE_FAILURES)
    at_the_office = replace(OFFICE, device="d1")
    await doors.admitted(at_the_office)
    assert isinstance(await doors.users.sign_in(OFFICE), TurnedAway)  # nor does the owner free the strangers
    assert await doors.fail(FREE_FAILURES, replace(at_the_office, password="x")) is not None  # it has a limit too
    assert isinstance(await doors.users.sign_in(at_the_office), TurnedAway)


async def test_guesses_side_by_side_are_counted_one_by_one(doors: Doors) -> None:
    answers = await asyncio.gather(*(doors.users.sign_in(WRONG) for _ in range(12)))
    assert all(isinstance(answer, TurnedAway) for answer in answers)
    [row] = await doors.rows(guesses)
    assert row.failures == FREE_FAILURES


async def test_failures_are_forgotten_after_a_day(doors: Doors) -> None:
    await doors.fail(FREE_FAILURES - 1)
    doors.later(hours=25)
    assert await doors.fail(1) is None


def test_a_lock_grows_and_has_an_end() -> None:
    locks = [lock_after(failures) for failures in range(1, 2000)]
    assert locks[: FREE_FAILURES - 1] == [None] * (FREE_FAILURES - 1)
    grown = [lock for lock in locks if lock is not None]
    assert grown == sorted(grown)
    assert grown[-1] == LONGEST_LOCK == timedelta(minutes=15)


async def test_a_hash_of_weaker_parameters_is_renewed(doors: Doors) -> None:
    [before] = await doors.rows(users)
    stronger = Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    renewing = Users(doors.db, IdSource(SystemClock()), stronger, LIMITS, now=lambda: doors.now)
    assert isinstance(await renewing.sign_in(OFFICE), Admitted)
    [after] = await doors.rows(users)
    assert "t=1" in before.password
    assert "t=2" in after.password
    assert isinstance(await renewing.sign_in(OFFICE), Admitted)


@pytest.mark.parametrize(
    ("name", "role", "prefecture"),
    [
        ("山口県窓口", Role.HELPDESK, None),  # taken
        (" 山口県窓口", Role.HELPDESK, None),
        ("", Role.HELPDESK, None),
        ("\u3000", Role.HELPDESK, None),
        ("x" * 101, Role.HELPDESK, None),
        ("two\nlines", Role.HELPDESK, None),
        ("local", Role.ADMIN, None),
        ("-", Role.ADMIN, None),
        ("todoke user", Role.ADMIN, None),
        ("command line", Role.ADMIN, None),
        ("system", Role.PUBLISHER, None),
        ("office", Role.PREFECTURE, None),
        ("office", Role.PREFECTURE, "48"),
        ("desk", Role.HELPDESK, "35"),
    ],
)
async def test_a_user_that_cannot_be_is_refused(doors: Doors, name: str, role: Role, prefecture: str | None) -> None:
    with pytest.raises(UserRefused):
        await doors.users.create(name, role, prefecture, PASSWORD)


async def test_users_and_tokens_do_not_share_names(doors: Doors) -> None:
    people = People(doors.db, IdSource(SystemClock()))
    with pytest.raises(TokenRefused, match="user"):
        await people.create("山口県窓口", Role.ADMIN)
    await people.create("reg", Role.PUBLISHER)
    with pytest.raises(UserRefused, match="token"):
        await doors.users.create("reg", Role.ADMIN, None, PASSWORD)


@pytest.mark.parametrize(
    "password", ["", "short", "a" * 12, "ababababababab", "x1y2z" * 41, "山口県窓口no-pass", "あ" * 30]
)
async def test_an_easy_password_is_refused(doors: Doors, password: str) -> None:
    with pytest.raises(PasswordRefused) as caught:
        await doors.users.set_password("山口県窓口", password)
    assert not password or password not in str(caught.value)
