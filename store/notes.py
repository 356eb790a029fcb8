"""What a sender notes for every handful of mails, and how that gets to their messages.

A note says which mails are about to be handed over (a sender's row holds the ids of those on its wires, so that a mark
costs no row of its own), and which were taken: as a receipt, in one row for the handful. It is short, since connections
wait for it. Receipts are entered with their messages by the dozen afterwards; whoever removes a receipt enters it.

A note may reach the server late, after its connection broke on this side and newer ones went over another. So notes are
numbered, and one that is not newer than what stands there changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from typing import Protocol

from sqlalchemy import (
    CTE,
    BigInteger,
    Column,
    Integer,
    String,
    Text,
    bindparam,
    cast,
    column,
    delete,
    func,
    literal,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from core.messages import NO_FAILURE, SENT_COLUMNS, Noted, Receipt, Taken
from core.statuses import Status, sources_of
from store.bulk import as_text, insert_into
from store.direct import DirectConnection, Statement
from store.engine import Database
from store.moves import consequences, lease_of_message, stands_at, telling
from store.receipts import packed
from store.tables import messages, receipts, senders

_LEASE = bindparam("lease", type_=String())
_NOTED = "noted"
"""Among the ids that a note answers: the lease is not lost."""


class Notes(Protocol):
    """Where a sender notes things. See `mailer.journal.Records`."""

    async def write(
        self, number: int, lease: str, on_wire: Collection[str], marks: Sequence[str], receipt: Receipt | None
    ) -> Noted:
        """Note marks, and mails that were taken: in one transaction. The same once more does no harm.

        `number` is higher than that of any note before it under this lease, also where this one is the same once more.
        """

    async def enter(self, lease: str, given: Sequence[Receipt]) -> frozenset[str]:
        """Enter noted receipts, with their messages: ids of those of which that is on record.

        A receipt that is gone was entered before: by us, if we did not hear of it, or by whoever took us for dead.
        """

    async def close(self) -> None:
        """Give back what is kept open."""


class PostgresNotes:
    """Notes by one statement each, and so in one round trip."""

    def __init__(self, db: Database) -> None:
        self._noting, self._entering = DirectConnection(db), DirectConnection(db)

    async def write(
        self, number: int, lease: str, on_wire: Collection[str], marks: Sequence[str], receipt: Receipt | None
    ) -> Noted:
        """See `Notes`."""
        given = {"lease": lease, "on_wire": as_text(on_wire, on_sqlite=False), "marks": _array(marks)}
        given["note_number"] = str(number)
        if receipt is not None:
            given |= {"number": str(receipt.number), "taken": packed(receipt)}
        found = frozenset(row[0] for row in await self._noting.fetch(_note(receipt is not None), given))
        return Noted(found - {_NOTED}, _NOTED in found)

    async def enter(self, lease: str, given: Sequence[Receipt]) -> frozenset[str]:
        """See `Notes`."""
        numbers = _array(str(receipt.number) for receipt in given)
        rows = await self._entering.fetch(_entry(), {"lease": lease, "numbers": numbers})
        gone = {row[0] for row in rows if row[0].isdecimal()}
        moved = frozenset(row[0] for row in rows) - gone
        return moved.union(entered_before(given, set(map(int, gone))))

    async def close(self) -> None:
        """See `Notes`."""
        for connection in (self._noting, self._entering):
            await connection.close()


def entered_before(given: Sequence[Receipt], numbers: Collection[int]) -> Iterator[str]:
    """Ids of the mails of receipts that were not found, where those with these numbers were."""
    return (taken.message_id for receipt in given if receipt.number not in numbers for taken in receipt.taken)


def _array(values: Iterable[str]) -> str:
    return f"{{{','.join(values)}}}"


@cache
def _note(with_receipt: bool) -> Statement:
    """All of it as one statement of PostgreSQL's, and so in one transaction and one round trip."""
    written = cast(bindparam("on_wire", type_=Text()), JSONB)
    number = bindparam("note_number", type_=BigInteger())
    newest = (senders.c.id == _LEASE, senders.c.dead_at.is_(None), senders.c.note_number < number)
    wires = update(senders).where(*newest).values(on_wire=written, note_number=number)
    wire = wires.returning(literal(_NOTED).label("noted")).cte("wire")
    marked = (
        select(messages.c.id)
        .join(wire, true())
        .where(messages.c.id == func.any(bindparam("marks", type_=ARRAY(Text()))), lease_of_message() == _LEASE)
    )
    whole = union_all(marked, select(wire.c.noted))
    names = frozenset({"lease", "on_wire", "marks", "note_number"})
    if not with_receipt:
        return Statement.of(whole, names)
    row = select(_LEASE, bindparam("number", type_=Integer()), bindparam("taken", type_=Text())).select_from(wire)
    columns: list[Column[str | int]] = [receipts.c.sender, receipts.c.number, receipts.c.taken]
    noted = insert_into(receipts, on_sqlite=False).from_select(columns, row).on_conflict_do_nothing()
    return Statement.of(whole.add_cte(noted.returning(literal(1)).cte("receipt")), names | {"number", "taken"})


@cache
def _entry() -> Statement:
    """The same for the mails of receipts: messages, events, and the receipts gone."""
    numbers = func.any(bindparam("numbers", type_=ARRAY(Integer())))
    removed = delete(receipts).where(receipts.c.sender == _LEASE, receipts.c.number == numbers)
    gone = removed.returning(receipts.c.number, receipts.c.taken).cte("gone")
    moved = _sent(_given(gone))
    whole = union_all(select(moved.c.id), select(cast(gone.c.number, Text()))).add_cte(_told(moved))
    return Statement.of(whole, frozenset({"lease", "numbers"}))


def _given(gone: CTE) -> CTE:
    """The mails of the receipts that are gone by this statement, as `store.receipts.packed` has put them down.

    In the order of ids, so that transactions which meet lock rows in the same order.
    """
    mails = func.jsonb_array_elements(cast(gone.c.taken, JSONB)).table_valued(column("value", JSONB))
    types = {"message_id": messages.c.id.type, **{field: messages.c[name].type for name, field in SENT_COLUMNS.items()}}
    values = {field: cast(mails.c.value[Taken._fields.index(field)].astext, type_) for field, type_ in types.items()}
    each = select(*(value.label(field) for field, value in values.items())).select_from(gone.join(mails, true()))
    return each.order_by(values["message_id"]).cte("given")


def _sent(given: CTE) -> CTE:
    values = {name: given.c[field] for name, field in SENT_COLUMNS.items()}
    return (
        update(messages)
        .where(messages.c.id == given.c.message_id, lease_of_message() == _LEASE)
        .where(stands_at(sources_of(Status.SENT)))
        .values({**values, **NO_FAILURE, **consequences(Status.SENT)})
        .returning(messages.c.id, given.c.at, given.c.attempts, given.c.smtp_code, given.c.reply)
        .cte("moved")
    )


def _told(moved: CTE) -> CTE:
    detail = ("attempt", moved.c.attempts, "smtp_code", moved.c.smtp_code, "reply", moved.c.reply)
    event = {
        "message_id": moved.c.id,
        "at": moved.c.at,
        "type": literal("sent"),
        "status": literal(Status.SENT.value),
        "detail": func.jsonb_build_object(*detail),
    }
    return telling(event)
