"""What a refused command says of the present state, in Japanese: somebody else was quicker, who, and when."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.era import moment_text
from core.statuses import Status
from store.address_changes import ChangeState
from store.reading import AnyRow
from store.reading_story import came_to_stand
from store.reading_views import is_settled
from store.resends import Resent
from store.tables import events, messages


async def message_stands(conn: AsyncConnection, message_id: str, now: datetime) -> str:
    """Where a message stands, since when, and by whom where a person brought it there."""
    query = select(messages.c.status, messages.c.settles_at).where(messages.c.id == message_id)
    row = (await conn.execute(query)).one()
    label = Status(row.status).label(settled=is_settled(row, now))
    came = await _came_there(conn, message_id)
    since = "" if came is None else f"（{_when(came.at, came.detail.get('by'))}）"
    return f"このメールの現在の状態は「{label}」です{since}。"


async def _came_there(conn: AsyncConnection, message_id: str) -> AnyRow | None:
    """The event with which it came to its present status."""
    query = select(events).where(events.c.message_id == message_id).order_by(events.c.id)
    return came_to_stand((await conn.execute(query)).all()).get(message_id)


def already_resent(found: Resent) -> str:
    """Why a mail is not sent again: a copy of it is on its way, or has just left."""
    who = "" if found.by is None else f"（操作した人：{found.by}）"
    again = f"このメールは、{moment_text(found.copy.created_at)}に再送されており{who}、"
    if Status(found.copy.status).final:
        return f"{again}直前に送信したところです。なお必要な場合は、1分以上経過した後に再送してください。"
    return (
        f"{again}その送信がまだ終わっていません。再送したメールの送信の結果が出てから、必要な場合に再送してください。"
    )


def already_released(entry: AnyRow) -> str:
    """Why an entry is not released."""
    return f"この送信停止は、既に解除されています（{_when(entry.released_at, entry.released_by)}）。"


def change_stands(change: AnyRow) -> str:
    """How far a request is, and who brought it there."""
    match ChangeState(change.state):
        case ChangeState.REQUESTED:
            return "この変更依頼は、まだ承認されていません。"
        case ChangeState.APPROVED:
            return f"この変更依頼は、承認されています（{_when(change.approved_at, change.approved_by)}）。"
        case ChangeState.DONE:
            return f"この変更依頼は、完了が登録されています（{_when(change.done_at, change.done_by)}）。"
        case ChangeState.REJECTED:
            return f"この変更依頼は、却下されています（{_when(change.rejected_at, change.rejected_by)}）。"
        case state:
            assert_never(state)


def _when(at: datetime, by: str | None) -> str:
    return moment_text(at) if by is None else f"{moment_text(at)}、操作した人：{by}"
