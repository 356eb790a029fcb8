"""Every query that runs again and again finds its rows by an index, however full the tables are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.jobs import Application, Job
from core.kinds import Account, InstitutionType, Kind, Route
from core.mail import Institution, Recipient
from core.messages import Change
from core.statuses import Status
from store.bulk import insert_rows
from store.candidates import READY
from store.chores import EXPIRED, NEXT_EXPIRY
from store.hearing import heard_first
from store.intake import known
from store.leases import ABSENT, HELD
from store.moves import Moves
from store.outbox import NEXT_READY
from store.reading import EVERYTHING, MessageFilter, Sight, message_page
from store.reading_dashboard import OPEN, longest_waiting, still_open
from store.reading_queues import QueueFilter, Work, mail_queue, open_by_prefecture, open_work_of
from store.reading_reach import ReachFilter, reach_page
from store.reporting import reminders
from store.resends import family_of
from store.tables import messages
from store.waiting import Waiting, waiting

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)

Run = Callable[[AsyncConnection], Awaitable[Any]]


@pytest.fixture
async def full(room: Any) -> Any:
    """Many mails that are over or wait for later, and some that are ready, held and about to expire."""
    rows = [room.row_of(Kind.REJECTION, Status.SENT) for _ in range(2000)]
    rows += [room.row_of(ready_at=NOW + timedelta(minutes=n), expires_at=NOW + timedelta(days=n)) for n in range(1000)]
    rows += [room.row_of(status=Status.SENDING) for _ in range(5)]
    await room.add_rows(rows)
    async with room.db.write() as conn:
        await conn.execute(text("ANALYZE"))
    return room


async def plan(room: Any, run: Run) -> str:
    """How the database means to do what `run` does, with parameters bound as in earnest; nothing of it stays."""
    seen: list[tuple[str, Any]] = []

    def note(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
        seen.append((statement, parameters))

    async with room.db.engine.connect() as conn, conn.begin() as transaction:
        if not room.db.sqlite:
            await conn.execute(text("SET LOCAL enable_seqscan = off"))  # as if the table were large
        event.listen(room.db.engine.sync_engine, "before_cursor_execute", note)
        await run(conn)
        event.remove(room.db.engine.sync_engine, "before_cursor_execute", note)
        explain = "EXPLAIN QUERY PLAN" if room.db.sqlite else "EXPLAIN"
        statement, parameters = seen[0]
        rows = (await conn.exec_driver_sql(f"{explain} {statement}", parameters)).all()
        await transaction.rollback()
    return "\n".join(" ".join(map(str, row)) for row in rows)


def scans(found: str, table: str) -> bool:
    """Whether the plan walks through a whole table."""
    return f"Seq Scan on {table}" in found or f"SCAN {table}\n" in f"{found}\n"


QUERIES: list[tuple[Any, dict[str, Any], str]] = [
    (READY, {"lane": 1, "now": NOW, "today": "2026-11-24", "limit": 50}, "ix_messages_ready"),
    (NEXT_READY, {}, "ix_messages_ready"),
    (EXPIRED, {"now": NOW + timedelta(days=10)}, "ix_messages_expires_at"),
    (NEXT_EXPIRY, {}, "ix_messages_expires_at"),
    (HELD, {"leases": ["sender-1", "sender-2"]}, "ix_messages_lease"),
    (ABSENT, {}, "ix_messages_lease"),
]


@pytest.mark.parametrize(("query", "parameters", "index"), QUERIES)
async def test_a_query_finds_its_rows_by_its_index(
    full: Any, query: Any, parameters: dict[str, Any], index: str
) -> None:
    async def run(conn: AsyncConnection) -> None:
        chosen = query[full.db.sqlite] if isinstance(query, dict) else query
        (await conn.execute(chosen, parameters)).all()

    found = await plan(full, run)
    assert index in found
    assert not scans(found, "messages")


@pytest.mark.parametrize("after", [None, Waiting("m", "35", NOW, None, NOW, None, published=True)])
@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.DEFERRED, Status.IN_DOUBT])
async def test_what_waits_is_found_by_an_index(full: Any, status: Status, after: Waiting | None) -> None:
    async def run(conn: AsyncConnection) -> None:
        await waiting(conn, Kind.PRE_CHECK, status, NOW, after, 500)

    found = await plan(full, run)
    assert not full.db.sqlite or "ix_messages_status_kind_created_at" in found
    assert not scans(found, "messages")


async def test_a_claim_reads_in_order_and_sorts_nothing(full: Any) -> None:
    async def run(conn: AsyncConnection) -> None:
        (
            await conn.execute(READY, {"lane": 1, "now": NOW + timedelta(days=1), "today": "2026-11-25", "limit": 50})
        ).all()

    found = await plan(full, run)
    assert "Sort" not in found
    assert "TEMP B-TREE" not in found


@pytest.mark.parametrize(
    "lease", [None, pytest.param("sender-1", id="under a lease, whose index leads to all that is held")]
)
async def test_changes_in_bulk_find_their_messages_by_key(full: Any, lease: str | None) -> None:
    ids = [await full.add(Kind.REJECTION, Status.SENDING) for _ in range(20)]
    changes = [Change(one, Status.SENT, "sent", NOW, {}, {"sent_at": NOW, "smtp_code": 250}, lease) for one in ids]

    async def run(conn: AsyncConnection) -> None:
        assert len(await Moves(sqlite=full.db.sqlite).move(conn, changes)) == 20

    found = await plan(full, run)
    assert "pk_messages" in found or "sqlite_autoindex_messages_1" in found, found
    assert "ix_messages_lease" not in found
    assert not scans(found, "messages")


@pytest.mark.parametrize("in_doubt", [1, 50])
async def test_reports_on_what_is_in_doubt_are_found_by_an_index(full: Any, in_doubt: int) -> None:
    values = {"ready_at": NOW}
    changes = [Change(full.ids(), Status.IN_DOUBT, "in-doubt", NOW, {}, values) for _ in range(in_doubt)]

    async def run(conn: AsyncConnection) -> None:
        assert await heard_first(conn, changes) == changes

    found = await plan(full, run)
    assert "ix_reports_" in found, found
    assert not scans(found, "reports")


async def test_what_a_job_depends_on_is_found_by_its_keys(full: Any) -> None:
    place = Institution("3510012345", "周南みなと病院", InstitutionType.HOSPITAL, "35")
    application = Application("A-1", Route.SELF, Account.NONE, NOW.date())
    job = Job("job", Kind.GUIDE, Recipient("soumu@example.jp"), application, place)

    async def run(conn: AsyncConnection) -> None:
        assert (await known(conn, [job], ["job"])).jobs == {}

    found = await plan(full, run)
    for table in ("messages", "applications", "jobs", "suppressions"):
        assert not scans(found, table), found


FILTERS = [
    (MessageFilter(), Sight("35"), "ix_messages_prefecture_kind_created_at"),
    (MessageFilter(kind=Kind.REJECTION), Sight("35"), "ix_messages_prefecture_kind_created_at"),
    (MessageFilter(kind=Kind.ADDRESS_CHANGED), EVERYTHING, "ix_messages_kind_created_at"),
    (MessageFilter(status=Status.UNDELIVERED), EVERYTHING, "ix_messages_status_kind_created_at"),
    (MessageFilter(status=Status.UNDELIVERED), Sight("35"), "ix_messages_prefecture_status_created_at"),
    (MessageFilter(status=Status.SENDING), EVERYTHING, "ix_messages_lease"),
]


@pytest.mark.parametrize(("wanted", "sight", "index"), FILTERS)
async def test_the_first_page_of_a_filter_is_found_by_its_index(
    full: Any, wanted: MessageFilter, sight: Sight, index: str
) -> None:
    async def run(conn: AsyncConnection) -> None:
        await message_page(conn, wanted, sight, None, 50)

    found = await plan(full, run)
    assert index in found, found
    assert not scans(found, "messages")


READ_BY_PAGES: list[tuple[Run, str]] = [
    (lambda conn: mail_queue(conn, _BOUNCED, EVERYTHING, None, 50), "ix_messages_status_kind_created_at"),
    (lambda conn: mail_queue(conn, _IN_DOUBT, Sight("35"), None, 50), "ix_messages_"),
    (lambda conn: open_by_prefecture(conn, EVERYTHING), "ix_messages_status_kind_created_at"),
    (lambda conn: open_work_of(conn, "3510012345", EVERYTHING), "ix_messages_"),
    (lambda conn: longest_waiting(conn, NOW, EVERYTHING), "ix_messages_status_kind_created_at"),
]
_BOUNCED = QueueFilter(Status.UNDELIVERED, work=Work.OPEN)
_IN_DOUBT = QueueFilter(Status.IN_DOUBT)


@pytest.mark.parametrize(("run", "index"), READ_BY_PAGES)
async def test_the_pages_find_what_they_show_by_an_index(full: Any, run: Run, index: str) -> None:
    found = await plan(full, run)
    assert index in found, found
    assert not scans(found, "messages")


@pytest.mark.parametrize("run", [READ_BY_PAGES[0][0], READ_BY_PAGES[2][0], READ_BY_PAGES[3][0]])
async def test_what_was_done_about_a_mail_is_found_by_the_mail(full: Any, run: Run) -> None:
    found = await plan(full, run)
    assert "ix_follow_ups_message_id" in found, found
    assert not scans(found, "follow_ups")


@pytest.mark.parametrize(
    ("sight", "index"),
    [(EVERYTHING, "ix_messages_status_kind_created_at"), (Sight("35"), "ix_messages_prefecture_status_created_at")],
)
@pytest.mark.parametrize("status", OPEN)
async def test_what_waits_is_counted_by_an_index(full: Any, status: Status, sight: Sight, index: str) -> None:
    async def run(conn: AsyncConnection) -> None:
        await still_open(conn, status, sight)

    found = await plan(full, run)
    short = ["ix_messages_lease"] if status is Status.SENDING else [index, "ix_messages_expires_at"]
    assert any(name in found for name in short), found
    assert not scans(found, "messages")


async def test_whom_no_mail_reaches_is_read_in_the_order_of_the_list(full: Any) -> None:
    async def run(conn: AsyncConnection) -> None:
        await reach_page(conn, ReachFilter(2026), EVERYTHING, None, 50)

    assert "ix_reporting_unreported" in await plan(full, run)


async def test_reminders_of_institutions_are_not_looked_for_among_everybodys(full: Any) -> None:
    """By kind or step every upload would go through the reminders of all institutions."""

    async def run(conn: AsyncConnection) -> None:
        await reminders(conn, [(2026, "3510012345", "medical-function")])

    found = await plan(full, run)
    assert "ix_messages_kind" not in found, found
    assert "uq_messages_step_key" not in found, found


async def test_the_copies_of_a_mail_are_looked_for_among_those_of_its_institution(full: Any) -> None:
    mail = await full.row(await full.add(Kind.REJECTION, Status.SENT))

    async def run(conn: AsyncConnection) -> None:
        await family_of(conn, mail)

    found = await plan(full, run)
    assert "ix_messages_institution_code_created_at" in found, found
    assert not scans(found, "messages")


async def test_when_a_pre_check_became_sent_is_read_from_its_own_events(full: Any) -> None:
    async def run(conn: AsyncConnection) -> None:
        (await conn.execute(READY, {"lane": 1, "now": NOW, "today": "2026-12-01", "limit": 50})).all()

    found = await plan(full, run)
    assert "ix_events_message_id_id" in found, found
    assert not scans(found, "events")


async def test_terms_that_are_known_are_looked_up_by_their_key(postgres_room: Any) -> None:
    """A plan that was made while there were few terms would go through all of them at every intake."""
    await postgres_room.add()
    rows = [postgres_room.row_of(email=f"k{number}@example.jp") for number in range(20)]
    scans = text("SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'search_terms'")
    async with postgres_room.db.write() as conn:
        await insert_rows(conn, messages, rows)
        assert (await conn.execute(scans)).scalar_one() == 0
        assert (await conn.execute(text("SELECT count(*) FROM search_terms WHERE kind = 'email'"))).scalar_one() == 21
